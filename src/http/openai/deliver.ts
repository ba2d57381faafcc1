import { type FollowEvent, followGeneration } from '../../core/follow-generation.ts';
import { stopKnown } from '../../core/stop-generation.ts';
import { type Generation, isStored } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { openAiError } from '../../protocol/openai-errors.ts';
import { START } from '../../protocol/position.ts';
import { splitToolCalls, type ToolCall } from '../../protocol/tool-calls.ts';
import { portFailed } from '../../telemetry/events.ts';
import { logger } from '../../telemetry/logger.ts';
import { toChatError } from '../error-response.ts';
import { failureOf } from '../failure.ts';
import type { Http } from '../http.ts';
import { SseConnection } from '../sse-connection.ts';
import { waitHere } from '../wait-here.ts';
import type { OpenAiInput } from './accept-openai.ts';

/** Milliseconds: as long as official clients wait for an answer that is not streamed. */
const LONGEST_WAIT_MS = 600_000;

export type WholeAnswer = {
  generation: Generation;
  text: string;
  reasoning: string;
  toolCalls: readonly ToolCall[];
};

/** Waits for the whole answer; throws what its caller is to hear instead. */
export async function waitForWhole(http: Http, input: OpenAiInput, generation: Generation): Promise<WholeAnswer> {
  const ended = await waitHere(http, input.reply.raw, generation, LONGEST_WAIT_MS);
  if (typeof ended === 'string') {
    // Sent again to another process, the request finds the same answer.
    if (ended !== 'closing') await leave(http, generation);
    throw new ChatError(ended === 'late' ? 'answer_late' : 'shutting_down');
  }
  const message = await http.deps.ports.conversations.message(ended.userId, ended.id);
  const failure = failureOf(ended, false);
  if (failure) throw new ChatError(failure.code);
  return { generation: ended, reasoning: message?.reasoning ?? '', ...splitToolCalls(message?.content ?? '') };
}

/** How the events of an answer are written, one form a route. */
export interface Rendering {
  /** Events of the form `data: …`, or nothing. Throws ChatError where the form cannot say what happened. */
  render(event: FollowEvent): string;
  /** Said last where the answer breaks off after the head is out. */
  renderError(error: ReturnType<typeof openAiError>): string;
}

/**
 * Streams the answer. An answer that fails before its first text is an error with a status, as it would be
 * without streaming; one that fails behind it ends in an event.
 */
export async function streamOpenAi(
  http: Http,
  { reply, request }: OpenAiInput,
  generation: Generation,
  rendering: Rendering,
): Promise<void> {
  const { id, userId } = generation;
  using connection = new SseConnection(http, reply, { userId, transport: 'openai', generation: id });
  try {
    await writeEvents(http, connection, generation, rendering);
    connection.ended();
  } catch (error) {
    const reason = connection.ended(error);
    if (reason !== 'shutdown' || connection.hasBegun) void leave(http, generation);
    if (reason === 'client-gone' || reason === 'slow') return;
    const told = reason === 'shutdown' ? new ChatError('shutting_down') : toChatError(error, 0);
    if (told.code === 'internal') logger().error({ generation: id, request_id: request.id, error }, 'stream failed');
    if (!connection.hasBegun) throw told;
    await connection.write(rendering.renderError(openAiError(told.code, told.details)))?.catch(() => {});
  }
}

async function writeEvents(
  http: Http,
  connection: SseConnection,
  generation: Generation,
  rendering: Rendering,
): Promise<void> {
  const { ports, follow } = http.deps;
  let held = '';
  for await (const event of followGeneration(ports, follow, generation, START, connection.signal)) {
    if (event.kind === 'rewind') throw new ChatError('answer_restarted');
    if (event.kind === 'ended') {
      // Nothing in OpenAI's form says that a text was stopped: it must not pass for a whole one.
      const failure = failureOf(event.generation, false);
      if (failure) throw new ChatError(failure.code);
    }
    held += rendering.render(event);
    // Nothing is certain before there is text: until then a failure may still have a status.
    if (event.kind === 'waiting' || event.kind === 'started') continue;
    await connection.write(held);
    held = '';
  }
  if (connection.signal.aborted) throw connection.signal.reason;
}

/** Nobody waits for it any more: what is not stored is given up, as clients of OpenAI expect. */
async function leave(http: Http, generation: Generation): Promise<void> {
  if (isStored(generation)) return;
  await stopKnown(http.deps.ports, http.deps.stop, generation).catch((error: unknown) => {
    portFailed({ port: 'generations', operation: 'stop', generation: generation.id, error });
  });
}
