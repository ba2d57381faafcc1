import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connections } from '../../src/adapters/openai-http/connections.ts';
import type { OpenAiHttpInference } from '../../src/adapters/openai-http/inference.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { AnswerFlusher } from '../../src/core/answer-flusher.ts';
import { AnswerWriter } from '../../src/core/answer-writer.ts';
import type { TokenLog } from '../../src/ports/token-log.ts';
import { openAdapter, requestFor } from '../load/adapter.ts';
import { median } from '../statistics.ts';
import { type Context, type Row, round, roundsOf, type Scenario, type Section, scaled } from './scenario.ts';

/** As many tokens a second of many streams, as chats are, and of few, whose data stay in the processor's caches. */
const LOADS = [
  { streams: 500, pace: 20 },
  { streams: 20, pace: 500 },
] as const;
const LONGEST_S = 60;
const MOST_TOKENS = 100_000;
const WINDOW_MS = 25;
const SECONDS = { warm: 4, measured: 5 };
const MODEL = 'bench';

/** What is begun for one stream, which ends with the signal. `onToken` is told of each token, or read. */
type Layer = { name: string; start(question: string, onToken: () => void, signal: AbortSignal): void };
type Cost = { user: number; system: number; tokens: number };
type Load = { streams: number; pace: number };

export const layers: Scenario = {
  about: 'What a worker spends on a token, layer by layer, from the bare socket to the flusher',
  async run(context) {
    const { url } = context.upstream;
    await using server = openAdapter(url);
    await using connections = new Connections({ origin: new URL(url), connectTimeoutMs: 5000 });
    const all = [socket(url), response(connections), completion(server), flushed(server)];
    const sections: Section[] = [];
    for (const { streams, pace } of LOADS) {
      const load = { streams: scaled(context, streams), pace };
      const costs = new Map<Layer, Cost[]>(all.map((layer) => [layer, []]));
      for (let turn = 0; turn < roundsOf(context); turn += 1) {
        for (const layer of all) costs.get(layer)!.push(await measure(context, load, layer));
      }
      sections.push({
        title: `A worker's reading, ${load.streams} streams of ${pace} tokens/s in one process`,
        note: `µs of this process for a token; each layer with all before it. Flushed every ${WINDOW_MS} ms, into nothing.`,
        rows: [...costs].map(([{ name }, taken]) => rowOf(name, taken)),
      });
    }
    return { sections, goals: [] };
  },
};

async function measure(context: Context, { streams, pace }: Load, { name, start }: Layer): Promise<Cost> {
  const seconds = context.toy ? { warm: 0.2, measured: 0.5 } : SECONDS;
  const over = new AbortController();
  let tokens = 0;
  const count = () => {
    tokens += 1;
  };
  for (let stream = 0; stream < streams; stream += 1) {
    start(`[[n=${stream} t=${LONGEST_S * pace} r=${pace}]]`, count, over.signal);
    // So that they do not all speak at once.
    if (stream % 4 === 3) await sleep(4);
  }
  await sleep(seconds.warm * 1000);
  const from = tokens;
  const before = process.cpuUsage();
  await sleep(seconds.measured * 1000);
  const { user, system } = process.cpuUsage(before);
  const cost = { user, system, tokens: tokens - from };
  over.abort();
  await sleep(500);
  context.log(`${streams} streams, ${name}: ${((user + system) / cost.tokens).toFixed(1)} µs a token`);
  return cost;
}

function rowOf(layer: string, costs: readonly Cost[]): Row {
  const each = (part: (cost: Cost) => number) => round(median(costs.map((cost) => part(cost) / cost.tokens)));
  return {
    layer,
    'µs a token': each(({ user, system }) => user + system),
    'of it user': each(({ user }) => user),
    'of it kernel': each(({ system }) => system),
  };
}

const body = (content: string) =>
  JSON.stringify({
    model: MODEL,
    stream: true,
    messages: [{ role: 'user', content }],
    stream_options: { include_usage: true, continuous_usage_stats: true },
  });

/** What Node and the kernel take, whoever reads. */
function socket(url: string): Layer {
  const { hostname: host, port } = new URL(url);
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  return {
    name: 'socket',
    start(question, onToken, signal) {
      const callback = () => {
        onToken();
        return true;
      };
      const sent = body(question);
      const opened = connect({ host, port: Number(port), onread: { buffer, callback } });
      opened.on('error', () => undefined);
      opened.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${Buffer.byteLength(sent)}\r\n\r\n${sent}`,
      );
      signal.addEventListener('abort', () => opened.destroy(), { once: true });
    },
  };
}

function response(connections: Connections): Layer {
  return {
    name: 'and the response',
    start(question, onToken, signal) {
      const post = { path: '/v1/chat/completions', headers: {}, body: body(question) };
      const nothing = () => undefined;
      const exchange = connections.send(post, { onHead: nothing, onBody: onToken, onEnd: nothing, onError: nothing });
      signal.addEventListener('abort', () => exchange.abort(), { once: true });
    },
  };
}

function completion(server: OpenAiHttpInference): Layer {
  return {
    name: 'and the completion',
    start: (question, onToken, signal) => ask(server, question, signal, onToken),
  };
}

function flushed(server: OpenAiHttpInference): Layer {
  const append: TokenLog['append'] = async (batch) => batch.map(() => ({ kind: 'appended', followers: 1 }));
  const log = { append } as TokenLog;
  const flusher = new AnswerFlusher({ log, clock: new SystemClock() }, { windowMs: WINDOW_MS, windowMaxMs: WINDOW_MS });
  const nothing = new Uint8Array(0);
  return {
    name: 'and the flusher',
    start(question, onToken, signal) {
      const held = { id: randomUUID(), userId: randomUUID(), epoch: 1 };
      const writer = new AnswerWriter(held, { text: nothing, reasoning: nothing, epochs: [] });
      ask(server, question, signal, (text) => {
        onToken();
        writer.text.appendText(text);
        flusher.schedule(writer);
      });
    },
  };
}

function ask(server: OpenAiHttpInference, content: string, signal: AbortSignal, onText: (text: string) => void): void {
  const nothing = () => undefined;
  const sink = { prompted: nothing, text: onText, reasoning: onText, toolCall: nothing };
  server.generate(requestFor(content, MOST_TOKENS), sink, signal).catch(nothing);
}
