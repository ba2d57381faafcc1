-- `outcome`: claimed, terminal, owned, conversation-busy, not-due, moving, unknown.
-- `p_trust_locks`, `p_trust_leases`: the caller has seen this shard up for long enough since its last
-- restart, which frees every lock and delays every heartbeat.
CREATE FUNCTION claim_generation(
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
        AND other.id <> p_id
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

CREATE FUNCTION may_be_taken(g generations, p_now timestamptz, p_trust_locks boolean, p_trust_leases boolean)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF p_trust_leases AND g.lease_until <= p_now THEN RETURN true; END IF;
  IF NOT (p_trust_locks AND g.owner_locked) THEN RETURN false; END IF;
  RETURN NOT owner_is_alive(g.owner);
END $$;

-- Locks, in the order of users and then rows, what (epoch, owner) still holds.
CREATE FUNCTION heartbeat_generations(
  p_owner text, p_users uuid[], p_ids uuid[], p_epochs integer[], p_lease_ms integer
) RETURNS TABLE (held_id uuid, to_stop boolean) LANGUAGE plpgsql AS $$
DECLARE
  v_locked boolean := owner_is_alive(p_owner);
BEGIN
  PERFORM FROM user_home WHERE user_id = ANY (p_users) ORDER BY user_id FOR SHARE;
  RETURN QUERY
    WITH mine AS MATERIALIZED (
      SELECT g.id, g.stop_requested, home.state = 'active' AS is_home
      FROM unnest(p_users, p_ids, p_epochs) AS held (user_id, id, epoch)
      JOIN generations AS g ON g.id = held.id AND g.user_id = held.user_id
      JOIN user_home AS home ON home.user_id = held.user_id
      WHERE g.epoch = held.epoch AND g.owner = p_owner AND g.state = 'running'
      ORDER BY g.id FOR UPDATE OF g
    ), renewed AS (
      -- A user on the move is still held: the lease goes on at its new home.
      UPDATE generations AS g
      SET lease_until = now_ms() + make_interval(secs => p_lease_ms / 1000.0), owner_locked = v_locked
      FROM mine WHERE g.id = mine.id AND mine.is_home
    )
    SELECT mine.id, mine.stop_requested FROM mine;
END $$;

-- Null where (epoch, owner) no longer holds it. -1: the user is on the move.
CREATE FUNCTION raise_epoch(p_user uuid, p_id uuid, p_epoch integer, p_owner text, p_above integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_epoch integer;
BEGIN
  IF lock_user(p_user) <> 'active' THEN RETURN -1; END IF;
  UPDATE generations SET epoch = greatest(epoch, p_above) + 1
  WHERE id = p_id AND user_id = p_user AND epoch = p_epoch AND owner = p_owner AND state = 'running'
  RETURNING epoch INTO v_epoch;
  RETURN v_epoch;
END $$;

-- released, fenced, moving.
CREATE FUNCTION release_generation(
  p_user uuid, p_id uuid, p_epoch integer, p_owner text, p_delay_ms double precision, p_count boolean, p_error text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
  v_due timestamptz := v_now + make_interval(secs => p_delay_ms / 1000.0);
BEGIN
  IF v_home <> 'active' THEN RETURN 'moving'; END IF;
  UPDATE generations SET
    state = 'queued', direct = false, owner = NULL, owner_locked = false, lease_until = NULL,
    due_at = v_due,
    -- Due at once, it keeps its place.
    dispatched_at = CASE WHEN p_delay_ms > 0 THEN NULL ELSE v_now END,
    published_at = NULL,
    attempts = CASE WHEN p_count THEN attempts ELSE greatest(0, attempts - 1) END,
    last_error = coalesce(p_error, last_error),
    sweeps = 0, sweep_due_at = v_due
  WHERE id = p_id AND user_id = p_user AND epoch = p_epoch AND owner = p_owner AND state = 'running';
  RETURN CASE WHEN FOUND THEN 'released' ELSE 'fenced' END;
END $$;
