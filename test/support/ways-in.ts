import { AnswerReader } from './answer-reader.ts';
import { call, type Json } from './http-client.ts';
import { openSocket } from './socket-client.ts';

export type Door = { url: string; key: string };
/** What a caller has in the end: text, and the error that it was told, with its status where it had one. */
export type Told = { text: string; error: string | null; status: number | null };

/** Every way to ask, each as a caller of its own. */
export const WAYS: Readonly<Record<string, (door: Door, question: string) => Promise<Told>>> = {
  stream: async (door, question) => {
    const accepted = await post(door, '/stream-chat', seed('stream', question));
    const reader = await new AnswerReader(door, accepted.json.correlation_id).follow();
    if (reader.faults.length > 0) throw new Error(reader.faults.join('; '));
    return { text: reader.text.toString(), error: reader.errors[0]?.code ?? null, status: null };
  },
  sync: async (door, question) => {
    const { status, json } = await post(door, '/chat', seed('sync', question));
    const { error } = json;
    return error ? toldBy(error, status, error.details?.response) : { text: json.response, error: null, status };
  },
  async: async (door, question) => {
    const accepted = await post(door, '/async-chat', seed('async', question));
    for (;;) {
      const { json } = await call(door.url, 'GET', accepted.json.check_endpoint, { key: door.key });
      if (json.status !== 'pending') return { text: json.response, error: json.error?.code ?? null, status: null };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  'OpenAI stream': async (door, question) => {
    const { status, text, json } = await post(door, '/v1/chat/completions', { ...openAi(question), stream: true });
    if (status !== 200) return toldBy(json.error, status);
    const events = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data]) => JSON.parse(data!) as Json);
    const said = events.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join('');
    return { text: said, error: events.find(({ error }) => error)?.error.code ?? null, status: null };
  },
  'OpenAI plain': async (door, question) => {
    const { status, json } = await post(door, '/v1/chat/completions', openAi(question));
    return json.error ? toldBy(json.error, status) : { text: json.choices[0].message.content, error: null, status };
  },
  WebSocket: async (door, question) => {
    const client = await openSocket(door.url, { 'x-api-key': door.key });
    client.say({ type: 'start', user_id: 'websocket', message: question, max_tokens: 200 });
    const { generation_id, error } = await client.event('end');
    client.close();
    return { text: client.text(generation_id), error: error?.code ?? null, status: null };
  },
};

const seed = (user_id: string, message: string) => ({ user_id, message, max_tokens: 200 });
const openAi = (content: string) => ({ messages: [{ role: 'user', content }], max_tokens: 200 });
const post = ({ url, key }: Door, path: string, body: object) => call(url, 'POST', path, { key, body });
const toldBy = (error: { code: string }, status: number, text = ''): Told => ({ text, error: error.code, status });
