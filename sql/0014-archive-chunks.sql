-- What a chunk says of its messages without being unpacked: which answers it holds, and where their tree
-- leaves it. An entry is a message whose parent is not in the same chunk (null: a first message).
ALTER TABLE message_archive
  ADD COLUMN answers uuid[] NOT NULL DEFAULT '{}',
  ADD COLUMN entry_ids uuid[] NOT NULL DEFAULT '{}',
  ADD COLUMN entry_parents uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX message_archive_by_answer ON message_archive USING gin (answers);

CREATE FUNCTION message_partitions() RETURNS TABLE (name text, month date) LANGUAGE sql STABLE AS $$
  SELECT child.relname::text, to_date(right(child.relname, 7), 'YYYY_MM')
  FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
  WHERE inhparent = 'messages'::regclass
$$;

-- A message and the generation that made it, without what only the pipeline read of them.
CREATE FUNCTION archived_form(m messages, g generations) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'message', to_jsonb(m) - ARRAY['conversation_id', 'user_id'],
    'generation', CASE WHEN g.id IS NOT NULL THEN to_jsonb(g) - ARRAY[
      'seq', 'owner_locked', 'lease_until', 'due_at', 'dispatched_at', 'published_at', 'sweeps',
      'sweep_due_at', 'last_error', 'dead_letter'] END)
$$;

-- Oldest first, at most so many, and no more than about so many bytes of text. What is unfinished stays, with
-- its whole conversation; what may be replayed stays by itself.
CREATE FUNCTION archivable_messages(
  p_user uuid, p_conversation uuid, p_from uuid, p_before uuid, p_limit integer, p_bytes bigint
) RETURNS TABLE (id uuid, form text, raw_bytes bigint) LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
  WITH old AS (
    SELECT m, g, m.id AS message_id,
      sum(octet_length(m.content) + octet_length(m.reasoning)) OVER (ORDER BY m.id) - octet_length(m.content) AS before
    FROM messages AS m LEFT JOIN generations AS g ON g.id = m.id AND m.role = 'assistant'
    WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.id >= p_from AND m.id < p_before
      AND NOT coalesce(g.dead_letter OR g.state IN ('queued', 'running'), false)
      AND NOT EXISTS (SELECT FROM generations AS open
        WHERE open.conversation_id = p_conversation AND open.state IN ('queued', 'running'))
    ORDER BY m.id LIMIT p_limit
  )
  SELECT message_id, archived_form(m, g)::text,
    (pg_column_size(m) + CASE WHEN (g).id IS NULL THEN 0 ELSE pg_column_size(g) END)::bigint
  FROM old WHERE before < p_bytes ORDER BY message_id
$$;

