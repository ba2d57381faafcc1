-- Of the directory: which shards there are, and which processes have them open.
CREATE TABLE shards (
  id integer PRIMARY KEY,
  name text NOT NULL UNIQUE,
  weight double precision NOT NULL CHECK (weight > 0),
  -- joining: not open everywhere yet. draining: its users leave. drained: nobody opens it.
  state text NOT NULL CHECK (state IN ('joining', 'active', 'draining', 'drained')),
  -- {"primary": …, "replicas": […]}: each as the driver takes a connection.
  hosts jsonb NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE shard_processes (
  id text PRIMARY KEY,
  open integer[] NOT NULL,
  seen_at timestamptz NOT NULL
);

-- Of every database: whose it is. `shard` is null where it is a directory and nothing else. An address
-- that leads to another database than it did is found out by this.
CREATE TABLE shard_identity (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  cluster uuid NOT NULL,
  shard integer
);

-- Every home that a user ever gets has a higher epoch than those before it, also where the user was
-- deleted and came back.
CREATE SEQUENCE user_epochs AS integer START 2;
ALTER TABLE users ALTER COLUMN epoch SET DEFAULT nextval('user_epochs');
CREATE INDEX users_by_shard ON users (shard, user_id);

-- `move_id`: of the move that froze it or took the user away. `moved_to`: the shard of that move.
ALTER TABLE user_home ADD COLUMN move_id uuid, ADD COLUMN moved_to integer;

-- As before, and `absent` where there is no home: whoever asked may have come to the wrong shard.
CREATE OR REPLACE FUNCTION lock_user(p_user uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_state text;
BEGIN
  PERFORM pg_advisory_xact_lock(1128415491, user_key(p_user));
  SELECT state INTO v_state FROM user_home WHERE user_id = p_user FOR SHARE;
  RETURN coalesce(v_state, 'absent');
END $$;

-- Only for a user whom the directory places here, with the epoch it says. A tombstone of an older epoch
-- is of a user who was deleted since.
CREATE FUNCTION make_home(p_user uuid, p_workspace uuid, p_epoch integer) RETURNS void LANGUAGE sql AS $$
  INSERT INTO user_home AS home (user_id, workspace_id, epoch, state) VALUES (p_user, p_workspace, p_epoch, 'active')
  ON CONFLICT (user_id) DO UPDATE
    SET workspace_id = excluded.workspace_id, epoch = excluded.epoch, state = 'active', move_id = NULL, moved_to = NULL
    WHERE home.state = 'gone' AND home.epoch < excluded.epoch
$$;

-- As heartbeat_generations, and says of whom the home is not here: `standing` is held, stop or away.
CREATE FUNCTION heartbeat_held(
  p_owner text, p_users uuid[], p_ids uuid[], p_epochs integer[], p_lease_ms integer
) RETURNS TABLE (held_id uuid, standing text) LANGUAGE plpgsql AS $$
DECLARE
  v_locked boolean := owner_is_alive(p_owner);
BEGIN
  PERFORM FROM user_home WHERE user_id = ANY (p_users) ORDER BY user_id FOR SHARE;
  RETURN QUERY
    WITH asked AS MATERIALIZED (
      SELECT held.id, held.user_id, held.epoch, home.state
      FROM unnest(p_users, p_ids, p_epochs) AS held (user_id, id, epoch)
      LEFT JOIN user_home AS home ON home.user_id = held.user_id
    ), mine AS MATERIALIZED (
      SELECT g.id, g.stop_requested, asked.state = 'active' AS is_home
      FROM asked JOIN generations AS g ON g.id = asked.id AND g.user_id = asked.user_id
      WHERE asked.state IN ('active', 'frozen') AND g.epoch = asked.epoch AND g.owner = p_owner AND g.state = 'running'
      ORDER BY g.id FOR UPDATE OF g
    ), renewed AS (
      -- A user on the move is still held: the lease goes on at the new home.
      UPDATE generations AS g
      SET lease_until = now_ms() + make_interval(secs => p_lease_ms / 1000.0), owner_locked = v_locked
      FROM mine WHERE g.id = mine.id AND mine.is_home
    )
    SELECT mine.id, CASE WHEN mine.stop_requested THEN 'stop' ELSE 'held' END FROM mine
    UNION ALL
    SELECT asked.id, 'away' FROM asked WHERE asked.state IS NULL OR asked.state = 'gone';
END $$;

-- As mark_published, and returns the users whose home is not here, of whom nothing was marked.
CREATE FUNCTION note_published(p_users uuid[], p_ids uuid[], p_tickets bigint[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
  PERFORM mark_published(p_users, p_ids, p_tickets);
  RETURN QUERY SELECT DISTINCT asked FROM unnest(p_users) AS asked
    WHERE NOT EXISTS (SELECT FROM user_home WHERE user_id = asked AND state = 'active');
END $$;

-- A move looks only at conversations that changed: so whatever changes a message changes its conversation's row.
CREATE OR REPLACE FUNCTION set_feedback(p_user uuid, p_number integer, p_message uuid, p_feedback jsonb)
RETURNS TABLE (home text, changed uuid) LANGUAGE plpgsql AS $$
DECLARE
  v_conversation uuid;
BEGIN
  home := lock_user(p_user);
  IF home = 'active' THEN
    UPDATE conversations SET title = title
    WHERE user_id = p_user AND number = p_number AND deleted_at IS NULL RETURNING id INTO v_conversation;
    UPDATE messages AS m SET feedback = p_feedback
    WHERE m.id = p_message AND m.conversation_id = v_conversation AND m.role = 'assistant' RETURNING m.id INTO changed;
  END IF;
  RETURN NEXT;
END $$;
