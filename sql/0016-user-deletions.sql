-- Of the directory. `deletion`: the user is being deleted, and is not found by name. `closed`: nor by id, since
-- no write for the user succeeds any more.
ALTER TABLE users ADD COLUMN deletion uuid, ADD COLUMN closed boolean NOT NULL DEFAULT false;

-- Stays as the receipt. Of the user nothing is in it but the id, which is a hash.
CREATE TABLE user_deletions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  -- Of the home.
  shard integer NOT NULL,
  epoch integer NOT NULL,
  begun_at timestamptz NOT NULL,
  -- When somebody last went on with it.
  touched_at timestamptz NOT NULL,
  finished_at timestamptz,
  cleared jsonb,
  removed jsonb,
  databases text[]
);
CREATE INDEX user_deletions_of_user ON user_deletions (user_id, begun_at DESC);
CREATE INDEX user_deletions_open ON user_deletions (touched_at) WHERE finished_at IS NULL;

-- Of every shard: what a deletion has removed there so far.
CREATE TABLE deletion_counts (
  deletion uuid PRIMARY KEY,
  messages bigint NOT NULL,
  archived bigint NOT NULL,
  generations bigint NOT NULL,
  conversations bigint NOT NULL,
  idempotency bigint NOT NULL,
  usage_days bigint NOT NULL
);

-- `outcome`: begun, resumed, unknown, moving.
CREATE FUNCTION begin_deletion(p_id uuid, p_workspace uuid, p_name text)
RETURNS TABLE (outcome text, deletion user_deletions) LANGUAGE plpgsql AS $$
DECLARE
  v_user users;
BEGIN
  SELECT * INTO v_user FROM users WHERE workspace_id = p_workspace AND external_id = p_name FOR UPDATE;
  IF NOT FOUND THEN outcome := 'unknown'; RETURN NEXT; RETURN; END IF;
  IF v_user.deletion IS NOT NULL THEN
    outcome := 'resumed';
    UPDATE user_deletions AS d SET touched_at = clock_timestamp() WHERE d.id = v_user.deletion RETURNING * INTO deletion;
  ELSIF EXISTS (SELECT FROM user_moves WHERE user_id = v_user.user_id) THEN
    outcome := 'moving';
  ELSE
    outcome := 'begun';
    INSERT INTO user_deletions (id, user_id, workspace_id, shard, epoch, begun_at, touched_at)
    VALUES (p_id, v_user.user_id, p_workspace, v_user.shard, v_user.epoch, now_ms(), clock_timestamp())
    RETURNING * INTO deletion;
    UPDATE users AS u SET deletion = p_id WHERE u.user_id = v_user.user_id;
  END IF;
  RETURN NEXT;
END $$;

CREATE FUNCTION end_deletion(p_id uuid, p_removed jsonb, p_databases text[]) RETURNS void LANGUAGE sql AS $$
  DELETE FROM users WHERE deletion = p_id;
  UPDATE user_deletions SET removed = p_removed, databases = p_databases, finished_at = now_ms()
  WHERE id = p_id AND finished_at IS NULL;
$$;

-- Marks all that is unfinished, so that nobody begins it any more, and returns what runs.
CREATE FUNCTION stop_everything(p_user uuid, p_epoch integer) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
  IF lock_user(p_user) <> 'active' OR EXISTS (SELECT FROM user_home WHERE user_id = p_user AND epoch > p_epoch) THEN
    RETURN;
  END IF;
  UPDATE generations SET stop_requested = true WHERE user_id = p_user AND state IN ('queued', 'running') AND NOT stop_requested;
  RETURN QUERY SELECT id FROM generations WHERE user_id = p_user AND state = 'running';
END $$;

-- A tombstone of that epoch: waits for the writes that are under way, and refuses all that come after. One who
-- comes back has a home of a later epoch.
CREATE FUNCTION close_home(p_user uuid, p_workspace uuid, p_epoch integer) RETURNS void LANGUAGE sql AS $$
  INSERT INTO user_home AS home (user_id, workspace_id, epoch, state) VALUES (p_user, p_workspace, p_epoch, 'gone')
  ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch, state = 'gone', move_id = NULL, moved_to = NULL
    WHERE home.epoch <= excluded.epoch
$$;

-- True: nothing is left here of the user of that epoch, or a later one has moved in.
CREATE FUNCTION erase_user(p_user uuid, p_deletion uuid, p_epoch integer, p_limit integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_home user_home;
  v_removed record;
BEGIN
  SELECT * INTO v_home FROM user_home WHERE user_id = p_user FOR UPDATE;
  IF v_home.epoch > p_epoch THEN RETURN true; END IF;
  -- Of a stay that never ended properly.
  UPDATE user_home SET state = 'gone', move_id = NULL, moved_to = NULL WHERE user_id = p_user AND state <> 'gone';
  SELECT * INTO v_removed FROM remove_rows(p_user, p_limit);
  INSERT INTO deletion_counts AS c
  VALUES (p_deletion, v_removed.messages, v_removed.archived, v_removed.generations, v_removed.conversations,
    v_removed.idempotency, v_removed.usage_days)
  ON CONFLICT (deletion) DO UPDATE SET messages = c.messages + excluded.messages, archived = c.archived + excluded.archived,
    generations = c.generations + excluded.generations, conversations = c.conversations + excluded.conversations,
    idempotency = c.idempotency + excluded.idempotency, usage_days = c.usage_days + excluded.usage_days;
  RETURN v_removed.messages < p_limit;
END $$;

-- As before; nobody moves who is being deleted.
CREATE OR REPLACE FUNCTION begin_move(p_id uuid, p_user uuid, p_target integer, p_living interval)
RETURNS TABLE (outcome text, move user_moves) LANGUAGE plpgsql AS $$
DECLARE
  v_user users;
BEGIN
  SELECT * INTO v_user FROM users WHERE user_id = p_user FOR UPDATE;
  IF NOT FOUND OR v_user.deletion IS NOT NULL THEN outcome := 'unknown'; RETURN NEXT; RETURN; END IF;
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
