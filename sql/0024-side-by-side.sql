-- Answers to one question do not need each other: they may be made side by side.
CREATE EXTENSION IF NOT EXISTS btree_gist;

DROP INDEX generations_one_runs;
ALTER TABLE generations ADD CONSTRAINT generations_one_question
  EXCLUDE USING gist (conversation_id WITH =, request_message_id WITH <>) WHERE (state = 'running');

CREATE OR REPLACE FUNCTION is_first_in_line(g generations) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT FROM generations AS other
    WHERE other.conversation_id = g.conversation_id AND other.state IN ('queued', 'running')
      AND other.request_message_id <> g.request_message_id
      AND (other.seq < g.seq OR other.state = 'running' OR other.dispatched_at IS NOT NULL)
  )
$$;

-- As before, but for other answers to its question.
CREATE OR REPLACE FUNCTION claim_generation(
  p_user uuid, p_id uuid, p_owner text, p_lease_ms integer, p_trust_locks boolean, p_trust_leases boolean
) RETURNS TABLE (outcome text, delay_ms double precision, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
BEGIN
  IF v_home <> 'active' THEN outcome := 'moving'; RETURN NEXT; RETURN; END IF;
  SELECT * INTO generation FROM generations WHERE id = p_id AND user_id = p_user FOR UPDATE;
  IF NOT FOUND THEN
    outcome := 'unknown';
  ELSIF generation.state = 'queued' AND generation.due_at > v_now THEN
    outcome := 'not-due';
    delay_ms := extract(epoch FROM generation.due_at - v_now) * 1000;
  ELSIF generation.state = 'queued' AND EXISTS (SELECT FROM generations AS other
      WHERE other.conversation_id = generation.conversation_id AND other.state IN ('queued', 'running')
        AND other.request_message_id <> generation.request_message_id
        -- Whether a dispatched one was first in line was decided then: one replayed since comes after it.
        AND (other.state = 'running' OR (generation.dispatched_at IS NULL AND other.seq < generation.seq))) THEN
    outcome := 'conversation-busy';
  ELSIF generation.state NOT IN ('queued', 'running') THEN
    outcome := 'terminal';
  -- Its owner itself asks only for what it does not run.
  ELSIF generation.state = 'running' AND generation.owner <> p_owner
      AND NOT may_be_taken(generation, v_now, p_trust_locks, p_trust_leases) THEN
    outcome := 'owned';
  ELSE
    outcome := 'claimed';
    UPDATE generations SET
      attempts = attempts + (state = 'queued')::integer,
      takeovers = takeovers + (state = 'running')::integer,
      state = 'running',
      epoch = epoch + 1,
      owner = p_owner,
      owner_locked = owner_is_alive(p_owner),
      lease_until = v_now + make_interval(secs => p_lease_ms / 1000.0),
      claimed_at = coalesce(claimed_at, v_now),
      sweeps = 0,
      sweep_due_at = v_now
    WHERE id = p_id RETURNING * INTO generation;
  END IF;
  RETURN NEXT;
END $$;
