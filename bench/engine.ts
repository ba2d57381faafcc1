import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { LlamaEngine } from '../src/adapters/llama/engine.ts';
import { chooseThreads } from '../src/adapters/llama/load-model.ts';
import { PACKAGED_MODEL } from '../src/adapters/llama/packaged-model.ts';
import type { PlainLoad, PlainResult, PlainRound } from './plain-loop.ts';

/**
 * The embedded engine beside a plain loop over the library it is built on: same file, same threads, rounds in
 * turn. Then what a long prompt does to a neighbour, and how soon an abort is obeyed.
 *
 *   node bench/engine.ts [--model PATH] [--rounds N]
 */
export type EngineBenchRow = {
  measure: string;
  engine: number;
  plain: number | null;
  ratio: number | null;
  goal: string;
};

export type EngineBenchOptions = { modelPath: string; rounds?: number; log?: (line: string) => void };

const CHATS = [1, 8] as const;
const TOKENS = 64;
const CONTEXT = 2048;
const QUESTIONS = ['the sea', 'old ships', 'a lighthouse', 'winter', 'mountains', 'bread', 'trains', 'music'];

export async function engineBench({ modelPath, rounds = 5, log }: EngineBenchOptions): Promise<EngineBenchRow[]> {
  const rows = await throughput(modelPath, rounds, log ?? (() => undefined));
  return [...rows, ...(await stalls(modelPath, rounds))];
}

async function throughput(modelPath: string, rounds: number, log: (line: string) => void): Promise<EngineBenchRow[]> {
  const slots = Math.max(...CHATS);
  await using engine = new LlamaEngine({ modelPath, slots, contextSize: CONTEXT });
  const model = await engine.ready();
  const plain = fork(new URL('plain-loop.ts', import.meta.url), { execArgv: [] });
  const threads = chooseThreads(availableParallelism(), cpus().length, null).decode;
  plain.send({ load: { modelPath, slots, contextSize: CONTEXT, threads } } satisfies PlainLoad);
  await once(plain, 'message');
  const results = new Map(CHATS.map((chats) => [chats, { engine: [] as PlainResult[], plain: [] as PlainResult[] }]));
  for (let round = 0; round < rounds; round++) {
    for (const chats of CHATS) {
      const prompts = QUESTIONS.slice(0, chats).map((about) => `Write a long story about ${about}, part ${round}.`);
      const one = results.get(chats)!;
      // Whoever comes first changes from round to round.
      const turns = [
        async () => one.engine.push(await askEngine(engine, model.id, prompts)),
        async () => one.plain.push(await askPlain(plain, { prompts, maxTokens: TOKENS })),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
      const rate = ({ tokens, ms }: PlainResult) => ((tokens * 1000) / ms).toFixed(0);
      log(
        `round ${round + 1}, ${chats} chats: engine ${rate(one.engine.at(-1)!)}, plain ${rate(one.plain.at(-1)!)} tokens/s`,
      );
    }
  }
  plain.disconnect();
  return [...results].flatMap(([chats, { engine: ours, plain: theirs }]) => compare(chats, ours, theirs));
}

function compare(chats: number, ours: readonly PlainResult[], theirs: readonly PlainResult[]): EngineBenchRow[] {
  const rate = (results: readonly PlainResult[]) => results.map(({ tokens, ms }) => (tokens * 1000) / ms);
  const first = (results: readonly PlainResult[]) => results.map(({ firstTokenMs }) => median(firstTokenMs));
  const rates = rate(ours).map((value, round) => value / rate(theirs)[round]!);
  const firsts = first(ours).map((value, round) => value / first(theirs)[round]!);
  return [
    {
      measure: `${chats} chat(s): tokens/s`,
      engine: median(rate(ours)),
      plain: median(rate(theirs)),
      ratio: median(rates),
      goal: 'ratio ≥ 0.95',
    },
    {
      measure: `${chats} chat(s): ms to first token`,
      engine: median(first(ours)),
      plain: median(first(theirs)),
      ratio: median(firsts),
      goal: '',
    },
  ];
}

async function stalls(modelPath: string, rounds: number): Promise<EngineBenchRow[]> {
  await using engine = new LlamaEngine({ modelPath, slots: 2, contextSize: CONTEXT });
  const { id } = await engine.ready();
  const gaps: number[] = [];
  const longest: number[] = [];
  const reading: number[] = [];
  const aborts: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const prompt = await longPrompt(engine, id, round);
    const seen = await besideLongPrompt(engine, id, prompt);
    gaps.push(...seen.gaps);
    longest.push(Math.max(...seen.gaps));
    reading.push(seen.readingMs);
    aborts.push(await abortInPrompt(modelPath, round));
  }
  const row = (measure: string, value: number, goal: string) => ({
    measure,
    engine: value,
    plain: null,
    ratio: null,
    goal,
  });
  return [
    row('1,700-token prompt beside a chat: ms until its first token', median(reading), ''),
    row('its neighbour meanwhile: ms between tokens, median', median(gaps), ''),
    row('its neighbour meanwhile: longest gap in ms, median of rounds', median(longest), '≤ 300'),
    row('its neighbour meanwhile: longest gap in ms, worst round', Math.max(...longest), '≤ 300'),
    row('abort within a long prompt: ms until the next chat is taken up', median(aborts), '≤ 200'),
  ];
}

