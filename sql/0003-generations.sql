-- The work itself: outbox, lease and result of each request to a model in one row.
CREATE TABLE generations (
  id uuid PRIMARY KEY,
  -- Order of acceptance: a user's line.
  seq bigint GENERATED ALWAYS AS IDENTITY,
  user_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  conversation_number integer NOT NULL,
  request_message_id uuid NOT NULL,
  lane text NOT NULL CHECK (lane IN ('stream', 'chat', 'batch')),
  direct boolean NOT NULL,
  params jsonb NOT NULL,
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
  epoch integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  takeovers integer NOT NULL DEFAULT 0,
  stop_requested boolean NOT NULL DEFAULT false,
  owner text,
  -- Whether the owner held its lock at the last claim or heartbeat: only then does a free one say that it died.
  owner_locked boolean NOT NULL DEFAULT false,
  lease_until timestamptz,
  due_at timestamptz NOT NULL,
  dispatched_at timestamptz,
  published_at timestamptz,
  ticket bigint,
  position_at_arrival integer,
  sweeps integer NOT NULL DEFAULT 0,
  sweep_due_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  claimed_at timestamptz,
  finished_at timestamptz,
  model text,
  finish_reason text,
  prompt_tokens integer,
  reused_tokens integer,
  completion_tokens integer,
  prefill_ms double precision,
  stream_ms double precision,
  trimmed_messages integer,
  text_bytes integer,
  reasoning_bytes integer,
  error_code text,
  error_message text,
  -- Of an attempt that was given back; for operators.
  last_error text,
  dead_letter boolean NOT NULL DEFAULT false,
  CHECK (state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL))
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX generations_one_runs ON generations (conversation_id) WHERE state = 'running';
CREATE INDEX generations_open ON generations (conversation_id, seq) WHERE state IN ('queued', 'running');
CREATE INDEX generations_placed ON generations (user_id, lane)
  WHERE state = 'running' OR (state = 'queued' AND dispatched_at IS NOT NULL);
CREATE INDEX generations_waiting ON generations (user_id, lane, seq) WHERE state = 'queued' AND dispatched_at IS NULL;
CREATE INDEX generations_dead ON generations (id DESC) WHERE dead_letter;

CREATE TABLE idempotency (
  user_id uuid NOT NULL,
  key text NOT NULL,
  body_hash text NOT NULL,
  generation_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, key)
);

CREATE TABLE usage_daily (
  user_id uuid NOT NULL,
  day date NOT NULL,
  model text NOT NULL,
  workspace_id uuid NOT NULL,
  generations integer NOT NULL,
  prompt_tokens bigint NOT NULL,
  reused_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  PRIMARY KEY (user_id, day, model)
);
