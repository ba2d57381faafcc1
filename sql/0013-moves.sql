-- Of the directory: users who are between two shards. A row stands from before the freeze until the
-- source is empty, so that whoever finds it can finish what another began.
CREATE TABLE user_moves (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL UNIQUE,
  workspace_id uuid NOT NULL,
  source integer NOT NULL,
  target integer NOT NULL,
  -- Of the home at the source, and of the one at the target.
  from_epoch integer NOT NULL,
  to_epoch integer NOT NULL,
  phase text NOT NULL DEFAULT 'copying' CHECK (phase IN ('copying', 'flipped')),
  touched_at timestamptz NOT NULL
);

CREATE INDEX generations_of_user ON generations (user_id, seq);

-- `outcome`: begun, resumed (that move goes on, whatever its target), there, unknown, closed (no such
-- shard takes users), not-open (a living process does not have the target open yet).
CREATE FUNCTION begin_move(p_id uuid, p_user uuid, p_target integer, p_living interval)
RETURNS TABLE (outcome text, move user_moves) LANGUAGE plpgsql AS $$
DECLARE
  v_user users;
BEGIN
  SELECT * INTO v_user FROM users WHERE user_id = p_user FOR UPDATE;
  IF NOT FOUND THEN outcome := 'unknown'; RETURN NEXT; RETURN; END IF;
  UPDATE user_moves SET touched_at = clock_timestamp() WHERE user_id = p_user RETURNING * INTO move;
  IF FOUND THEN
    outcome := 'resumed';
  ELSIF v_user.shard = p_target THEN
    outcome := 'there';
  ELSIF NOT EXISTS (SELECT FROM shards WHERE id = p_target AND state IN ('joining', 'active')) THEN
    outcome := 'closed';
  ELSIF EXISTS (SELECT FROM shard_processes
      WHERE seen_at > clock_timestamp() - p_living AND NOT open @> ARRAY[p_target]) THEN
    outcome := 'not-open';
  ELSE
    outcome := 'begun';
    INSERT INTO user_moves (id, user_id, workspace_id, source, target, from_epoch, to_epoch, touched_at)
    VALUES (p_id, p_user, v_user.workspace_id, v_user.shard, p_target, v_user.epoch, nextval('user_epochs'), clock_timestamp())
    RETURNING * INTO move;
  END IF;
  RETURN NEXT;
END $$;

-- Only while the move stands, and only from where it began.
CREATE FUNCTION flip_move(p_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_move user_moves;
BEGIN
  SELECT * INTO v_move FROM user_moves WHERE id = p_id FOR UPDATE;
  UPDATE users SET shard = v_move.target, epoch = v_move.to_epoch
  WHERE user_id = v_move.user_id AND shard = v_move.source AND epoch = v_move.from_epoch;
  UPDATE user_moves SET phase = 'flipped', touched_at = clock_timestamp() WHERE id = p_id;
END $$;

-- At the source. True: it is frozen by this move. Waits for the writers that are at it.
CREATE FUNCTION freeze_home(p_user uuid, p_epoch integer, p_move uuid, p_target integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE user_home SET state = 'frozen', move_id = p_move, moved_to = p_target
  WHERE user_id = p_user AND epoch = p_epoch AND state = 'active';
  RETURN EXISTS (SELECT FROM user_home WHERE user_id = p_user AND state = 'frozen' AND move_id = p_move);
END $$;

-- At the target, begins the transaction of the copy: locks the home, and says whether this move is still
-- to come. Where it is not, the user has arrived, and may have gone on since.
CREATE FUNCTION await_arrival(p_user uuid, p_workspace uuid, p_epoch integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_home user_home;
BEGIN
  INSERT INTO user_home (user_id, workspace_id, epoch, state) VALUES (p_user, p_workspace, 0, 'gone')
  ON CONFLICT (user_id) DO NOTHING;
  SELECT * INTO v_home FROM user_home WHERE user_id = p_user FOR UPDATE;
  IF v_home.epoch >= p_epoch THEN RETURN false; END IF;
  IF v_home.state <> 'gone' THEN
    RAISE EXCEPTION 'user % has a home here already, of epoch %', p_user, v_home.epoch;
  END IF;
  RETURN true;
END $$;

-- Of everything that a user has on this shard, the home excepted, at most about so many rows; returns how
-- many of each table. All zero: nothing is left.
CREATE FUNCTION remove_rows(p_user uuid, p_limit integer) RETURNS TABLE (
  messages bigint, archived bigint, generations bigint, conversations bigint, idempotency bigint, usage_days bigint
) LANGUAGE plpgsql AS $$
BEGIN
  archived := 0; generations := 0; conversations := 0; idempotency := 0; usage_days := 0;
  DELETE FROM messages AS m WHERE m.id IN (SELECT each.id FROM messages AS each WHERE each.user_id = p_user LIMIT p_limit);
  GET DIAGNOSTICS messages = ROW_COUNT;
  IF messages < p_limit THEN
    WITH removed AS (
      DELETE FROM message_archive AS a WHERE a.user_id = p_user RETURNING a.messages
    ) SELECT coalesce(sum(removed.messages), 0) INTO archived FROM removed;
    DELETE FROM generations AS g WHERE g.user_id = p_user;
    GET DIAGNOSTICS generations = ROW_COUNT;
    DELETE FROM idempotency AS i WHERE i.user_id = p_user;
    GET DIAGNOSTICS idempotency = ROW_COUNT;
    DELETE FROM usage_daily AS u WHERE u.user_id = p_user;
    GET DIAGNOSTICS usage_days = ROW_COUNT;
    DELETE FROM conversations AS c WHERE c.user_id = p_user;
    GET DIAGNOSTICS conversations = ROW_COUNT;
  END IF;
  RETURN NEXT;
END $$;

-- At the source, once the directory names the target. Does nothing where the home is not this move's.
CREATE FUNCTION retire_home(p_user uuid, p_move uuid) RETURNS void LANGUAGE sql AS $$
  UPDATE user_home SET state = 'gone' WHERE user_id = p_user AND state = 'frozen' AND move_id = p_move
$$;

-- True: nothing is left to do here. The tombstone stays.
CREATE FUNCTION remove_moved(p_user uuid, p_move uuid, p_limit integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM user_home WHERE user_id = p_user AND state = 'gone' AND move_id = p_move FOR UPDATE;
  IF NOT FOUND THEN RETURN true; END IF;
  RETURN (SELECT r.messages < p_limit FROM remove_rows(p_user, p_limit) AS r);
END $$;