async function besideLongPrompt(engine: LlamaEngine, model: string, prompt: string) {
  const stop = new AbortController();
  const times: number[][] = [];
  const started = Promise.withResolvers<void>();
  const writeOn = async () => {
    // A small model ends when it likes: the gaps are those within one answer.
    for (let part = 0; !stop.signal.aborted; part++) {
      const own: number[] = [];
      times.push(own);
      await ask(engine, model, `Tell me a very long story, part ${part}.`, 500, stop.signal, () => {
        own.push(performance.now());
        if (own.length === 5) started.resolve();
      });
    }
  };
  const neighbour = writeOn().catch(() => undefined);
  await started.promise;
  const began = performance.now();
  await ask(engine, model, prompt, 1, new AbortController().signal);
  const ended = performance.now();
  stop.abort();
  await neighbour;
  const gaps = times.flatMap((own) => {
    const within = own.filter((at) => at >= began && at <= ended);
    return within.slice(1).map((at, index) => at - within[index]!);
  });
  return { gaps, readingMs: ended - began };
}

/** One place only: the next chat cannot begin before the abort is obeyed. */
async function abortInPrompt(modelPath: string, round: number): Promise<number> {
  await using engine = new LlamaEngine({ modelPath, slots: 1, contextSize: CONTEXT });
  const { id } = await engine.ready();
  const short = await timeToFirst(engine, id, `Hi ${round}`);
  const stop = new AbortController();
  const running = ask(engine, id, await longPrompt(engine, id, round), 1, stop.signal).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 700));
  stop.abort();
  const next = await timeToFirst(engine, id, `Ho ${round}`);
  await running;
  return Math.max(0, next - short);
}

async function timeToFirst(engine: LlamaEngine, model: string, content: string): Promise<number> {
  const began = performance.now();
  await ask(engine, model, content, 1, new AbortController().signal);
  return performance.now() - began;
}

async function longPrompt(engine: LlamaEngine, model: string, round: number): Promise<string> {
  const sentence = `In year ${round} the quick brown fox jumped over the lazy dog near the old river bank. `;
  const [count] = await engine.countTokens(model, [sentence]);
  return sentence.repeat(Math.floor(1700 / count!));
}

async function askEngine(engine: LlamaEngine, model: string, prompts: readonly string[]): Promise<PlainResult> {
  const began = performance.now();
  const firstTokenMs: number[] = [];
  const results = await Promise.all(
    prompts.map(async (prompt) => {
      let first = true;
      const signal = new AbortController().signal;
      return ask(engine, model, prompt, TOKENS, signal, () => {
        if (first) firstTokenMs.push(performance.now() - began);
        first = false;
      });
    }),
  );
  return { firstTokenMs, tokens: results.reduce((sum, tokens) => sum + tokens, 0), ms: performance.now() - began };
}

async function ask(
  engine: LlamaEngine,
  model: string,
  content: string,
  maxTokens: number,
  signal: AbortSignal,
  onText: () => void = () => undefined,
): Promise<number> {
  const request = {
    model,
    messages: [{ role: 'user' as const, content }],
    prefix: { text: '', reasoning: '' },
    maxTokens,
    temperature: 0,
    affinity: content,
    lane: 'chat' as const,
  };
  const sink = { prompted: () => undefined, text: onText, reasoning: onText, toolCall: () => undefined };
  return (await engine.generate(request, sink, signal)).usage.completionTokens;
}

async function askPlain(plain: ChildProcess, round: PlainRound): Promise<PlainResult> {
  plain.send(round);
  const [result] = (await once(plain, 'message')) as [PlainResult];
  return result;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const [, script] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  const { values } = parseArgs({ options: { model: { type: 'string' }, rounds: { type: 'string' } } });
  const folder = fileURLToPath(new URL('../.cache/models/', import.meta.url));
  const modelPath = values.model ?? join(folder, PACKAGED_MODEL.file);
  console.log(`load average ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores`);
  const rows = await engineBench({ modelPath, rounds: Number(values.rounds ?? 5), log: console.log });
  const round = (value: number | null) => (value === null ? '' : Number(value.toPrecision(3)));
  console.table(
    rows.map((row) => ({ ...row, engine: round(row.engine), plain: round(row.plain), ratio: round(row.ratio) })),
  );
}
