import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LRUCache } from 'lru-cache';
import { OpenAiHttpInference } from '../../src/adapters/openai-http/inference.ts';
import { PooledInference } from '../../src/adapters/pool/inference.ts';
import type { ChatMessage } from '../../src/protocol/chat-message.ts';
import { atLeast, type Context, type Row, type Scenario, scaled } from './scenario.ts';

const MODEL = 'bench';
const SERVERS = 2;
const CONVERSATIONS = 400;
const TURNS = 8;
/** Tokens of a question, and of an answer. */
const WORDS = 60;
const AT_ONCE = 32;
/** Of all conversations, what one server remembers: together they hold little more than everything. */
const MEMORY = 0.6;

type Server = { url: string; requests: number } & AsyncDisposable;

/** Conversations that go on turn by turn at servers that remember prompts, each kept to one of them or to none. */
export const affinity: Scenario = {
  about: 'Prompt tokens found in memory at two servers, by conversation and by chance',
  async run(context) {
    const byConversation = await measure(context, 'by conversation', (conversation) => conversation);
    const byChance = await measure(context, 'by chance', () => randomUUID());
    return {
      sections: [
        {
          title: 'Prompt tokens found in memory',
          note: `${CONVERSATIONS} conversations of ${TURNS} turns, ${AT_ONCE} under way at once, ${SERVERS} servers that each remember ${MEMORY * 100} % of all, the longest unused forgotten first.`,
          rows: [byConversation.row, byChance.row],
        },
      ],
      goals: [atLeast('prompt tokens found of those that were read before, %', 95, byConversation.share)],
    };
  },
};

async function measure(context: Context, name: string, affinityOf: (conversation: string) => string) {
  const conversations = scaled(context, CONVERSATIONS, CONVERSATIONS / 4);
  await using stack = new AsyncDisposableStack();
  const memory = MEMORY * conversations * TURNS * 2 * WORDS;
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => startRemembering(memory)));
  for (const server of servers) stack.use(server);
  const members = servers.map(({ url }) => ({
    source: { name: url, inference: stack.use(connect(url)) },
    servedAs: MODEL,
    weight: 1,
  }));
  const describe = () => ({ ...UNKNOWN, id: MODEL });
  const pool = stack.use(new PooledInference({ models: [{ id: MODEL, members, sampling: {}, describe }] }));
  const found = await talk(pool, conversations, affinityOf, context.signal);
  const share = (100 * found.reused) / found.known;
  context.log(`${name}: ${found.reused} of ${found.known} prompt tokens`);
  const row: Row = {
    'a server is chosen': name,
    'prompt tokens': found.prompt,
    'read before': found.known,
    'found in memory': found.reused,
    'of those, %': Number(share.toFixed(1)),
    'requests at each server': servers.map(({ requests }) => requests).join(', '),
  };
  return { row, share };
}

/** Any conversation may be the next to go on, as people come and go. */
async function talk(
  pool: PooledInference,
  conversations: number,
  affinityOf: (conversation: string) => string,
  signal: AbortSignal,
): Promise<{ prompt: number; known: number; reused: number }> {
  const waiting = Array.from({ length: conversations }, (_, n) => ({ id: `c${n}`, messages: [] as ChatMessage[] }));
  const total = { prompt: 0, known: 0, reused: 0 };
  const work = async () => {
    for (;;) {
      const [next] = waiting.splice(Math.floor(Math.random() * waiting.length), 1);
      if (!next) return;
      next.messages.push({ role: 'user', content: words(next.id, next.messages.length) });
      const { usage } = await pool.generate(
        {
          model: MODEL,
          messages: next.messages,
          prefix: { text: '', reasoning: '' },
          maxTokens: WORDS,
          affinity: affinityOf(next.id),
          lane: 'stream',
        },
        SILENT,
        signal,
      );
      total.prompt += usage.promptTokens;
      // All but the last answer, which no server has read, and the question.
      total.known += Math.max(0, next.messages.length - 2) * WORDS;
      total.reused += usage.reusedTokens;
      next.messages.push({ role: 'assistant', content: words(next.id, next.messages.length) });
      if (next.messages.length < 2 * TURNS) waiting.push(next);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return total;
}

const SILENT = { prompted() {}, text() {}, reasoning() {}, toolCall() {} };
const words = (of: string, at: number) => Array.from({ length: WORDS }, (_, n) => `${of}-${at}-${n}`).join(' ');
const UNKNOWN = {
  title: MODEL,
  description: '',
  contextWindow: 100_000,
  continues: false,
  tokensPerMessage: 0,
  systemPrompt: null,
  defaultTemperature: 0.7,
  suggestions: [],
};

function connect(url: string): OpenAiHttpInference {
  return new OpenAiHttpInference({
    url,
    contextWindow: 100_000,
    continues: false,
    dialect: 'openai',
    isHosted: true,
    sendsPriority: false,
    connectTimeoutMs: 5000,
    patience: { firstTokenMs: 60_000, idleMs: 60_000, totalMs: 600_000 },
  });
}

/** Answers one word, and says how many tokens of the prompt it has read before: whole messages from its beginning. */
async function startRemembering(tokens: number): Promise<Server> {
  const known = new LRUCache<string, true>({ maxSize: tokens, sizeCalculation: () => WORDS });
  const state = { requests: 0 };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const bytes of request.setEncoding('utf8')) body += bytes;
    if (request.method === 'GET') return response.writeHead(404).end();
    state.requests++;
    const { messages } = JSON.parse(body) as { messages: { content: string }[] };
    const read = readPrompt(known, messages);
    const usage = {
      prompt_tokens: read.prompt,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: read.cached },
    };
    const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
    const said = event({ choices: [{ delta: { content: 'Yes.' }, finish_reason: 'stop' }] });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`${said}${event({ choices: [], usage })}data: [DONE]\n\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return state.requests;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function readPrompt(known: LRUCache<string, true>, messages: readonly { content: string }[]) {
  const hash = createHash('sha256');
  let cached = 0;
  let isKnown = true;
  for (const { content } of messages) {
    const name = hash.update(content).copy().digest('base64');
    isKnown &&= known.get(name) === true;
    if (isKnown) cached += WORDS;
    else known.set(name, true);
  }
  return { prompt: messages.length * WORDS, cached };
}
