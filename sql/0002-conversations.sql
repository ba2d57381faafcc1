CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Says that this shard is the user's home. Every write holds its row FOR SHARE while it is active, so
-- that a move (which sets it to frozen) waits for open writers and refuses later ones.
CREATE TABLE user_home (
  user_id uuid PRIMARY KEY,
  workspace_id uuid NOT NULL,
  epoch integer NOT NULL,
  state text NOT NULL CHECK (state IN ('active', 'frozen', 'gone'))
);

CREATE TABLE conversations (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  number integer NOT NULL,
  title text NOT NULL,
  pinned boolean NOT NULL DEFAULT false,
  archived boolean NOT NULL DEFAULT false,
  -- Stored messages; a generation that is not finished has none yet.
  message_count integer NOT NULL DEFAULT 0,
  last_message_id uuid,
  -- The message, perhaps still to come, that a next one follows.
  leaf_id uuid,
  -- All ids of its messages lie between these: they bound the partitions that are looked at.
  first_id uuid NOT NULL,
  last_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (user_id, id),
  UNIQUE (user_id, number)
);
CREATE INDEX conversations_by_activity ON conversations (user_id, updated_at DESC, number DESC)
  WHERE deleted_at IS NULL;

-- One partition a month of the UUIDv7 itself. No DEFAULT partition: its presence costs every bounded
-- read an extra scan and a sort, and rows in it block the creation of their month.
CREATE TABLE messages (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL,
  user_id uuid NOT NULL,
  parent_id uuid,
  role text NOT NULL CHECK (role IN ('user', 'assistant')),
  status text NOT NULL CHECK (status IN ('done', 'failed', 'cancelled', 'interrupted')),
  content text NOT NULL,
  reasoning text NOT NULL DEFAULT '',
  epochs jsonb NOT NULL DEFAULT '[]',
  feedback jsonb,
  created_at timestamptz NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX messages_by_parent ON messages (conversation_id, parent_id, id);

-- Words as people mean them: the parser alone keeps `config.yaml`, `-42` and addresses in one piece.
CREATE FUNCTION message_words(content text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT to_tsvector('simple'::regconfig, translate(left(content, 20000), './\@-_:+&?=#~%<>', '               ')) $$;
CREATE INDEX messages_by_word ON messages USING gin (user_id, message_words(content));

-- Whole milliseconds, cut and not rounded: a time just written is never in the future.
CREATE FUNCTION now_ms() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$ SELECT date_trunc('milliseconds', clock_timestamp()) $$;

CREATE FUNCTION uuid_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT to_timestamp(('x0000' || left(replace(id::text, '-', ''), 12))::bit(64)::bigint / 1000.0) $$;

-- The smallest UUIDv7 of that time.
CREATE FUNCTION uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

-- Created and then attached: that lets readers and writers go on, which PARTITION OF would not.
CREATE FUNCTION ensure_message_partition(at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_month timestamp := date_trunc('month', at AT TIME ZONE 'UTC');
  v_name text := 'messages_' || to_char(v_month, 'YYYY_MM');
BEGIN
  IF to_regclass(v_name) IS NOT NULL THEN RETURN false; END IF;
  PERFORM pg_advisory_xact_lock(1128415490, 1);
  IF to_regclass(v_name) IS NOT NULL THEN RETURN false; END IF;
  EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
  EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', v_name,
    uuid_floor(v_month AT TIME ZONE 'UTC'), uuid_floor((v_month + interval '1 month') AT TIME ZONE 'UTC'));
  RETURN true;
END $$;

-- How many were made: from last month (a clock may be behind) to thirteen months ahead.
CREATE FUNCTION ensure_message_partitions() RETURNS integer LANGUAGE sql AS $$
  SELECT count(*) FILTER (WHERE ensure_message_partition(now() + make_interval(months => ahead)))::integer
  FROM generate_series(-1, 13) AS ahead
$$;
