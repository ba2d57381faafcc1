import OpenAI from 'openai';
import type { OpenAiHttpInference } from '../../src/adapters/openai-http/inference.ts';
import { openAdapter, requestFor } from '../load/adapter.ts';
import { median, percentile } from '../statistics.ts';
import { atMost, type Context, type Row, type Scenario, scaled } from './scenario.ts';

/** Streams at once, tokens of each, tokens a second and stream (0: as fast as they are taken). */
type Load = { streams: number; tokens: number; rate: number };
const LOADS: Readonly<Record<string, Load>> = {
  'paced, 20 tokens a second': { streams: 64, tokens: 100, rate: 20 },
  'as fast as they come': { streams: 16, tokens: 10_000, rate: 0 },
};
const ROUNDS = 5;
const MODEL = 'bench';

type Client = { ask(question: string, tokens: number): Promise<number> };

/** CPU of the reading process per token, the adapter and the `openai` package in turn on the same answers. */
export const adapter: Scenario = {
  about: 'CPU per token of the adapter for inference servers, beside the openai package',
  async run(context) {
    await using server = openAdapter(context.upstream.url);
    const clients = { adapter: ours(server), openai: theirs(context.upstream.url) };
    const rows: Row[] = [];
    const ratios: number[] = [];
    for (const [name, load] of Object.entries(LOADS)) {
      const { row, ratio } = await compare(context, name, load, clients);
      rows.push(row);
      ratios.push(ratio);
    }
    return {
      sections: [
        {
          title: 'CPU per token of the adapter',
          note: 'µs of the reading process; both ask for usage with every event, as vLLM gives it.',
          rows,
        },
      ],
      goals: [atMost('CPU per token of the adapter ÷ openai package', 1 / 3, median(ratios))],
    };
  },
};

async function compare(context: Context, name: string, load: Load, clients: Record<'adapter' | 'openai', Client>) {
  const scaledLoad = { ...load, tokens: scaled(context, load.tokens, load.tokens / 2) };
  const taken = { adapter: [] as number[], openai: [] as number[] };
  // The first round warms the code, and does not count.
  const rounds = scaled(context, ROUNDS, 2);
  for (let round = 0; round <= rounds; round++) {
    const turns = (['adapter', 'openai'] as const).toSorted(() => (round % 2 === 0 ? 1 : -1));
    for (const who of turns) {
      const cost = await cpuPerToken(clients[who], scaledLoad, round);
      if (round > 0) taken[who].push(cost);
    }
    context.log(
      `${name}, round ${round}: ${taken.adapter.at(-1)?.toFixed(1)} and ${taken.openai.at(-1)?.toFixed(1)} µs`,
    );
  }
  const ratio = median(taken.adapter.map((each, index) => each / taken.openai[index]!));
  const spread = (values: readonly number[]) =>
    `${percentile(values, 0).toFixed(1)}–${percentile(values, 1).toFixed(1)}`;
  const row: Row = {
    load: `${name}, ${load.streams} streams`,
    adapter: Number(median(taken.adapter).toFixed(1)),
    'adapter, least–most': spread(taken.adapter),
    openai: Number(median(taken.openai).toFixed(1)),
    'openai, least–most': spread(taken.openai),
    ratio: Number(ratio.toFixed(2)),
  };
  return { row, ratio };
}

/** Microseconds. The answers come from another process. */
async function cpuPerToken(client: Client, { streams, tokens, rate }: Load, round: number): Promise<number> {
  const before = process.cpuUsage();
  const read = await Promise.all(
    Array.from({ length: streams }, (_, index) =>
      client.ask(`[[n=${round * 1000 + index} t=${tokens} r=${rate}]]`, tokens),
    ),
  );
  const { user, system } = process.cpuUsage(before);
  const total = read.reduce((sum, each) => sum + each, 0);
  if (total !== streams * tokens) throw new Error(`${total} tokens were read of ${streams * tokens}`);
  return (user + system) / total;
}

function ours(server: OpenAiHttpInference): Client {
  return {
    async ask(content, maxTokens) {
      let tokens = 0;
      const count = (_: unknown, more: number) => {
        tokens += more;
      };
      const sink = { prompted: () => undefined, text: count, reasoning: count, toolCall: () => undefined };
      await server.generate(requestFor(content, maxTokens), sink, new AbortController().signal);
      return tokens;
    },
  };
}

function theirs(url: string): Client {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  return {
    async ask(content, maxTokens) {
      const usage = { include_usage: true, continuous_usage_stats: true };
      const stream = await client.chat.completions.create({
        model: MODEL,
        messages: [{ role: 'user', content }],
        max_tokens: maxTokens,
        stream: true,
        stream_options: usage,
      });
      let tokens = 0;
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) tokens++;
      return tokens;
    },
  };
}
