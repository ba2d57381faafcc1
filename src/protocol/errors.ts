/**
 * Every error that a caller can meet. A code is never reused for another meaning. `docs/errors.md` is
 * generated from this table.
 */
export const ERRORS = {
  invalid_request: {
    status: 400,
    message: 'The request does not have the expected form.',
    help: '`details` names each field and what was expected.',
  },
  invalid_json: {
    status: 400,
    message: 'The body is not valid JSON.',
    help: 'Send one JSON object with content type `application/json`.',
  },
  model_unknown: {
    status: 400,
    message: 'There is no such model here.',
    help: '`details.models` lists those that there are.',
  },
  unauthorized: {
    status: 401,
    message: 'A known API key is needed.',
    help: 'Send it in the header `X-API-Key`, or as `Authorization: Bearer`.',
  },
  forbidden_origin: {
    status: 403,
    message: 'This page may not speak for the local user.',
    help: 'Only the address that the server prints at start may; other programs send an API key.',
  },
  forbidden_user: {
    status: 403,
    message: 'This session speaks for one user only.',
    help: 'The page and its cookie are user `local`; send an API key to speak for others.',
  },
  operator_only: {
    status: 403,
    message: 'Only who operates this server may do that.',
    help: 'The page on this machine may, and the keys of workspace `default` that the server was started with.',
  },
  models_elsewhere: {
    status: 409,
    message: 'The models of this deployment are not set from here.',
    help: 'Whoever deploys it names them in `MODELS_FILE`, which is taken anew when it changes.',
  },
  endpoint_address_refused: {
    status: 400,
    message: 'That address cannot be one of a model server.',
    help: '`details.address` says why.',
  },
  endpoint_model_unknown: {
    status: 400,
    message: 'The server does not name that model.',
    help: '`details.models` lists those that were asked for in vain.',
  },
  endpoint_unreachable: {
    status: 422,
    message: 'No server answers at that address.',
    help: '`details.reason` says what happened.',
  },
  endpoint_key_refused: {
    status: 422,
    message: 'The server does not accept the key.',
    help: '`details.sent` says whether one was sent.',
  },
  endpoint_not_openai: {
    status: 422,
    message: 'What answers there does not speak the OpenAI API.',
    help: '`details.reason` says what it answered. The address is the one that OpenAI clients are given, often ending in `/v1`.',
  },
  endpoint_without_models: {
    status: 422,
    message: 'The server has no models.',
    help: 'Load or fetch one there, then try again.',
  },
  embeddings_unsupported: {
    status: 400,
    message: 'What answers here makes no embeddings.',
    help: 'They are made by an inference server (`INFERENCE_URL`) that has a model for them.',
  },
  webhooks_off: {
    status: 400,
    message: 'Nobody is told of answers here.',
    help: 'The operator turns it on with `WEBHOOK_SECRET`; nothing was accepted.',
  },
  webhook_refused: {
    status: 400,
    message: 'That address may not be told of answers.',
    help: '`details.webhook_url` says why; nothing was accepted.',
  },
  not_found: {
    status: 404,
    message: 'There is nothing here.',
    help: 'See `/docs` for the routes; a foreign id is answered like an unknown one.',
  },
  generation_not_found: {
    status: 404,
    message: 'There is no such answer.',
    help: 'The correlation id is unknown, deleted, or of another workspace.',
  },
  conversation_not_found: {
    status: 404,
    message: 'There is no such conversation.',
    help: 'Conversation numbers count per user; a deleted one is gone.',
  },
  user_not_found: {
    status: 404,
    message: 'There is no such user.',
    help: 'A user begins with the first message that is sent under its name.',
  },
  deletion_not_found: {
    status: 404,
    message: 'No user of this name was deleted.',
    help: 'The receipt is there from the moment when a deletion begins.',
  },
  item_not_found: {
    status: 404,
    message: 'There is no such item.',
    help: 'Folders, assistants, prompts and shares are listed at `/users/{user_id}/items`.',
  },
  share_not_found: {
    status: 404,
    message: 'Nothing is shared here.',
    help: 'The link was revoked, its conversation was deleted, or it never was one.',
  },
  endpoint_not_found: {
    status: 404,
    message: 'There is no such endpoint.',
    help: '`GET /endpoints` lists them.',
  },
  local_model_not_found: {
    status: 404,
    message: 'There is no such model to be had.',
    help: '`GET /local-models` lists them.',
  },
  message_not_found: {
    status: 404,
    message: 'There is no such message in this conversation.',
    help: 'Take ids from the messages of the same conversation.',
  },
  method_not_allowed: {
    status: 405,
    message: 'This address does not take that method.',
    help: 'The header `Allow` lists those it takes.',
  },
  request_timeout: {
    status: 408,
    message: 'The request did not arrive whole in time.',
    help: 'Send it again; `REQUEST_TIMEOUT_MS` is the bound.',
  },
  not_acceptable_state: {
    status: 409,
    message: 'That cannot be done in this state.',
    help: 'Read the resource again; `details.state` says how it stands.',
  },
  endpoint_exists: {
    status: 409,
    message: 'This endpoint is there already.',
    help: '`details.id` is its id; remove it first to give it another key.',
  },
  local_model_in_use: {
    status: 409,
    message: 'The server was started with this model.',
    help: 'Start it with another `MODEL`, then it can be removed.',
  },
  disk_full: {
    status: 507,
    message: 'There is not enough room on the disk.',
    help: '`details` says how many bytes are needed and free.',
  },
  too_many_items: {
    status: 409,
    message: 'There are as many of these as there can be.',
    help: '`details.limit` is the bound; remove one first.',
  },
  item_id_taken: {
    status: 409,
    message: 'This id is of an item of another kind.',
    help: 'Make a fresh UUID for a new item.',
  },
  payload_too_large: {
    status: 413,
    message: 'The body is too large.',
    help: '`details.limit_bytes` is the bound (`MAX_BODY_BYTES`; `MAX_IMPORT_BYTES` of an import).',
  },
  unsupported_media_type: {
    status: 415,
    message: 'Only JSON is understood here.',
    help: 'Send content type `application/json`.',
  },
  event_id_invalid: {
    status: 400,
    message: 'The Last-Event-ID is not one of this stream.',
    help: 'Use the `id:` of the last event received, or none to start from the beginning.',
  },
  idempotency_conflict: {
    status: 422,
    message: 'This Idempotency-Key was used for another request.',
    help: 'Use a fresh key for each request, and the same one only to repeat it.',
  },
  rate_limited: { status: 429, message: 'Too many requests.', help: 'Wait as long as `Retry-After` says.' },
  budget_exceeded: {
    status: 429,
    message: 'This key has not that many tokens left.',
    help: '`details` says of which period, how many are left, how many were needed, and when it begins anew.',
  },
  too_many_waiting: {
    status: 429,
    message: 'Too many of your requests are waiting.',
    help: 'At most `MAX_WAITING_PER_USER` may wait; read answers before sending more.',
  },
  too_many_streams: {
    status: 429,
    message: 'Too many streams are open.',
    help: 'Close some; `MAX_STREAMS_PER_USER` may be open for one user.',
  },
  upgrade_required: {
    status: 426,
    message: 'This address speaks WebSocket only.',
    help: 'Open it with a WebSocket client; `/asyncapi.json` says what is spoken.',
  },
  header_too_large: {
    status: 431,
    message: 'The request headers are too large.',
    help: 'Shorten the URL, cookies and headers.',
  },
  internal: { status: 500, message: 'Something went wrong here.', help: 'The log holds the cause under `request_id`.' },
  queue_full: {
    status: 503,
    message: 'Too many requests are waiting; nothing was accepted.',
    help: 'Send again after `Retry-After`.',
  },
  queue_unavailable: {
    status: 503,
    message: 'The queue cannot be reached.',
    help: 'What was accepted runs once it is back.',
  },
  database_unavailable: {
    status: 503,
    message: 'The conversations cannot be reached.',
    help: 'Nothing was accepted; send again after `Retry-After`.',
  },
  state_unavailable: {
    status: 503,
    message: 'What answers in progress are kept in cannot be reached, or is full.',
    help: '`details.reason` says which; send again after `Retry-After`. Accepted requests go on once it is back.',
  },
  inference_unavailable: {
    status: 503,
    message: 'No model is ready to answer.',
    help: '`/health` says why; accepted requests wait for it.',
  },
  shutting_down: {
    status: 503,
    message: 'The server is going away.',
    help: 'Send again after `Retry-After`; accepted requests go on elsewhere or after the restart.',
  },
  // Reasons for a download that failed; they come in `failure` of the model.
  download_unreachable: {
    status: 502,
    message: 'Where this model comes from cannot be reached.',
    help: 'See to the network, or set `MODEL_HUB` to a mirror.',
  },
  download_broke_off: {
    status: 502,
    message: 'The download broke off.',
    help: 'What was received is kept; start it again to go on.',
  },
  download_damaged: {
    status: 502,
    message: 'What was received is not the model.',
    help: 'It was removed; start the download again.',
  },
  // Reasons for an answer that failed; they come inside a 200 or a stream, in `error`.
  generation_failed: {
    status: 502,
    message: 'No answer could be made, after several attempts.',
    help: 'It is kept as a dead letter and may be replayed by the operator; asking again is safe.',
  },
  model_unavailable: {
    status: 503,
    message: 'The model cannot answer now, and no lighter answer was wanted.',
    help: 'Ask again later, or without `allow_degraded: false`.',
  },
  context_too_long: {
    status: 400,
    message: 'The message alone is longer than the model can read.',
    help: 'Shorten it, or choose a model with a larger window.',
  },
  request_refused: {
    status: 400,
    message: 'The model does not take this request.',
    help: 'A parameter, a message or a schema is not for this model; the log holds its own words.',
  },
  answer_late: {
    status: 504,
    message: 'The answer was not ready in time.',
    help: 'Stream it, ask for fewer tokens, or store it and fetch it later.',
  },
  answer_restarted: {
    status: 502,
    message: 'Another process started the answer again, which this stream cannot tell.',
    help: 'Ask again. A stored one is read whole at `/check-response`.',
  },
  answer_stopped: {
    status: 409,
    message: 'The answer was stopped.',
    help: 'Somebody stopped it; regenerate, or ask again.',
  },
  answer_interrupted: {
    status: 502,
    message: 'The answer broke off and could not be continued.',
    help: 'What there was is kept.',
  },
} as const satisfies Record<string, { status: number; message: string; help: string }>;

export type ErrorCode = keyof typeof ERRORS;

export type ErrorBody = {
  error: { code: ErrorCode; message: string; request_id?: string; details?: Record<string, unknown> };
};

/** The one error that reaches callers; anything else thrown is `internal`. */
export class ChatError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    options: { details?: Record<string, unknown>; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(ERRORS[code].message, { cause: options.cause });
    this.name = 'ChatError';
    this.code = code;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}
