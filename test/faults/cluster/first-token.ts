import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 500;
const TIMEOUT_MS = 5_000;
const CONTENT = /"content":"[^"]/;

/** What the model server itself takes to its first token, asked past everything else: milliseconds, as long as this lives. */
export class FirstToken implements AsyncDisposable {
  readonly times: number[] = [];
  readonly #url: string;
  readonly #leaving = new AbortController();
  readonly #asking: Promise<void>;

  constructor(url: string) {
    this.#url = url;
    this.#asking = this.#keepAsking();
  }

  async #keepAsking(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      // Now and then it has been killed.
      await this.#ask().catch(() => {});
      await sleep(EVERY_MS, undefined, { signal: this.#leaving.signal }).catch(() => {});
    }
  }

  async #ask(): Promise<void> {
    const began = performance.now();
    const body = { model: 'fake', messages: [{ role: 'user', content: '[[tokens:1]]' }], stream: true };
    const response = await fetch(`${this.#url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([this.#leaving.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    let text = '';
    const decoder = new TextDecoder();
    for await (const part of response.body!) {
      text += decoder.decode(part as Uint8Array, { stream: true });
      if (CONTENT.test(text)) break;
    }
    this.times.push(performance.now() - began);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    await this.#asking;
  }
}
