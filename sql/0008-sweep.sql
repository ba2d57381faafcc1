CREATE FUNCTION next_sweep(p_now timestamptz, p_backoff_ms double precision, p_sweeps integer)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Doubles up to some minutes.
AS $$ SELECT p_now + make_interval(secs => p_backoff_ms / 1000.0 * 2 ^ least(p_sweeps, 7)) $$;

CREATE FUNCTION is_unconfirmed(g generations) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT g.state = 'queued' AND g.published_at IS NULL $$;

-- What stands still. Rows that somebody works on at this moment are passed over, and so are users on the move.
CREATE FUNCTION sweep_stalled(
  p_owner text, p_limit integer, p_unconfirmed interval, p_unclaimed interval, p_queue_lost boolean,
  p_backoff_ms double precision, p_trust_locks boolean, p_trust_leases boolean
) RETURNS TABLE (stalled_id uuid, stalled_user uuid, stalled_lane text) LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := now_ms();
  v_dead text[] := '{}';
  v_owner text;
  v_direct record;
  v_done uuid[] := '{}';
BEGIN
  IF p_trust_locks THEN
    FOR v_owner IN SELECT DISTINCT owner FROM generations WHERE state = 'running' AND owner <> p_owner AND owner_locked LOOP
      IF NOT owner_is_alive(v_owner) THEN v_dead := v_dead || v_owner; END IF;
    END LOOP;
  END IF;

  -- Was to run in the process that accepted it, and never did: through its lane from now on. Dispatching
  -- is decided under the user's lock; tried, not waited for, since others are held already.
  FOR v_direct IN
    SELECT g.id, g.user_id FROM generations AS g
    WHERE state = 'queued' AND dispatched_at IS NULL AND direct AND sweep_due_at <= v_now
      AND greatest(created_at, due_at) + p_unclaimed <= v_now AND is_first_in_line(g)
    ORDER BY seq LIMIT p_limit
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(1128415491, user_key(v_direct.user_id));
    UPDATE generations AS g SET direct = false, dispatched_at = v_now, published_at = NULL, sweep_due_at = v_now
    WHERE g.id = v_direct.id AND state = 'queued' AND dispatched_at IS NULL AND is_first_in_line(g)
      AND EXISTS (SELECT FROM user_home WHERE user_id = v_direct.user_id AND user_home.state = 'active' FOR SHARE);
    IF FOUND THEN
      v_done := v_done || v_direct.id;
      RETURN QUERY UPDATE generations AS g SET sweeps = sweeps + 1, sweep_due_at = next_sweep(v_now, p_backoff_ms, sweeps)
        WHERE g.id = v_direct.id RETURNING g.id, g.user_id, g.lane;
    END IF;
  END LOOP;

  RETURN QUERY
    WITH due AS MATERIALIZED (
      SELECT g.id FROM generations AS g JOIN user_home AS home ON home.user_id = g.user_id AND home.state = 'active'
      WHERE g.state IN ('queued', 'running')
        AND (g.state = 'running' OR (g.dispatched_at IS NOT NULL AND g.due_at <= v_now))
        AND CASE
          -- Of a lost queue, a row in its first delay was returned a moment ago: pages come to an end.
          WHEN g.sweep_due_at > v_now AND NOT (p_queue_lost AND g.sweeps > 1) THEN false
          WHEN g.state = 'queued' AND p_queue_lost THEN g.id <> ALL (v_done)
          -- A lapsed lease of the asker's own counts too: it may have lost the row.
          WHEN g.state = 'running' THEN (p_trust_leases AND g.lease_until <= v_now)
            OR (g.owner_locked AND g.owner = ANY (v_dead))
          WHEN g.published_at IS NULL THEN g.dispatched_at + p_unconfirmed <= v_now
          ELSE g.published_at + p_unclaimed <= v_now
        END
      ORDER BY g.sweep_due_at, g.seq LIMIT p_limit
      FOR UPDATE OF g SKIP LOCKED FOR SHARE OF home SKIP LOCKED
    )
    -- What the queue never took is not its load: it is offered again and again until the queue is back.
    UPDATE generations AS g SET
      sweeps = CASE WHEN p_queue_lost THEN 1 WHEN is_unconfirmed(g) THEN least(g.sweeps + 1, 2) ELSE g.sweeps + 1 END,
      sweep_due_at = next_sweep(v_now, p_backoff_ms, CASE WHEN p_queue_lost OR is_unconfirmed(g) THEN 0 ELSE g.sweeps END)
    FROM due WHERE g.id = due.id RETURNING g.id, g.user_id, g.lane;
END $$;

-- Users of whom something waits that could be dispatched if their window had room. Of each user and lane
-- only the first such row is looked at and stamped, so that a long line costs no more than a short one.
CREATE FUNCTION sweep_waiting(p_limit integer, p_backoff_ms double precision) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := now_ms();
BEGIN
  RETURN QUERY
    WITH lines AS (
      SELECT DISTINCT user_id, lane FROM generations WHERE state = 'queued' AND dispatched_at IS NULL
    ), firsts AS MATERIALIZED (
      SELECT first.id FROM lines JOIN user_home AS home ON home.user_id = lines.user_id AND home.state = 'active',
        LATERAL (
          SELECT g.id, g.sweep_due_at FROM generations AS g
          WHERE g.user_id = lines.user_id AND g.lane = lines.lane AND g.state = 'queued' AND g.dispatched_at IS NULL
            AND NOT g.direct AND g.due_at <= v_now AND is_first_in_line(g)
          ORDER BY g.seq LIMIT 1
        ) AS first
      WHERE first.sweep_due_at <= v_now
      ORDER BY first.sweep_due_at LIMIT p_limit
    ), locked AS MATERIALIZED (
      SELECT g.id FROM generations AS g JOIN firsts USING (id) WHERE g.state = 'queued' FOR UPDATE OF g SKIP LOCKED
    ), stamped AS (
      UPDATE generations AS g SET sweeps = g.sweeps + 1, sweep_due_at = next_sweep(v_now, p_backoff_ms, g.sweeps)
      FROM locked WHERE g.id = locked.id RETURNING g.user_id
    )
    SELECT DISTINCT user_id FROM stamped;
END $$;
