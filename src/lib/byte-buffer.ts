/** Bytes that only grow; read as views without copying. */
export class ByteBuffer {
  #bytes: Buffer;
  #length = 0;

  constructor(initial: Uint8Array = new Uint8Array(0)) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(256, initial.length * 2));
    this.appendBytes(initial);
  }

  get length(): number {
    return this.#length;
  }

  appendText(text: string): void {
    // UTF-8 needs at most three bytes for one UTF-16 unit.
    this.#reserve(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length);
  }

  appendBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A view: valid until the next append. */
  view(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#length);
  }

  toString(): string {
    return this.#bytes.toString('utf8', 0, this.#length);
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + extra));
    grown.set(this.view());
    this.#bytes = grown;
  }
}
