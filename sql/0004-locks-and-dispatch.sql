-- The pipeline's transactions are functions: each decides by what it reads under a lock, and as a
-- function that is one round trip and one commit, however many rows it looks at.

-- Two-integer advisory locks: the first names what is locked. ...90: partitions, ...91: users, ...92: owners.

-- A lock is held by the process for as long as it lives; see own() in generations.ts.
CREATE FUNCTION owner_key(owner text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ('x' || encode(substring(sha256(convert_to(owner, 'UTF8')) FOR 4), 'hex'))::bit(32)::integer $$;

-- Shared, so that two that ask do not take each other for the owner. Procedural, one owner at a time:
-- in a WHERE clause the planner may lock the key of every row it passes.
CREATE FUNCTION owner_is_alive(owner text) RETURNS boolean LANGUAGE plpgsql VOLATILE STRICT AS $$
BEGIN
  RETURN NOT pg_try_advisory_xact_lock_shared(1128415492, owner_key(owner));
END $$;

CREATE FUNCTION user_key(id uuid) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ('x' || right(id::text, 8))::bit(32)::integer $$;

-- Begins every write for one user: they happen one after the other, and only where the user is at
-- home. Always the first lock that is taken, so that two writes cannot wait for each other.
-- Returns the state of the home, null where there is none.
CREATE FUNCTION lock_user(p_user uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_state text;
BEGIN
  PERFORM pg_advisory_xact_lock(1128415491, user_key(p_user));
  SELECT state INTO v_state FROM user_home WHERE user_id = p_user FOR SHARE;
  RETURN v_state;
END $$;

CREATE FUNCTION is_first_in_line(g generations) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT FROM generations AS other
    WHERE other.conversation_id = g.conversation_id AND other.state IN ('queued', 'running') AND other.id <> g.id
      AND (other.seq < g.seq OR other.state = 'running' OR other.dispatched_at IS NOT NULL)
  )
$$;

-- Stamps what the user's window has room for, and returns it as [{"id", "lane"}] in order of acceptance.
-- Of each conversation only the first in line, and only where none of it has a place: a later one
-- needs the earlier one's answer, even where that waits for a retry. p_window: places for stream, chat, batch.
CREATE FUNCTION dispatch_user(p_user uuid, p_window integer[], p_now timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_lane text;
  v_size integer;
  v_room integer;
  v_picked jsonb;
  v_jobs jsonb := '[]';
BEGIN
  FOR v_lane, v_size IN SELECT * FROM unnest(ARRAY['stream', 'chat', 'batch'], p_window) LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM generations
      WHERE user_id = p_user AND lane = v_lane AND state = 'queued' AND dispatched_at IS NULL);
    SELECT v_size - count(*) INTO v_room FROM generations
      WHERE user_id = p_user AND lane = v_lane AND (state = 'running' OR (state = 'queued' AND dispatched_at IS NOT NULL));
    CONTINUE WHEN v_room <= 0;
    WITH picked AS (
      SELECT id FROM generations AS g
      WHERE user_id = p_user AND lane = v_lane AND state = 'queued' AND dispatched_at IS NULL
        AND NOT direct AND due_at <= p_now AND is_first_in_line(g)
      ORDER BY seq LIMIT v_room
    ), stamped AS (
      UPDATE generations AS g SET dispatched_at = p_now, published_at = NULL, sweeps = 0, sweep_due_at = p_now
      FROM picked WHERE g.id = picked.id RETURNING g.id, g.lane, g.seq
    )
    SELECT jsonb_agg(jsonb_build_object('id', id, 'lane', lane, 'seq', seq)) INTO v_picked FROM stamped;
    v_jobs := v_jobs || coalesce(v_picked, '[]');
  END LOOP;
  IF v_jobs = '[]' THEN RETURN v_jobs; END IF;
  RETURN (SELECT jsonb_agg(job - 'seq' ORDER BY (job ->> 'seq')::bigint) FROM jsonb_array_elements(v_jobs) AS job);
END $$;
