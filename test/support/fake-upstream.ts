import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';

/**
 * A server that speaks vLLM's wire format. Its text is a pure function of the prompt's last user message and
 * the position, so that every byte of an answer, a continued one too, can be checked without trusting what is
 * tested. A token of its vocabulary is one word with the space before it.
 */
export type FakeUpstreamOptions = {
  port?: number;
  model?: string;
  /** Milliseconds per token; 0: as fast as the socket takes them. */
  paceMs?: number;
  /** Tokens of an answer that no marker lengthens. */
  length?: number;
  contextWindow?: number;
  apiKey?: string;
  /** Has the route for counting, and refuses everything there, as Ray Serve LLM does. */
  countsNothing?: boolean;
  /** Requests answered at once; beyond, the answer is the 503 inside a 200 that vLLM gives. */
  maxRunning?: number;
  /** Answers as if no question asked for a fault. */
  ignoresFaults?: boolean;
  /** The status of every completion, and the seconds after which it asks to be tried again. */
  failsWith?: number | undefined;
  retryAfter?: number;
};

export type FakeCounts = { requests: number; open: number; aborted: number; finished: number };

export interface FakeUpstream extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly counts: FakeCounts;
  /** The last completion requests, newest last. */
  readonly seen: readonly SeenRequest[];
  /** May be changed while it runs. */
  readonly options: FakeUpstreamOptions;
}

export type SeenRequest = { body: CompletionRequest; headers: IncomingMessage['headers'] };

export type CompletionRequest = {
  model: string;
  messages: { role: string; content: string | null }[];
  /** Of a completion without messages. */
  prompt?: string;
  tools?: { function: { name: string } }[];
  stream?: boolean;
  max_tokens?: number;
  temperature?: number;
  continue_final_message?: boolean;
  add_generation_prompt?: boolean;
  stream_options?: { include_usage?: boolean; continuous_usage_stats?: boolean };
  cache_salt?: string;
  priority?: number;
};

const WORDS = [
  'the',
  'sea',
  'wind',
  'light',
  'ship',
  'night',
  'straße',
  'über',
  'naïve',
  'café',
  '東京',
  '海',
  '風の音',
  'Привет',
  'мир',
  'שלום',
  '🙂',
  '👩‍🚀',
  'e\u0301',
  '"quoted"',
  'back\\slash',
  'new\nline',
  'tab\there',
  'a/b',
  '<b>',
  '&',
  'end.',
  'is',
  'and',
  'of',
] as const;

/** The first `length` tokens of the answer to `question`, as text. */
export function answerText(question: string, length: number): string {
  const source = sourceOf(question);
  let text = '';
  for (let position = 0; position < length; position++) text += tokenOf(source, position);
  return text;
}

/** What the words of an answer follow from. `width`: how often each stands in its token, as `[[wide:N]]` asks. */
type Source = { seed: number; width: number };

function sourceOf(question: string): Source {
  const seed = createHash('sha256').update(question).digest().readUInt32LE(0);
  return { seed, width: faultsOf(question).get('wide') ?? 1 };
}

