import type { FastifyRequest } from 'fastify';
import type { RawData, WebSocket } from 'ws';
import { stopGeneration } from '../../core/stop-generation.ts';
import type { Generation } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { type Cursor, parseEventId, START } from '../../protocol/position.ts';
import { SOCKET_CLOSE, type SocketCommand, type SocketCommands, type SocketEvent } from '../../protocol/websocket.ts';
import { streamClosed, streamOpened } from '../../telemetry/events.ts';
import { logger } from '../../telemetry/logger.ts';
import type { Caller } from '../caller.ts';
import { toChatError } from '../error-response.ts';
import { readFrom } from '../event-id.ts';
import { findGeneration } from '../find-generation.ts';
import type { Http } from '../http.ts';
import { generationResource } from '../represent.ts';
import { acceptStart } from './accept-start.ts';
import { readCommand } from './read-command.ts';
import { SocketChannel } from './socket-channel.ts';
import { tellAnswer } from './tell-answer.ts';

/** A socket says who it is within this time, or is closed. */
const AUTH_MS = 10_000;
/** A client that does not answer the close is left without. */
const FAREWELL_MS = 1000;
/** Answers that one socket may be told of at once. */
const MOST_FOLLOWED = 100;

/**
 * One socket: commands one after the other, any number of answers beside them. Its end ends the telling and no
 * answer.
 */
export class SocketSession {
  readonly #http: Http;
  readonly #socket: WebSocket;
  readonly #request: FastifyRequest;
  readonly #channel: SocketChannel;
  readonly #followed = new Map<string, AbortController>();
  readonly #authTimer: NodeJS.Timeout | null;
  #caller: Caller | null;
  /** The command under way: the next waits for it, and the socket is read no further meanwhile. */
  #busy: Promise<void> = Promise.resolve();

  constructor(http: Http, socket: WebSocket, request: FastifyRequest, caller: Caller | null) {
    this.#http = http;
    this.#socket = socket;
    this.#request = request;
    this.#caller = caller;
    this.#channel = new SocketChannel(socket, http.options.heartbeatMs);
    this.#authTimer = caller ? null : setTimeout(() => socket.close(SOCKET_CLOSE.unauthorized, 'no key'), AUTH_MS);
  }

