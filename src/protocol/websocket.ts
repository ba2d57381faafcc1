import Type, { type Static, type TProperties } from 'typebox';
import { generationOptions, message, numberSchema, type RequestLimits, userIdSchema } from './requests.ts';
import { failureSchema, generationSchema, receiptSchema } from './resources.ts';

/**
 * What is said over `/ws`, one JSON object a message. A client sends commands; the server answers each, and
 * tells of every followed answer as its text comes. Schemas and AsyncAPI document are made from these.
 */
const command = <Name extends string, T extends TProperties>(type: Name, description: string, fields: T) =>
  Type.Object(
    { type: Type.Literal(type), ...fields },
    { title: titleOf(type, 'Command'), description, additionalProperties: false },
  );

const ref = Type.Optional(
  Type.String({
    maxLength: 100,
    description: 'Of the caller’s own choice; comes back with the answer to this command.',
  }),
);
const generationId = Type.String({ format: 'uuid', maxLength: 36, description: 'The correlation id.' });

export const socketCommands = (limits: RequestLimits) => ({
  auth: command('auth', 'The key, where it could not be sent in a header. Must be the first message then.', {
    ref,
    api_key: Type.String({ minLength: 1, maxLength: 255 }),
  }),
  start: command('start', 'Accepts a message for good, and follows its answer.', {
    ref,
    user_id: userIdSchema,
    message: message(limits.messageChars),
    conversation_id: Type.Optional(numberSchema('Goes on with that conversation of the user; absent: a new one.')),
    idempotency_key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        pattern: '^[\\x21-\\x7e]+$',
        description: 'The same key and message mean the same answer, however often they are sent.',
      }),
    ),
    ...generationOptions(limits),
  }),
  follow: command('follow', 'Tells of an answer from where the reader stands: before, while and after it is written.', {
    ref,
    generation_id: generationId,
    from: Type.Optional(
      Type.String({ maxLength: 64, description: 'The `id` of the last event received; absent: from the beginning.' }),
    ),
  }),
  unfollow: command('unfollow', 'Tells no more of it. It is made all the same.', { ref, generation_id: generationId }),
  stop: command('stop', 'Stops an answer for good; what is written is kept.', { ref, generation_id: generationId }),
  ping: command('ping', 'Is answered `pong`.', { ref }),
});

export type SocketCommands = {
  [Name in keyof ReturnType<typeof socketCommands>]: Static<ReturnType<typeof socketCommands>[Name]>;
};
export type SocketCommand = SocketCommands[keyof SocketCommands];

const event = <Name extends string, T extends TProperties>(type: Name, description: string, fields: T) =>
  Type.Object({ type: Type.Literal(type), ...fields }, { title: titleOf(type, 'Event'), description });

const ofAnswer = {
  generation_id: generationId,
  id: Type.String({ description: 'Where the reader stands after this event: `from` of a later `follow`.' }),
};

/** Everything that the server says. */
export const socketEvents = {
  ready: event('ready', 'Whose socket it is; nothing else is done before.', { ref, workspace: Type.String() }),
  accepted: event('accepted', 'A `start` was accepted for good; its answer is followed.', {
    ref,
    generation: generationSchema,
    replayed: Type.Boolean({ description: 'The same key was accepted before.' }),
  }),
  stopped: event('stopped', 'How the answer stands after a `stop`.', { ref, generation: generationSchema }),
  unfollowed: event('unfollowed', 'No more is told of it.', { ref, generation_id: generationId }),
  pong: event('pong', 'Still here.', { ref }),
  error: event('error', 'A command was refused, or an answer can no longer be told of. The socket stays open.', {
    ref,
    generation_id: Type.Optional(generationId),
    error: Type.Object({
      code: Type.String({ description: 'Of the error catalogue.' }),
      message: Type.String(),
      details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      retry_after_seconds: Type.Optional(Type.Number()),
    }),
  }),
  waiting: event('waiting', 'Others ahead, and seconds until its turn where a rate is known.', {
    ...ofAnswer,
    position: Type.Integer({ minimum: 0 }),
    estimate_seconds: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
  }),
  begin: event('begin', 'It is being answered.', { ...ofAnswer, model: Type.Union([Type.String(), Type.Null()]) }),
  text: event('text', 'What follows in the answer.', { ...ofAnswer, text: Type.String() }),
  reasoning: event('reasoning', 'What the model writes before its answer, for itself.', {
    ...ofAnswer,
    text: Type.String(),
  }),
  rewind: event(
    'rewind',
    'Keep so many bytes (UTF-8) of text and reasoning, drop what follows: another process went on from there.',
    {
      ...ofAnswer,
      offset: Type.Integer({ minimum: 0 }),
      reasoning: Type.Integer({ minimum: 0 }),
    },
  ),
  end: event('end', 'The answer has ended; nothing more comes of it.', {
    ...ofAnswer,
    error: Type.Union([failureSchema, Type.Null()], { description: 'Why it is not whole; null where it is.' }),
    receipt: Type.Union([receiptSchema, Type.Null()]),
  }),
};

export type SocketEvent = {
  [Name in keyof typeof socketEvents]: Static<(typeof socketEvents)[Name]>;
}[keyof typeof socketEvents];

/** Why the server closes a socket, beside the codes of the protocol itself (1001: it is going away). */
export const SOCKET_CLOSE = { unauthorized: 4401, slow: 4408, tooMany: 4429 } as const;

function titleOf(type: string, kind: string): string {
  return type[0]!.toUpperCase() + type.slice(1) + kind;
}
