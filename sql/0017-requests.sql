-- Requests of programs: with messages of their own, perhaps not to be stored, perhaps with somebody to be told.

-- Without a number: of a request that is not to be stored. Nobody can name it, and it is forgotten.
ALTER TABLE conversations ALTER COLUMN number DROP NOT NULL;
CREATE INDEX conversations_transient ON conversations (updated_at) WHERE number IS NULL;
CREATE INDEX idempotency_by_generation ON idempotency (generation_id);

ALTER TABLE generations
  -- All that the model reads, instead of the conversation's history; until the answer is stored.
  ADD COLUMN prompt jsonb,
  ADD COLUMN webhook_url text,
  -- When somebody is to be told (again). Null: the answer is not there yet, or `webhook_outcome` says how it went.
  ADD COLUMN webhook_due_at timestamptz,
  ADD COLUMN webhook_attempts integer NOT NULL DEFAULT 0,
  ADD COLUMN webhook_outcome text CHECK (webhook_outcome IN ('delivered', 'dead')),
  ADD COLUMN webhook_error text;
CREATE INDEX generations_to_tell ON generations (webhook_due_at) WHERE webhook_due_at IS NOT NULL;
CREATE INDEX generations_untold ON generations (id DESC) WHERE webhook_outcome = 'dead';

-- A dead letter keeps its prompt: it may be replayed.
CREATE FUNCTION generation_answered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT NEW.dead_letter THEN NEW.prompt := NULL; END IF;
  IF NEW.webhook_url IS NOT NULL THEN
    NEW.webhook_due_at := now_ms();
    NEW.webhook_attempts := 0;
    NEW.webhook_outcome := NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER generations_answered BEFORE UPDATE OF state ON generations FOR EACH ROW
  WHEN (OLD.state IN ('queued', 'running') AND NEW.state NOT IN ('queued', 'running')
    AND (NEW.prompt IS NOT NULL OR NEW.webhook_url IS NOT NULL))
  EXECUTE FUNCTION generation_answered();

-- As accept_generation, and keeps with it what a program's request may bring. `p_transient`: its new
-- conversation gets no number.
CREATE FUNCTION accept_request(
  p_workspace uuid, p_user uuid, p_id uuid,
  p_number integer, p_new_conversation uuid, p_title text,
  p_message uuid, p_content text, p_parent_given boolean, p_parent uuid,
  p_lane text, p_direct boolean, p_params jsonb, p_position integer,
  p_key text, p_body_hash text, p_window integer[], p_max_waiting integer,
  p_prompt jsonb, p_transient boolean, p_webhook_url text
) RETURNS TABLE (outcome text, waiting integer, dispatched jsonb, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_accepted record;
BEGIN
  FOR v_accepted IN SELECT * FROM accept_generation(p_workspace, p_user, p_id, p_number, p_new_conversation, p_title,
    p_message, p_content, p_parent_given, p_parent, p_lane, p_direct, p_params, p_position, p_key, p_body_hash,
    p_window, p_max_waiting) LOOP
    outcome := v_accepted.outcome;
    waiting := v_accepted.waiting;
    dispatched := v_accepted.dispatched;
    generation := v_accepted.generation;
  END LOOP;
  IF outcome = 'accepted' AND (p_transient OR p_prompt IS NOT NULL OR p_webhook_url IS NOT NULL) THEN
    IF p_transient THEN
      UPDATE conversations SET number = NULL WHERE user_id = p_user AND id = p_new_conversation;
    END IF;
    UPDATE generations SET
      conversation_number = CASE WHEN p_transient THEN 0 ELSE conversation_number END,
      prompt = p_prompt,
      webhook_url = p_webhook_url
    WHERE id = p_id RETURNING * INTO generation;
  END IF;
  RETURN NEXT;
END $$;

-- Each has one question and one answer, whose id is the conversation's leaf.
CREATE FUNCTION forget_transient(p_after interval, p_limit integer) RETURNS SETOF uuid LANGUAGE sql AS $$
  WITH old AS MATERIALIZED (
    SELECT c.user_id, c.id, c.leaf_id FROM conversations AS c
    JOIN user_home AS home ON home.user_id = c.user_id AND home.state = 'active'
    WHERE c.number IS NULL AND c.updated_at <= now_ms() - p_after
      AND NOT EXISTS (SELECT FROM generations AS g WHERE g.conversation_id = c.id AND g.state IN ('queued', 'running'))
    ORDER BY c.updated_at LIMIT p_limit
    FOR UPDATE OF c SKIP LOCKED FOR SHARE OF home SKIP LOCKED
  ), asked AS (
    DELETE FROM generations AS g USING old WHERE g.id = old.leaf_id RETURNING g.id, g.request_message_id
  ), keys AS (
    DELETE FROM idempotency AS i USING asked WHERE i.generation_id = asked.id
  ), said AS (
    DELETE FROM messages AS m USING asked WHERE m.id = ANY (ARRAY[asked.id, asked.request_message_id])
  ), gone AS (
    DELETE FROM conversations AS c USING old WHERE c.user_id = old.user_id AND c.id = old.id RETURNING c.id
  )
  SELECT id FROM gone
$$;

-- Those whose turn it is, each hidden from others for `p_lease`; one that nobody settles comes again after it.
CREATE FUNCTION claim_webhooks(p_limit integer, p_lease interval) RETURNS SETOF generations LANGUAGE sql AS $$
  WITH due AS MATERIALIZED (
    SELECT g.id FROM generations AS g
    JOIN user_home AS home ON home.user_id = g.user_id AND home.state = 'active'
    WHERE g.webhook_due_at <= now_ms()
    ORDER BY g.webhook_due_at LIMIT p_limit
    FOR UPDATE OF g SKIP LOCKED FOR SHARE OF home SKIP LOCKED
  )
  UPDATE generations AS g SET webhook_due_at = now_ms() + p_lease, webhook_attempts = webhook_attempts + 1
  FROM due WHERE g.id = due.id RETURNING g.*
$$;

-- Settled by whoever made that attempt, unless another has begun since. `p_delay`: until the next; null with an outcome.
CREATE FUNCTION settle_webhook(
  p_user uuid, p_id uuid, p_attempt integer, p_outcome text, p_delay interval, p_error text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
BEGIN
  IF v_home = 'active' THEN
    UPDATE generations SET webhook_outcome = p_outcome, webhook_due_at = now_ms() + p_delay, webhook_error = p_error
    WHERE id = p_id AND user_id = p_user AND webhook_attempts = p_attempt AND webhook_due_at IS NOT NULL;
  END IF;
  RETURN v_home;
END $$;

-- `home`: active where it was done; `done`: false where there is no such dead one.
CREATE FUNCTION replay_webhook(p_user uuid, p_id uuid) RETURNS TABLE (home text, done boolean) LANGUAGE plpgsql AS $$
BEGIN
  home := lock_user(p_user);
  done := false;
  IF home = 'active' THEN
    UPDATE generations SET webhook_outcome = NULL, webhook_attempts = 0, webhook_due_at = now_ms()
    WHERE id = p_id AND user_id = p_user AND webhook_outcome = 'dead';
    done := FOUND;
  END IF;
  RETURN NEXT;
END $$;
