-- What may be lost in a crash of the database without a loss is not waited for until it is on the disk. A commit that
-- is waited for takes with it all that was committed before, so that what is lost is always the newest.
CREATE FUNCTION commit_soon() RETURNS void LANGUAGE sql AS $$ SELECT set_config('synchronous_commit', 'off', true) $$;

-- As before. A lost mark is a generation that is published again.
CREATE OR REPLACE FUNCTION note_published(p_users uuid[], p_ids uuid[], p_tickets bigint[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  v_published record;
  v_home text;
  v_waits boolean;
BEGIN
  PERFORM commit_soon();
  FOR v_published IN SELECT * FROM unnest(p_users, p_ids, p_tickets) AS p (user_id, id, ticket) ORDER BY 1, 2 LOOP
    SELECT state INTO v_home FROM user_home WHERE user_id = v_published.user_id;
    IF v_home IS DISTINCT FROM 'active' THEN
      RETURN NEXT v_published.user_id;
      CONTINUE;
    END IF;
    SELECT state = 'queued' AND dispatched_at IS NOT NULL INTO v_waits FROM generations
      WHERE id = v_published.id AND user_id = v_published.user_id;
    CONTINUE WHEN v_waits IS NOT TRUE;
    PERFORM FROM user_home WHERE user_id = v_published.user_id AND state = 'active' FOR SHARE;
    IF NOT FOUND THEN
      RETURN NEXT v_published.user_id;
      CONTINUE;
    END IF;
    -- One that is being claimed right now is claimed.
    SELECT state = 'queued' AND dispatched_at IS NOT NULL INTO v_waits FROM generations
      WHERE id = v_published.id FOR UPDATE SKIP LOCKED;
    IF v_waits THEN
      UPDATE generations SET published_at = now_ms(), ticket = v_published.ticket WHERE id = v_published.id;
    END IF;
  END LOOP;
END $$;

-- As before. A lost renewal is made up for by the next.
CREATE OR REPLACE FUNCTION heartbeat_held(
  p_owner text, p_users uuid[], p_ids uuid[], p_epochs integer[], p_lease_ms integer
) RETURNS TABLE (held_id uuid, standing text) LANGUAGE plpgsql AS $$
DECLARE
  v_locked boolean := owner_is_alive(p_owner);
BEGIN
  PERFORM commit_soon();
  PERFORM FROM user_home WHERE user_id = ANY (p_users) ORDER BY user_id FOR SHARE;
  RETURN QUERY
    WITH asked AS MATERIALIZED (
      SELECT held.id, held.user_id, held.epoch, home.state
      FROM unnest(p_users, p_ids, p_epochs) AS held (user_id, id, epoch)
      LEFT JOIN LATERAL (SELECT h.state FROM user_home AS h WHERE h.user_id = held.user_id OFFSET 0) AS home ON true
    ), mine AS MATERIALIZED (
      SELECT g.id, g.stop_requested, asked.state = 'active' AS is_home
      FROM (SELECT * FROM asked WHERE asked.state IN ('active', 'frozen') ORDER BY asked.id) AS asked
      CROSS JOIN LATERAL (SELECT * FROM generations AS row WHERE row.id = asked.id FOR UPDATE) AS g
      WHERE g.user_id = asked.user_id AND g.epoch = asked.epoch AND g.owner = p_owner AND g.state = 'running'
    ), renewed AS (
      -- A user on the move is still held: the lease goes on at the new home.
      UPDATE generations AS g
      SET lease_until = now_ms() + make_interval(secs => p_lease_ms / 1000.0), owner_locked = v_locked
      WHERE g.id = ANY (ARRAY(SELECT mine.id FROM mine WHERE mine.is_home))
    )
    SELECT mine.id, CASE WHEN mine.stop_requested THEN 'stop' ELSE 'held' END FROM mine
    UNION ALL
    SELECT asked.id, 'away' FROM asked WHERE asked.state IS NULL OR asked.state = 'gone';
END $$;

-- As before. Of one whose home is there, as it mostly is, nothing is written and no row locked. It is waited for until
-- it is on the disk: who has been told of it once does not ask again.
CREATE OR REPLACE FUNCTION make_home(p_user uuid, p_workspace uuid, p_epoch integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM user_home WHERE user_id = p_user AND (state <> 'gone' OR epoch >= p_epoch)) THEN RETURN; END IF;
  INSERT INTO user_home AS home (user_id, workspace_id, epoch, state) VALUES (p_user, p_workspace, p_epoch, 'active')
  ON CONFLICT (user_id) DO UPDATE
    SET workspace_id = excluded.workspace_id, epoch = excluded.epoch, state = 'active', move_id = NULL, moved_to = NULL
    WHERE home.state = 'gone' AND home.epoch < excluded.epoch;
END $$;

-- The user of that name, or one that is placed on that shard, where it takes users; an embedded server lists none.
CREATE FUNCTION ensure_user(p_user uuid, p_workspace uuid, p_external text, p_shard integer)
RETURNS SETOF users LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT * FROM users WHERE workspace_id = p_workspace AND external_id = p_external;
  IF FOUND THEN RETURN; END IF;
  RETURN QUERY INSERT INTO users (user_id, workspace_id, external_id, shard)
    SELECT p_user, p_workspace, p_external, p_shard
    WHERE p_shard IS NOT NULL
      AND (EXISTS (SELECT FROM shards WHERE id = p_shard AND state = 'active') OR NOT EXISTS (SELECT FROM shards))
    ON CONFLICT DO NOTHING RETURNING *;
  IF FOUND THEN RETURN; END IF;
  -- Somebody else was first.
  RETURN QUERY SELECT * FROM users WHERE workspace_id = p_workspace AND external_id = p_external;
END $$;
