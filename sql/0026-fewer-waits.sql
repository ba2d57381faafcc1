-- For the transaction of whoever calls it: what may go in a crash of the database is not waited for until it is on the
-- disk. A commit that is waited for takes with it all that was committed before, so that what goes is the newest.
CREATE FUNCTION commit_soon() RETURNS void LANGUAGE sql AS $$ SELECT set_config('synchronous_commit', 'off', true) $$;

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