  start(): void {
    const socket = this.#socket;
    const goAway = () => {
      socket.close(1001, 'going away');
      setTimeout(() => socket.terminate(), FAREWELL_MS).unref();
    };
    this.#http.closing.addEventListener('abort', goAway, { once: true });
    socket.on('message', (data, isBinary) => {
      socket.pause();
      this.#busy = this.#busy.then(() => this.#take(data, isBinary)).finally(() => socket.resume());
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#http.closing.removeEventListener('abort', goAway);
      if (this.#authTimer) clearTimeout(this.#authTimer);
      this.#channel[Symbol.dispose]();
      for (const controller of this.#followed.values()) controller.abort('client-gone');
    });
    if (this.#caller) this.#say({ type: 'ready', workspace: this.#caller.workspace.name });
  }

  async #take(data: RawData, isBinary: boolean): Promise<void> {
    let command: SocketCommand | null = null;
    try {
      command = readCommand(this.#http, data, isBinary);
      if (!this.#caller && command.type !== 'auth') throw new ChatError('unauthorized');
      await this.#obey(command);
    } catch (error) {
      this.#refuse(error, command?.ref);
      if (!this.#caller) this.#socket.close(SOCKET_CLOSE.unauthorized, 'no key');
    }
  }

  async #obey(command: SocketCommand): Promise<void> {
    const ref = refOf(command);
    switch (command.type) {
      case 'auth':
        return this.#auth(command);
      case 'start':
        return this.#start(command);
      case 'follow':
        return this.#follow(command);
      case 'unfollow':
        this.#followed.get(command.generation_id.toLowerCase())?.abort('client-gone');
        return this.#say({ type: 'unfollowed', ...ref, generation_id: command.generation_id });
      case 'stop':
        return this.#stop(command);
      case 'ping':
        return this.#say({ type: 'pong', ...ref });
    }
  }

  async #auth(command: SocketCommands['auth']): Promise<void> {
    if (!this.#caller) {
      this.#caller = await this.#http.auth.byKey(command.api_key);
      clearTimeout(this.#authTimer ?? undefined);
    }
    this.#say({ type: 'ready', ...refOf(command), workspace: this.#caller.workspace.name });
  }

  async #start(command: SocketCommands['start']): Promise<void> {
    const { generation, replayed } = await acceptStart(this.#http, this.#caller!, command);
    const resource = await generationResource(this.#http.deps.ports, generation);
    this.#say({ type: 'accepted', ...refOf(command), generation: resource, replayed });
    this.#tell(generation, START, refOf(command));
  }

  async #follow(command: SocketCommands['follow']): Promise<void> {
    const generation = await findGeneration(this.#http, this.#caller!, command.generation_id);
    const from = readFrom(command.from ?? '', generation.epoch);
    // Who names the end is told that alone again.
    this.#tell(generation, from === 'end' ? parseEventId(command.from!)!.cursor : from, refOf(command));
  }

  async #stop(command: SocketCommands['stop']): Promise<void> {
    const { id } = await findGeneration(this.#http, this.#caller!, command.generation_id);
    const { ports, stop } = this.#http.deps;
    const stopped = await stopGeneration(ports, stop, this.#caller!.workspace.id, id);
    this.#say({ type: 'stopped', ...refOf(command), generation: await generationResource(ports, stopped) });
  }

  /** Beside all else; an answer that is told of already is told from here on. */
  #tell(generation: Generation, from: Cursor, ref: Ref): void {
    const { id, userId } = generation;
    this.#followed.get(id)?.abort('client-gone');
    if (this.#followed.size >= MOST_FOLLOWED)
      throw new ChatError('too_many_streams', { details: { limit: MOST_FOLLOWED } });
    const { controller, close } = this.#http.streams.open(userId);
    this.#followed.set(id, controller);
    streamOpened({ transport: 'websocket', generation: id });
    void tellAnswer(this.#http, this.#channel, generation, from, controller.signal)
      .then(
        () => (controller.signal.aborted ? String(controller.signal.reason) : 'end'),
        (error: unknown) => this.#lost(error, generation, controller.signal, ref),
      )
      .then((reason) => {
        close();
        if (this.#followed.get(id) === controller) this.#followed.delete(id);
        streamClosed({ transport: 'websocket', generation: id, reason });
      });
  }

  #lost(error: unknown, { id }: Generation, signal: AbortSignal, ref: Ref): string {
    if (signal.aborted) return signal.reason === 'client-gone' ? 'client-gone' : 'shutdown';
    if (this.#socket.readyState !== this.#socket.OPEN) return 'client-gone';
    this.#refuse(error, ref.ref, id);
    return 'error';
  }

  #refuse(thrown: unknown, ref: string | undefined, generation_id?: string): void {
    const error = toChatError(thrown, this.#http.options.maxBodyBytes);
    if (error.code === 'internal') {
      logger().error({ request_id: this.#request.id, error: thrown }, 'socket command failed');
    }
    const { code, message, details, retryAfterSeconds } = error;
    this.#say({
      type: 'error',
      ...(ref !== undefined && { ref }),
      ...(generation_id !== undefined && { generation_id }),
      error: {
        code,
        message,
        ...(details && { details }),
        ...(retryAfterSeconds !== undefined && { retry_after_seconds: retryAfterSeconds }),
      },
    });
  }

  /** The answer to a command; a socket that takes none is closed by the channel. */
  #say(event: SocketEvent): void {
    this.#channel.send(event).catch(() => {});
  }
}

type Ref = { ref?: string };
const refOf = ({ ref }: { ref?: string }): Ref => (ref === undefined ? {} : { ref });