-- One chunk takes the place of these messages and of the chunks that it was merged with: archived; changed,
-- where they are no longer as they were packed; away, where the user is not at home. The rows of the
-- answers' generations go along, and idempotency keys that point to them.
CREATE FUNCTION archive_messages(
  p_user uuid, p_conversation uuid, p_from uuid, p_before uuid, p_ids uuid[], p_digest text, p_merged uuid[],
  p_to_id uuid, p_from_id uuid, p_messages integer, p_codec smallint, p_raw_bytes bigint, p_payload bytea,
  p_answers uuid[], p_entry_ids uuid[], p_entry_parents uuid[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_digest text;
  v_merged integer;
BEGIN
  IF lock_user(p_user) <> 'active' THEN RETURN 'away'; END IF;
  SELECT md5(string_agg(form, E'\n' ORDER BY id)) INTO v_digest
    FROM archivable_messages(p_user, p_conversation, p_from, p_before, cardinality(p_ids), 9223372036854775807)
    WHERE id = ANY (p_ids);
  SELECT count(*) INTO v_merged FROM message_archive WHERE conversation_id = p_conversation AND to_id = ANY (p_merged);
  IF v_digest IS DISTINCT FROM p_digest OR v_merged <> cardinality(p_merged) THEN RETURN 'changed'; END IF;
  -- A move copies the messages of conversations that changed.
  UPDATE conversations SET title = title WHERE user_id = p_user AND id = p_conversation AND deleted_at IS NULL;
  IF NOT FOUND THEN RETURN 'changed'; END IF;
  DELETE FROM message_archive WHERE conversation_id = p_conversation AND to_id = ANY (p_merged);
  INSERT INTO message_archive (conversation_id, to_id, from_id, user_id, messages, codec, raw_bytes, packed_bytes,
    payload, answers, entry_ids, entry_parents, created_at)
  VALUES (p_conversation, p_to_id, p_from_id, p_user, p_messages, p_codec, p_raw_bytes, octet_length(p_payload),
    p_payload, p_answers, p_entry_ids, p_entry_parents, clock_timestamp());
  DELETE FROM messages AS m WHERE m.id = ANY (p_ids) AND m.id >= p_from AND m.id < p_before;
  DELETE FROM idempotency AS i WHERE i.user_id = p_user AND i.generation_id = ANY (p_ids);
  DELETE FROM generations AS g WHERE g.id = ANY (p_ids) AND g.user_id = p_user;
  RETURN 'archived';
END $$;

-- A row of that table, of the columns that the form has; the others get their defaults.
CREATE FUNCTION insert_form(p_table text, p_form jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_columns text := (SELECT string_agg(quote_ident(name), ', ') FROM jsonb_object_keys(p_form) AS name);
BEGIN
  EXECUTE format('INSERT INTO %1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$I, $1)', p_table, v_columns)
    USING p_form;
END $$;

-- The reverse, for a write that is about a message in it: thawed; changed, where the chunk is not (or no
-- longer) the one that was unpacked; away.
CREATE FUNCTION thaw_messages(p_user uuid, p_conversation uuid, p_to_id uuid, p_digest text, p_forms jsonb)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_form jsonb;
BEGIN
  IF lock_user(p_user) <> 'active' THEN RETURN 'away'; END IF;
  DELETE FROM message_archive
    WHERE conversation_id = p_conversation AND user_id = p_user AND to_id = p_to_id AND md5(payload) = p_digest;
  IF NOT FOUND THEN RETURN 'changed'; END IF;
  UPDATE conversations SET title = title WHERE user_id = p_user AND id = p_conversation;
  FOR v_form IN SELECT * FROM jsonb_array_elements(p_forms) LOOP
    PERFORM insert_form('messages',
      v_form -> 'message' || jsonb_build_object('conversation_id', p_conversation, 'user_id', p_user));
    CONTINUE WHEN v_form ->> 'generation' IS NULL;
    PERFORM insert_form('generations', v_form -> 'generation' || jsonb_build_object(
      'due_at', v_form #> '{generation,created_at}', 'sweep_due_at', v_form #> '{generation,created_at}'));
  END LOOP;
  RETURN 'thawed';
END $$;

-- As before; looked for by a query, which sees what others have made while this waited for the lock.
CREATE OR REPLACE FUNCTION ensure_message_partition(at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_month timestamp := date_trunc('month', at AT TIME ZONE 'UTC');
  v_name text := 'messages_' || to_char(v_month, 'YYYY_MM');
BEGIN
  IF EXISTS (SELECT FROM message_partitions() WHERE name = v_name) THEN RETURN false; END IF;
  PERFORM pg_advisory_xact_lock(1128415490, 1);
  IF EXISTS (SELECT FROM message_partitions() WHERE name = v_name) THEN RETURN false; END IF;
  EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
  EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', v_name,
    uuid_floor(v_month AT TIME ZONE 'UTC'), uuid_floor((v_month + interval '1 month') AT TIME ZONE 'UTC'));
  RETURN true;
END $$;

-- True: it was empty, and is gone. Whoever reads or writes messages waits meanwhile, for half a second at most.
CREATE FUNCTION drop_empty_partition(p_name text) RETURNS boolean LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
  v_is_used boolean;
BEGIN
  IF NOT EXISTS (SELECT FROM message_partitions() WHERE name = p_name) THEN RETURN false; END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %I)', p_name) INTO v_is_used;
  IF v_is_used THEN RETURN false; END IF;
  PERFORM pg_advisory_xact_lock(1128415490, 1);
  -- Whoever writes has locked the whole before its part.
  LOCK TABLE ONLY messages IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('SELECT EXISTS (SELECT FROM %I)', p_name) INTO v_is_used;
  IF v_is_used THEN RETURN false; END IF;
  EXECUTE format('DROP TABLE %I', p_name);
  RETURN true;
EXCEPTION WHEN undefined_table THEN
  -- Another was faster.
  RETURN false;
END $$;

-- As before, where older messages may be archived.
CREATE OR REPLACE FUNCTION replay_dead_letter(p_user uuid, p_id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
  v_conversation conversations;
BEGIN
  IF v_home <> 'active' THEN RETURN 'moving'; END IF;
  SELECT c.* INTO v_conversation FROM generations AS g JOIN conversations AS c ON c.user_id = g.user_id AND c.id = g.conversation_id
    WHERE g.id = p_id AND g.user_id = p_user AND g.dead_letter AND c.deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN 'unknown'; END IF;
  DELETE FROM messages WHERE id = p_id;
  UPDATE generations SET
    state = 'queued', direct = false, dead_letter = false, stop_requested = false, owner = NULL, owner_locked = false,
    attempts = 0, takeovers = 0, finished_at = NULL, model = NULL, finish_reason = NULL,
    prompt_tokens = NULL, reused_tokens = NULL, completion_tokens = NULL, prefill_ms = NULL, stream_ms = NULL,
    trimmed_messages = NULL, text_bytes = NULL, reasoning_bytes = NULL, error_code = NULL, error_message = NULL,
    ticket = NULL, due_at = v_now, dispatched_at = NULL, published_at = NULL, sweeps = 0, sweep_due_at = v_now
  WHERE id = p_id;
  UPDATE conversations SET
    message_count = message_count - 1,
    last_message_id = greatest(
      (SELECT id FROM messages WHERE conversation_id = v_conversation.id
        AND id BETWEEN v_conversation.first_id AND v_conversation.last_id ORDER BY id DESC LIMIT 1),
      (SELECT to_id FROM message_archive WHERE conversation_id = v_conversation.id ORDER BY to_id DESC LIMIT 1))
  WHERE user_id = p_user AND id = v_conversation.id;
  RETURN 'replayed';
END $$;