function tokenOf({ seed, width }: Source, position: number): string {
  let mixed = Math.imul(seed ^ Math.imul(position + 1, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  const word = WORDS[((mixed ^ (mixed >>> 16)) >>> 0) % WORDS.length]!.repeat(width);
  return position === 0 ? word : ` ${word}`;
}

/** One per word or run of other characters: close to what a real vocabulary does, and additive over texts. */
export function countFakeTokens(text: string): number {
  return text.match(/\S+|\s{2,}/g)?.length ?? 0;
}

const TOKENS_PER_MESSAGE = 4;

export async function startFakeUpstream(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const counts: FakeCounts = { requests: 0, open: 0, aborted: 0, finished: 0 };
  const seen: SeenRequest[] = [];
  const current = { ...options };
  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    void handle({ options: current, counts, seen }, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', 4096, resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    counts,
    seen,
    options: current,
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

type Fake = { options: FakeUpstreamOptions; counts: FakeCounts; seen: SeenRequest[] };

async function handle(fake: Fake, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://fake');
  const { options } = fake;
  if (options.apiKey && pathname.startsWith('/v1') && request.headers.authorization !== `Bearer ${options.apiKey}`) {
    return json(response, 401, { error: 'Unauthorized' });
  }
  if (request.method === 'GET' && pathname === '/health') return void response.writeHead(200).end();
  if (request.method === 'GET' && pathname === '/fake/counts') return json(response, 200, fake.counts);
  if (request.method === 'GET' && pathname === '/v1/models') {
    const model = { id: modelOf(options), object: 'model', owned_by: 'vllm', max_model_len: windowOf(options) };
    return json(response, 200, { object: 'list', data: [model] });
  }
  if (request.method !== 'POST') return json(response, 404, { detail: 'Not Found' });
  const body = await readJson(request);
  if (body === undefined) return fail(response, 400, 'Bad Request', 'JSON decode error');
  if (pathname === '/tokenize') return tokenize(options, body as { prompt?: string } & CompletionRequest, response);
  if (pathname === '/v1/chat/completions') return complete(fake, body as CompletionRequest, request, response);
  if (pathname === '/v1/completions') return complete(fake, asChat(body as CompletionRequest), request, response);
  if (pathname === '/v1/embeddings') return embed(options, body as { input: string | string[] }, response);
  json(response, 404, { detail: 'Not Found' });
}

/** Its text is the question; the answer is the same as that of a chat. */
function asChat(body: CompletionRequest): CompletionRequest {
  return { ...body, messages: [{ role: 'user', content: body.prompt ?? '' }] };
}

/** Three numbers that follow from the text. */
export function embeddingOf(text: string): number[] {
  return [...createHash('sha256').update(text).digest().subarray(0, 3)].map((byte) => byte / 256);
}

function embed(options: FakeUpstreamOptions, { input }: { input: string | string[] }, response: ServerResponse): void {
  const inputs = typeof input === 'string' ? [input] : input;
  const data = inputs.map((text, index) => ({ object: 'embedding', index, embedding: embeddingOf(text) }));
  const tokens = inputs.reduce((sum, text) => sum + countFakeTokens(text), 0);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  json(response, 200, { object: 'list', data: data.toReversed(), model: modelOf(options), usage });
}

function tokenize(
  options: FakeUpstreamOptions,
  body: { prompt?: string } & CompletionRequest,
  response: ServerResponse,
): void {
  if (options.countsNothing) return void fail(response, 400, 'OpenAIHTTPException', 'no tokenization');
  const count = body.prompt === undefined ? countPrompt(body.messages) : countFakeTokens(body.prompt);
  json(response, 200, { count, max_model_len: windowOf(options), tokens: Array(count).fill(0), token_strs: null });
}

function countPrompt(messages: CompletionRequest['messages']): number {
  return messages.reduce((sum, { content }) => sum + TOKENS_PER_MESSAGE + countFakeTokens(content ?? ''), 0);
}

/** What was refused, as vLLM puts it; null where the request may be answered. */
function refusal(options: FakeUpstreamOptions, body: CompletionRequest): [number, string, string] | null {
  if (body.model !== modelOf(options)) return [404, 'NotFoundError', `The model \`${body.model}\` does not exist.`];
  if (!Array.isArray(body.messages) || body.messages.length === 0) return [400, 'BadRequestError', 'messages is empty'];
  if ((body.temperature ?? 0) < 0) return [400, 'BadRequestError', 'temperature must be non-negative'];
  const question = body.messages.findLast(({ role }) => role === 'user')?.content ?? '';
  if (body.continue_final_message && !placeOf(sourceOf(question), body.messages.at(-1)!.content ?? '')) {
    return [400, 'BadRequestError', 'the prefix is none of this answer'];
  }
  const window = windowOf(options);
  const prompt = countPrompt(body.messages);
  if (prompt + (body.max_tokens ?? 1) > window) {
    const text = `This model's maximum context length is ${window} tokens. However, your prompt contains at least ${prompt} input tokens, and ${body.max_tokens} were asked for.`;
    return [400, 'BadRequestError', text];
  }
  return null;
}

async function complete(
  fake: Fake,
  body: CompletionRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { counts, seen, options } = fake;
  counts.requests++;
  seen.push({ body, headers: request.headers });
  if (seen.length > 100) seen.shift();
  const question = body.messages?.findLast(({ role }) => role === 'user')?.content ?? '';
  if (options.failsWith !== undefined) return failWith(response, options.failsWith, options.retryAfter);
  const faults = options.ignoresFaults ? new Map<string, number>() : new Map(faultsOf(question));
  // The first so many requests of all: it is away for a while.
  if (counts.requests <= (faults.get('reset') ?? 0)) return void request.socket.resetAndDestroy();
  const status = faults.get('status');
  if (status !== undefined) return failWith(response, status, faults.get('retry-after'));
  const refused = refusal(options, body);
  if (refused) return fail(response, refused[0], refused[1], refused[2]);
  const cutOnce = faults.get('cut-first');
  if (cutOnce !== undefined && counts.requests === 1) faults.set('cut-answer', cutOnce);
  // `silent:1`: the first request of all only.
  const silent = faults.get('silent');
  if (silent === 0 || counts.requests <= (silent ?? 0)) return;
  const stream = new CompletionStream(options, body, question, faults, response);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', server: 'uvicorn' });
  if (counts.open >= (options.maxRunning ?? Number.POSITIVE_INFINITY) || faults.has('overloaded-in-stream')) {
    return stream.failInside('The engine is currently busy and cannot accept new requests.', 503);
  }
  counts.open++;
  response.once('close', () => {
    counts.open--;
    if (response.writableFinished) counts.finished++;
    else counts.aborted++;
    stream.stop();
  });
  stream.start();
}

/** Writes one answer. All timing is one timer per stream, so that thousands may run. */
class CompletionStream {
  readonly #response: ServerResponse;
  readonly #faults: ReadonlyMap<string, number>;
  readonly #paceMs: number;
  readonly #source: Source;
  readonly #first: number;
  readonly #last: number;
  readonly #finishReason: 'stop' | 'length';
  readonly #usage: (completion: number) => object;
  readonly #options: NonNullable<CompletionRequest['stream_options']>;
  readonly #head: string;
  readonly #tool: string | null;
  readonly #isPlain: boolean;
  #rest: string;
  #position: number;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #packet: string[] = [];

  constructor(
    options: FakeUpstreamOptions,
    body: CompletionRequest,
    question: string,
    faults: ReadonlyMap<string, number>,
    response: ServerResponse,
  ) {
    this.#response = response;
    this.#faults = faults;
    this.#paceMs = options.paceMs ?? 0;
    this.#source = sourceOf(question);
    const prompt = countPrompt(body.messages);
    const length = faults.get('tokens') ?? options.length ?? 40;
    const place = body.continue_final_message ? placeOf(this.#source, body.messages.at(-1)?.content ?? '') : null;
    this.#rest = place?.rest ?? '';
    // What is left of a token is a token of this call.
    this.#first = (place?.position ?? 0) - (this.#rest ? 1 : 0);
    const most = this.#first + (body.max_tokens ?? length);
    this.#last = Math.max(this.#first, Math.min(length, most));
    this.#finishReason = length > most ? 'length' : 'stop';
    this.#position = this.#first;
    this.#options = body.stream_options ?? {};
    this.#tool = body.tools?.[0]?.function.name ?? null;
    this.#isPlain = body.prompt !== undefined;
    this.#head = `"id":"chatcmpl-${randomUUID()}","object":"chat.completion.chunk","created":1795490006,"model":"${body.model}"`;
    this.#usage = (completion) => ({
      prompt_tokens: prompt,
      total_tokens: prompt + completion,
      completion_tokens: completion,
      prompt_tokens_details: { cached_tokens: Math.floor(prompt / 2) },
    });
  }

  start(): void {
    if (this.#faults.has('empty')) return void this.#response.end(DONE);
    this.#write(this.#event('{"role":"assistant","content":""}', null));
    if (this.#tool !== null && this.#faults.has('call')) return void this.#callTool(this.#tool);
    const isContinued = this.#position > 0 || this.#rest !== '';
    if (this.#faults.has('reasoning') && !isContinued)
      this.#write(this.#event('{"reasoning_content":"Let me think."}', null));
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  failInside(message: string, code: number): void {
    const error = { message, type: code === 503 ? 'Service Unavailable' : 'InternalServerError', param: null, code };
    this.#response.end(`data: ${JSON.stringify({ error })}\n\n${DONE}`);
  }

  /** As vLLM streams it: name first, arguments in pieces. */
  #callTool(name: string): void {
    const call = (more: string) => this.#event(`{"tool_calls":[{"index":0,${more}}]}`, null);
    this.#write(call(`"id":"call_fake","type":"function","function":{"name":${JSON.stringify(name)}}`));
    for (const piece of ['{"city":', '"Ulm"}']) this.#write(call(`"function":{"arguments":${JSON.stringify(piece)}}`));
    this.#write(this.#event('{}', 'tool_calls'));
    this.#write(DONE);
    this.#response.end();
  }

  #next(): void {
    while (!this.#stopped) {
      if (this.#fails() || this.#position >= this.#last) break;
      const text = this.#rest || tokenOf(this.#source, this.#position);
      this.#rest = '';
      this.#position++;
      const delta = `{"content":${JSON.stringify(text)}}`;
      const isLast = this.#position >= this.#last;
      const goesOn = this.#write(this.#event(delta, isLast && this.#endsWhole() ? this.#finishReason : null));
      if (isLast) continue;
      if (this.#paceMs > 0) {
        this.#wait(this.#paceMs);
        return;
      }
      // Back-pressure, and a turn for the others.
      if (!goesOn) return void this.#response.once('drain', () => this.#next());
      if (this.#position % 64 === 0) return void setImmediate(() => this.#next());
    }
    if (!this.#stopped && this.#position >= this.#last) this.#finish();
  }

  #endsWhole(): boolean {
    return !['error-event', 'cut-event', 'cut-character', 'cut-answer', 'stall', 'abort-reason'].some((name) =>
      this.#reached(name),
    );
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#next(), ms);
  }

  #finish(): void {
    const completion = this.#last - this.#first;
    if (completion === 0) this.#write(this.#event('{"content":""}', this.#finishReason));
    this.stop();
    if (this.#options.include_usage && !this.#faults.has('no-usage')) {
      this.#write(`data: {${this.#head},"choices":[],"usage":${JSON.stringify(this.#usage(completion))}}\n\n`);
    }
    if (!this.#faults.has('no-done')) this.#write(DONE);
    this.#flush();
    if (this.#faults.has('byte-by-byte')) return;
    this.#response.end();
  }

  #reached(name: string): boolean {
    const after = this.#faults.get(name);
    return after !== undefined && this.#position - this.#first >= after;
  }

  /** True where a fault has ended it. */
  #fails(): boolean {
    const response = this.#response;
    if (this.#reached('error-event')) this.failInside('EngineCore encountered an issue.', 500);
    else if (this.#reached('abort-reason')) response.end(this.#event('{"content":""}', 'abort') + DONE);
    else if (this.#reached('cut-event')) this.#cut(this.#event('{"content":" lost"}', null).slice(0, 40));
    else if (this.#reached('cut-character')) {
      this.#cut(
        Buffer.concat([Buffer.from('data: {"choices":[{"delta":{"content":"'), Buffer.from('🙂').subarray(0, 2)]),
      );
    } else if (this.#reached('cut-answer')) this.#cut('');
    else if (!this.#reached('stall')) return false;
    this.stop();
    return true;
  }

  /** The connection is lost: no end of the chunked body. */
  #cut(rest: string | Buffer): void {
    const response = this.#response;
    if (rest.length > 0) response.write(rest, () => response.destroy());
    // What was written before is to arrive.
    else setImmediate(() => response.destroy());
  }

  #event(delta: string, finishReason: string | null): string {
    const reason = finishReason === null ? 'null' : `"${finishReason}"`;
    const usage = this.#options.continuous_usage_stats
      ? `,"usage":${JSON.stringify(this.#usage(this.#position - this.#first))}`
      : '';
    const said = this.#isPlain ? `"text":${JSON.stringify(JSON.parse(delta).content ?? '')}` : `"delta":${delta}`;
    return `data: {${this.#head},"choices":[{"index":0,${said},"logprobs":null,"finish_reason":${reason},"token_ids":null}]${usage}}\n\n`;
  }

  #write(event: string): boolean {
    if (this.#faults.has('packets-of-20')) {
      this.#packet.push(event);
      return this.#packet.length < 20 || this.#flush();
    }
    if (this.#faults.has('byte-by-byte')) return this.#packet.push(event) > 0;
    return this.#response.write(event);
  }

  #flush(): boolean {
    const all = this.#packet.splice(0).join('');
    if (!this.#faults.has('byte-by-byte')) return all === '' || this.#response.write(all);
    void dribble(this.#response, Buffer.from(all));
    return true;
  }
}

async function dribble(response: ServerResponse, bytes: Buffer): Promise<void> {
  response.socket?.setNoDelay(true);
  for (const byte of bytes) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  response.end();
}

const DONE = 'data: [DONE]\n\n';

/** Where a prefix of the answer ends: the next whole token, and what is left of the one before. Null: not its own. */
function placeOf(source: Source, prefix: string): { position: number; rest: string } | null {
  let text = '';
  let position = 0;
  while (text.length < prefix.length) text += tokenOf(source, position++);
  return text.startsWith(prefix) ? { position, rest: text.slice(prefix.length) } : null;
}

function faultsOf(question: string): ReadonlyMap<string, number> {
  return new Map(
    [...question.matchAll(/\[\[([a-z0-9-]+)(?::(\d+))?\]\]/g)].map(([, name, n]) => [name!, Number(n ?? 0)]),
  );
}

function modelOf({ model = 'fake' }: FakeUpstreamOptions): string {
  return model;
}

function windowOf({ contextWindow = 8192 }: FakeUpstreamOptions): number {
  return contextWindow;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function fail(response: ServerResponse, status: number, type: string, message: string): void {
  json(response, status, { error: { message, type, param: null, code: status } });
}

function failWith(response: ServerResponse, status: number, retryAfter: number | undefined): void {
  if (retryAfter !== undefined) response.setHeader('retry-after', `${retryAfter}`);
  fail(response, status, 'Fault', status === 404 ? 'The model does not exist.' : `as asked: ${status}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      model: { type: 'string', default: 'fake' },
      'pace-ms': { type: 'string', default: '0' },
      length: { type: 'string', default: '40' },
      'context-window': { type: 'string', default: '8192' },
    },
  });
  const upstream = await startFakeUpstream({
    port: Number(values.port),
    model: values.model,
    paceMs: Number(values['pace-ms']),
    length: Number(values.length),
    contextWindow: Number(values['context-window']),
  });
  console.log(upstream.url);
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => void upstream[Symbol.asyncDispose]().then(() => process.exit()));
  }
}
