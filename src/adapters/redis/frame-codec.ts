import type { GenerationId } from '../../ports/generations.ts';
import type { Frame } from '../../ports/token-log.ts';
import { START } from '../../protocol/position.ts';

/**
 * What one process tells one API replica through one server in one tick, as one message: a header, then
 * one entry for each frame. Numbers are little-endian.
 *
 * header: publisher (16 bytes of ASCII), count of messages sent before on this way (u32)
 * entry: kind (u8), length of the id (u8), id, epoch (u32), position or length of text (u32) and of
 * reasoning (u32), bytes of text (u32) and of reasoning (u32), the bytes
 */
export const PUBLISHER_BYTES = 16;
const HEADER_BYTES = PUBLISHER_BYTES + 4;
const ENTRY_BYTES = 22;
const KINDS = ['opened', 'bytes', 'closed', 'gap'] as const;
const CODE = { opened: 0, bytes: 1, closed: 2, gap: 3 } as const;
const NOTHING = new Uint8Array(0);

export class FrameMessage {
  #buffer = Buffer.allocUnsafeSlow(4 * 1024);
  #length = HEADER_BYTES;

  add(id: GenerationId, frame: Frame): void {
    if (frame.kind === 'bytes') this.#entry(CODE.bytes, id, frame.epoch, frame.at, frame.text, frame.reasoning);
    else if (frame.kind === 'opened') this.#entry(CODE.opened, id, frame.epoch, frame.at, NOTHING, NOTHING);
    else if (frame.kind === 'closed') this.#entry(CODE.closed, id, frame.epoch, frame.length, NOTHING, NOTHING);
    else this.#entry(CODE.gap, id, 0, START.at, NOTHING, NOTHING);
  }

  /** A view that holds until the next `add`; the message is empty again. */
  seal(publisher: string, before: number): Buffer {
    this.#buffer.write(publisher, 0, PUBLISHER_BYTES, 'latin1');
    this.#buffer.writeUInt32LE(before >>> 0, PUBLISHER_BYTES);
    const sealed = this.#buffer.subarray(0, this.#length);
    this.#length = HEADER_BYTES;
    return sealed;
  }

  #entry(
    code: number,
    id: GenerationId,
    epoch: number,
    at: { text: number; reasoning: number },
    text: Uint8Array,
    reasoning: Uint8Array,
  ): void {
    this.#reserve(ENTRY_BYTES + id.length + text.length + reasoning.length);
    const buffer = this.#buffer;
    let end = this.#length;
    buffer[end++] = code;
    buffer[end++] = id.length;
    end += buffer.write(id, end, 'latin1');
    end = buffer.writeUInt32LE(epoch, end);
    end = buffer.writeUInt32LE(at.text, end);
    end = buffer.writeUInt32LE(at.reasoning, end);
    end = buffer.writeUInt32LE(text.length, end);
    end = buffer.writeUInt32LE(reasoning.length, end);
    buffer.set(text, end);
    buffer.set(reasoning, end + text.length);
    this.#length = end + text.length + reasoning.length;
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + extra));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

export function readHeader(message: Buffer): { publisher: string; before: number } {
  return {
    publisher: message.toString('latin1', 0, PUBLISHER_BYTES),
    before: message.readUInt32LE(PUBLISHER_BYTES),
  };
}

/** The frames' bytes are views of the message. */
export function readFrames(message: Buffer, hear: (id: GenerationId, frame: Frame) => void): void {
  for (let at = HEADER_BYTES; at < message.length; ) {
    const kind = KINDS[message[at]!];
    const idEnd = at + 2 + message[at + 1]!;
    const id = message.toString('latin1', at + 2, idEnd);
    const epoch = message.readUInt32LE(idEnd);
    const position = { text: message.readUInt32LE(idEnd + 4), reasoning: message.readUInt32LE(idEnd + 8) };
    const textEnd = idEnd + 20 + message.readUInt32LE(idEnd + 12);
    const end = textEnd + message.readUInt32LE(idEnd + 16);
    if (kind === 'bytes') {
      const text = message.subarray(idEnd + 20, textEnd);
      const reasoning = end === textEnd ? NOTHING : message.subarray(textEnd, end);
      hear(id, { kind, epoch, at: position, text, reasoning });
    } else if (kind === 'opened') hear(id, { kind, epoch, at: position });
    else if (kind === 'closed') hear(id, { kind, epoch, length: position });
    else hear(id, { kind: 'gap' });
    at = end;
  }
}
