/** Values for the examples of the OpenAPI document and the reference page. */
export const EXAMPLE_ID = '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7';
export const EXAMPLE_MESSAGE_ID = '01978f2e-6c1a-7c03-8a77-5be2f90a41c9';
const TIME = '2026-03-01T09:30:00.000Z';

export const EXAMPLE_ANSWER = {
  response: 'The capital of France is Paris.',
  conversation_id: 42,
  processing_time: 1.234,
};

export const EXAMPLE_RECEIPT = {
  generation_id: EXAMPLE_ID,
  state: 'done',
  model: 'qwen2.5-0.5b-instruct',
  worker: 'a1b2c3',
  lane: 'stream',
  finish_reason: 'stop',
  position_at_arrival: 0,
  queue_ms: 4,
  prefill_ms: 118,
  stream_ms: 902,
  total_ms: 1031,
  tokens: { prompt: 38, reused: 24, completion: 41 },
  cost: 0.0000213,
  source: 'model',
  degraded: [],
  tokens_per_second: 44.35,
  attempts: 1,
  takeovers: 0,
  trimmed_messages: 0,
  summarised_messages: 0,
  error: null,
};

export const EXAMPLE_STREAM = [
  'retry: 1000',
  '',
  'id: 0-0',
  'event: start',
  'data: {"model":"qwen2.5-0.5b-instruct"}',
  '',
  'id: 1-4',
  'data: {"token":"Once","done":false}',
  '',
  'id: 1-11',
  'data: {"token":" upon a","done":false}',
  '',
  'id: 1-11',
  'data: {"token":"","done":true,"receipt":{…}}',
  '',
  'id: 1-11-end',
  'data: [DONE]',
  '',
].join('\n');

export const EXAMPLE_CONVERSATION = {
  number: 42,
  title: 'The capital of France',
  pinned: false,
  archived: false,
  folder: null,
  temporary: false,
  settings: {},
  message_count: 2,
  answering: false,
  created_at: TIME,
  updated_at: TIME,
};

export const EXAMPLE_ITEM_ID = '0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e1f';
export const EXAMPLE_ITEM = { id: EXAMPLE_ITEM_ID, kind: 'folder', name: 'Thesis', updated_at: TIME };
export const EXAMPLE_SHARE = {
  id: EXAMPLE_ITEM_ID,
  kind: 'share',
  conversation: 42,
  title: 'The capital of France',
  updated_at: TIME,
};
export const EXAMPLE_SHARED = {
  title: 'The capital of France',
  shared_at: TIME,
  messages: [
    { role: 'user', content: 'What is the capital of France?', model: null, created_at: TIME },
    { role: 'assistant', content: 'Paris.', model: 'qwen2.5-0.5b-instruct', created_at: TIME },
  ],
};

export const EXAMPLE_GENERATION = {
  id: EXAMPLE_ID,
  conversation: 42,
  request_message_id: EXAMPLE_MESSAGE_ID,
  state: 'queued',
  lane: 'stream',
  stream_endpoint: `/stream/${EXAMPLE_ID}`,
  check_endpoint: `/check-response/${EXAMPLE_ID}`,
  waiting: { position: 0, estimate_seconds: 1 },
  receipt: null,
  error: null,
};

export const EXAMPLE_DEAD_LETTER = {
  ...EXAMPLE_GENERATION,
  state: 'failed',
  waiting: null,
  receipt: { ...EXAMPLE_RECEIPT, state: 'failed', finish_reason: null },
  error: { code: 'generation_failed', message: 'The answer could not be made.' },
};

export const EXAMPLE_MESSAGE = {
  id: EXAMPLE_ID,
  parent_id: EXAMPLE_MESSAGE_ID,
  role: 'assistant',
  content: 'The capital of France is Paris.',
  reasoning: '',
  state: 'done',
  model: 'qwen2.5-0.5b-instruct',
  finish_reason: 'stop',
  receipt: EXAMPLE_RECEIPT,
  feedback: null,
  siblings: [EXAMPLE_ID],
  created_at: TIME,
};

export const EXAMPLE_MODEL = {
  id: 'qwen2.5-0.5b-instruct',
  title: 'Qwen2.5 0.5B Instruct',
  description: 'Small and quick; good at short questions.',
  context_window: 4096,
  default: true,
  default_temperature: 0.7,
  suggestions: ['What is the capital of France?'],
  price: null,
  stays_here: true,
  fallback: null,
  capabilities: null,
};

export const EXAMPLE_HIT = {
  conversation: 42,
  title: 'The capital of France',
  message_id: EXAMPLE_ID,
  role: 'assistant',
  passage: 'The capital of France is \ue000Paris\ue001.',
  created_at: TIME,
};

export const EXAMPLE_DELETION = {
  id: EXAMPLE_ID,
  begun_at: TIME,
  finished_at: TIME,
  erased: {
    conversations: 12,
    messages: 148,
    archived_messages: 690,
    generations: 74,
    idempotency_keys: 3,
    usage_days: 31,
    items: 5,
  },
  cleared: { stopped: 1, contexts: 12, token_logs: 5 },
  databases: ['shard-1', 'shard-2'],
};

export const EXAMPLE_STORED_DATA = {
  conversations: { kept: 11, archived: 2, temporary: 0, deleted: 1 },
  messages: { recent: 148, archived: 690, bytes: 1_204_331 },
  generations: 74,
  items: { folders: 1, assistants: 2, prompts: 1, shares: 0, defaults: 1 },
  usage_days: 31,
};

const EXAMPLE_SUM = { generations: 120, tokens: { prompt: 48_000, reused: 21_000, completion: 9_600 }, cost: 0.0123 };
export const EXAMPLE_USAGE = {
  from: '2026-03-01',
  to: '2026-03-01',
  items: [{ day: '2026-03-01', model: 'qwen2.5-0.5b-instruct', ...EXAMPLE_SUM }],
  total: EXAMPLE_SUM,
};

export const EXAMPLE_ENDPOINT = {
  id: EXAMPLE_ID,
  address: 'http://127.0.0.1:11434',
  has_key: false,
  models: [{ id: 'llama3.2:3b', served_as: 'llama3.2:3b' }],
  added_at: TIME,
  state: 'up',
  detail: null,
};

const EXAMPLE_LOCAL_MODEL = {
  name: 'qwen2.5-1.5b',
  title: 'Qwen2.5 1.5B Instruct',
  description: 'A clear step up in sense and knowledge (1.1 GB), still usable without a graphics card.',
  licence: 'Apache-2.0',
  file_bytes: 1_120_000_000,
  memory_bytes: 1_500_000_000,
  state: 'downloading',
  received: { bytes: 418_000_000, total_bytes: 1_117_320_736 },
  failure: null,
};

export const EXAMPLE_LOCAL_MODELS = {
  machine: { memory_bytes: 16_000_000_000, free_disk_bytes: 200_000_000_000 },
  items: [EXAMPLE_LOCAL_MODEL],
};
