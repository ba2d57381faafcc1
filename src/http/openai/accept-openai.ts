import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Generation } from '../../ports/generations.ts';
import type { ChatMessage } from '../../protocol/chat-message.ts';
import { OPENAI_USER } from '../../protocol/openai-requests.ts';
import { accept } from '../accept.ts';
import type { Caller } from '../caller.ts';
import type { Http } from '../http.ts';
import { takeRequest } from '../rate-limit.ts';
import { startHere } from '../start-here.ts';
import { type Asked, refused } from './chat-request.ts';

export type OpenAiInput = { caller: Caller; request: FastifyRequest; reply: FastifyReply };

type Options = {
  user?: string | null;
  store?: boolean | null;
  stream?: boolean | null;
  metadata?: Readonly<Record<string, string>> | null;
};

/** Of a stored response: where the next one goes on. */
export type Place = { conversation: number; parentId: string };

/**
 * A generation like any other, direct where this process has a slot. What is not to be stored runs in a
 * conversation that nobody can name; the model reads the request's messages either way.
 */
export async function acceptOpenAi(
  http: Http,
  input: OpenAiInput,
  { prompt, params }: Asked,
  options: Options,
  place?: Place,
): Promise<Generation> {
  const userId = userOf(input.caller, options);
  const isStored = options.store === true;
  const conversation = isStored ? (place?.conversation ?? conversationOf(options.metadata)) : 'transient';
  const { generation, replayed } = await accept(http, input, {
    userId,
    request: {
      kind: 'message',
      content: isStored ? questionOf(prompt) : '',
      ...(isStored && place && { parentId: place.parentId }),
    },
    ...(conversation !== undefined && { conversation }),
    lane: options.stream ? 'stream' : 'chat',
    direct: true,
    params,
    prompt,
    body: { prompt, params, conversation: conversation ?? null, parent: place?.parentId ?? null },
  });
  if (!replayed) await startHere(http, generation);
  return generation;
}

/** Counts the request too. */
export function takeOpenAi(http: Http, input: OpenAiInput, options: Pick<Options, 'user'>): Promise<void> {
  return takeRequest(http, input, userOf(input.caller, options));
}

export function userOf(caller: Caller, { user }: Pick<Options, 'user'>): string {
  return user ?? caller.onlyUser ?? OPENAI_USER;
}

/** What a person would see as the question; its answer's own messages are the model's matter. */
function questionOf(prompt: readonly ChatMessage[]): string {
  const last = prompt.findLast(({ role, content }) => (role === 'user' || role === 'tool') && content !== '');
  return last?.content ?? '(no text)';
}

const MOST_CONVERSATIONS = 2_147_483_647;

function conversationOf(metadata: Options['metadata']): number | undefined {
  const text = metadata?.conversation_id;
  if (text === undefined) return undefined;
  const number = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > MOST_CONVERSATIONS)
    throw refused('metadata.conversation_id', 'must be a number from 1 on');
  return number;
}
