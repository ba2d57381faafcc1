-- The same decisions in fewer steps, each a look-up by key.
--
-- Plans are made once, perhaps while a table is nearly empty. What asks for a row by its id must not say
-- `state = 'running'` in the same condition: the partial indexes of the few rows in a state look cheaper then than the
-- key, and hold an entry for each version of each row since the last vacuum. And a join to one row is written as the
-- look-up that it is to be.

-- Of a user's window in one lane, counted no further than it is wide.
CREATE FUNCTION count_places(p_user uuid, p_lane text, p_limit integer) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::integer FROM (SELECT FROM generations
    WHERE user_id = p_user AND lane = p_lane AND (state = 'running' OR (state = 'queued' AND dispatched_at IS NOT NULL))
    LIMIT greatest(p_limit, 0)) AS placed
$$;

-- As before. Most users have nothing waiting, which one look tells.
CREATE OR REPLACE FUNCTION dispatch_user(p_user uuid, p_window integer[], p_now timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_lane text;
  v_size integer;
  v_room integer;
  v_picked jsonb;
  v_jobs jsonb := '[]';
BEGIN
  IF NOT EXISTS (SELECT FROM generations WHERE user_id = p_user AND state = 'queued' AND dispatched_at IS NULL) THEN
    RETURN v_jobs;
  END IF;
  FOR v_lane, v_size IN SELECT * FROM unnest(ARRAY['stream', 'chat', 'batch'], p_window) LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM generations
      WHERE user_id = p_user AND lane = v_lane AND state = 'queued' AND dispatched_at IS NULL);
    v_room := v_size - count_places(p_user, v_lane, v_size);
    CONTINUE WHEN v_room <= 0;
    WITH picked AS (
      SELECT id FROM generations AS g
      WHERE user_id = p_user AND lane = v_lane AND state = 'queued' AND dispatched_at IS NULL
        AND NOT direct AND due_at <= p_now AND is_first_in_line(g)
      ORDER BY seq LIMIT v_room
    ), stamped AS (
      UPDATE generations AS g SET dispatched_at = p_now, published_at = NULL, sweeps = 0, sweep_due_at = p_now
      FROM picked WHERE g.id = picked.id RETURNING g.id, g.lane, g.seq, g.params -> 'maxTokens' AS tokens
    )
    SELECT jsonb_agg(jsonb_build_object('id', id, 'lane', lane, 'seq', seq, 'tokens', tokens)) INTO v_picked FROM stamped;
    v_jobs := v_jobs || coalesce(v_picked, '[]');
  END LOOP;
  IF v_jobs = '[]' THEN RETURN v_jobs; END IF;
  RETURN (SELECT jsonb_agg(job - 'seq' ORDER BY (job ->> 'seq')::bigint) FROM jsonb_array_elements(v_jobs) AS job);
END $$;

-- Whether one more, behind all that the user has, enters the queue at once. What waits in its lane comes first.
CREATE FUNCTION finds_a_place(p_user uuid, p_lane text, p_size integer, p_conversation uuid, p_request uuid)
RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT count_places(p_user, p_lane, p_size) < p_size
    AND NOT EXISTS (SELECT FROM generations
      WHERE user_id = p_user AND lane = p_lane AND state = 'queued' AND dispatched_at IS NULL)
    AND (p_conversation IS NULL OR NOT EXISTS (SELECT FROM generations
      WHERE conversation_id = p_conversation AND state IN ('queued', 'running') AND request_message_id <> p_request))
$$;

-- As before, with accept_generation in it: each row is written once, as it is to be. Only `p_window[lane]` of the
-- lane that is asked for counts.
CREATE OR REPLACE FUNCTION accept_request(
  p_workspace uuid, p_user uuid, p_id uuid,
  p_number integer, p_new_conversation uuid, p_title text,
  -- message: `p_message` is its id. regenerate: `p_message` is what to answer again, `p_content` is null.
  p_message uuid, p_content text, p_parent_given boolean, p_parent uuid,
  p_lane text, p_direct boolean, p_params jsonb, p_position integer,
  p_key text, p_body_hash text, p_window integer[], p_max_waiting integer,
  p_prompt jsonb, p_transient boolean, p_webhook_url text, p_begin jsonb
) RETURNS TABLE (outcome text, waiting integer, dispatched jsonb, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_state text := lock_user(p_user);
  v_now timestamptz := now_ms();
  v_conversation conversations;
  v_request uuid := p_message;
  v_parent uuid := p_parent;
  v_hash text;
  v_before uuid;
  v_placed boolean;
BEGIN
  dispatched := '[]';
  IF v_state <> 'active' THEN
    outcome := 'moving';
    RETURN NEXT; RETURN;
  END IF;

  IF p_key IS NOT NULL THEN
    SELECT body_hash, generation_id INTO v_hash, v_before FROM idempotency WHERE user_id = p_user AND key = p_key;
    IF FOUND THEN
      outcome := CASE WHEN v_hash = p_body_hash THEN 'replayed' ELSE 'idempotency_conflict' END;
      SELECT * INTO generation FROM generations WHERE id = v_before;
      RETURN NEXT; RETURN;
    END IF;
  END IF;

  waiting := count_waiting(p_user, p_max_waiting);
  IF waiting >= p_max_waiting THEN outcome := 'too_many_waiting'; RETURN NEXT; RETURN; END IF;

  IF p_number IS NOT NULL THEN
    SELECT * INTO v_conversation FROM conversations
      WHERE user_id = p_user AND number = p_number AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN outcome := 'conversation_not_found'; RETURN NEXT; RETURN; END IF;
  END IF;

  IF p_content IS NULL THEN
    v_request := question_of(v_conversation, p_message);
    IF v_request IS NULL THEN outcome := 'message_not_found'; RETURN NEXT; RETURN; END IF;
  ELSIF NOT p_parent_given THEN
    v_parent := v_conversation.leaf_id;
  ELSIF p_parent IS NOT NULL AND question_of(v_conversation, p_parent) IS NULL THEN
    outcome := 'message_not_found'; RETURN NEXT; RETURN;
  END IF;

  IF p_number IS NULL THEN
    v_conversation.id := p_new_conversation;
    INSERT INTO conversations (user_id, id, number, title, temporary, settings, folder_id,
      message_count, last_message_id, leaf_id, first_id, last_id, created_at, updated_at)
    VALUES (p_user, p_new_conversation,
      CASE WHEN NOT p_transient THEN
        (SELECT coalesce(max(c.number), 0) + 1 FROM conversations AS c WHERE c.user_id = p_user) END,
      p_title, coalesce((p_begin ->> 'temporary')::boolean, false), coalesce(p_begin -> 'settings', '{}'),
      CASE WHEN p_begin ? 'folderId' THEN
        (SELECT i.id FROM user_items AS i
          WHERE i.user_id = p_user AND i.id = (p_begin ->> 'folderId')::uuid AND i.kind = 'folder') END,
      1, p_message, p_id, least(p_id, p_message), greatest(p_id, p_message), v_now, v_now)
    RETURNING number INTO v_conversation.number;
  ELSE
    UPDATE conversations SET
      leaf_id = p_id,
      first_id = least(first_id, p_id, v_request),
      last_id = greatest(last_id, p_id, v_request),
      message_count = message_count + (p_content IS NOT NULL)::integer,
      last_message_id = CASE WHEN p_content IS NULL THEN last_message_id ELSE greatest(last_message_id, p_message) END,
      updated_at = v_now
    WHERE user_id = p_user AND id = v_conversation.id;
  END IF;
  IF p_content IS NOT NULL THEN
    INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
    VALUES (p_message, v_conversation.id, p_user, v_parent, 'user', 'done', p_content, v_now);
  END IF;
  v_placed := NOT p_direct AND finds_a_place(p_user, p_lane,
    p_window[array_position(ARRAY['stream', 'chat', 'batch'], p_lane)],
    CASE WHEN p_number IS NOT NULL THEN v_conversation.id END, v_request);
  INSERT INTO generations (id, user_id, workspace_id, conversation_id, conversation_number, request_message_id,
    lane, direct, params, position_at_arrival, prompt, webhook_url, dispatched_at, due_at, sweep_due_at, created_at)
  VALUES (p_id, p_user, p_workspace, v_conversation.id, coalesce(v_conversation.number, 0), v_request,
    p_lane, p_direct, p_params, p_position, p_prompt, p_webhook_url, CASE WHEN v_placed THEN v_now END, v_now, v_now, v_now)
  RETURNING * INTO generation;
  IF p_key IS NOT NULL THEN
    INSERT INTO idempotency (user_id, key, body_hash, generation_id, created_at)
    VALUES (p_user, p_key, p_body_hash, p_id, v_now);
  END IF;
  IF v_placed THEN
    dispatched := jsonb_build_array(jsonb_build_object('id', p_id, 'lane', p_lane, 'tokens', p_params -> 'maxTokens'));
  ELSE
    dispatched := dispatch_user(p_user, p_window, v_now);
    SELECT * INTO generation FROM generations WHERE id = p_id;
  END IF;
  outcome := 'accepted';
  RETURN NEXT;
END $$;
DROP FUNCTION accept_generation(uuid, uuid, uuid, integer, uuid, text, uuid, text, boolean, uuid, text, boolean, jsonb,
  integer, text, text, integer[], integer);

-- As before; each row by its key. Planned as joins with the arrays, all homes and all generations were read.
-- What was claimed meanwhile needs no mark and no lock: mostly nothing is written. One after the other in the
-- order of users, so that two that mark do not wait for each other.
CREATE OR REPLACE FUNCTION note_published(p_users uuid[], p_ids uuid[], p_tickets bigint[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  v_published record;
  v_home text;
  v_waits boolean;
BEGIN
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
DROP FUNCTION mark_published(uuid[], uuid[], bigint[]);

-- As before; each row by its key.
CREATE OR REPLACE FUNCTION heartbeat_held(
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

-- As before, and with what it answers, where that is not archived and the request brought no prompt of its own.
DROP FUNCTION claim_generation(uuid, uuid, text, integer, boolean, boolean);
CREATE FUNCTION claim_generation(
  p_user uuid, p_id uuid, p_owner text, p_lease_ms integer, p_trust_locks boolean, p_trust_leases boolean
) RETURNS TABLE (
  outcome text, delay_ms double precision, generation generations, question text, question_parent uuid
) LANGUAGE plpgsql AS $$
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
    IF generation.prompt IS NULL THEN
      SELECT m.content, m.parent_id INTO question, question_parent FROM messages AS m
      WHERE m.id = generation.request_message_id;
    END IF;
  END IF;
  RETURN NEXT;
END $$;

-- As before; the row by its id alone, see above.
CREATE FUNCTION lock_held(p_user uuid, p_id uuid, p_epoch integer, p_owner text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_held boolean;
BEGIN
  SELECT user_id = p_user AND epoch = p_epoch AND owner = p_owner AND state = 'running' INTO v_held
    FROM generations WHERE id = p_id FOR UPDATE;
  RETURN coalesce(v_held, false);
END $$;

CREATE OR REPLACE FUNCTION finish_generation(
  p_user uuid, p_id uuid, p_epoch integer, p_owner text, p_window integer[],
  p_state text, p_text text, p_reasoning text, p_epochs jsonb,
  p_model text, p_finish_reason text, p_prompt integer, p_reused integer, p_completion integer,
  p_prefill_ms double precision, p_stream_ms double precision, p_trimmed integer,
  p_error_code text, p_error_message text, p_dead_letter boolean, p_facts jsonb DEFAULT NULL
) RETURNS TABLE (outcome text, dispatched jsonb, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
BEGIN
  IF v_home <> 'active' THEN outcome := 'moving'; RETURN NEXT; RETURN; END IF;
  IF NOT lock_held(p_user, p_id, p_epoch, p_owner) THEN outcome := 'fenced'; RETURN NEXT; RETURN; END IF;
  generation := settle_generation(p_id, v_now, p_state, p_text, p_reasoning, p_epochs, p_model, p_finish_reason,
    p_prompt, p_reused, p_completion, p_prefill_ms, p_stream_ms, p_trimmed, p_error_code, p_error_message,
    p_dead_letter, p_facts);
  dispatched := dispatch_user(p_user, p_window, v_now);
  outcome := 'finished';
  RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION raise_epoch(p_user uuid, p_id uuid, p_epoch integer, p_owner text, p_above integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_epoch integer;
BEGIN
  IF lock_user(p_user) <> 'active' THEN RETURN -1; END IF;
  IF lock_held(p_user, p_id, p_epoch, p_owner) THEN
    UPDATE generations SET epoch = greatest(epoch, p_above) + 1 WHERE id = p_id RETURNING epoch INTO v_epoch;
  END IF;
  RETURN v_epoch;
END $$;

CREATE OR REPLACE FUNCTION release_generation(
  p_user uuid, p_id uuid, p_epoch integer, p_owner text, p_delay_ms double precision, p_count boolean, p_error text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
  v_due timestamptz := v_now + make_interval(secs => p_delay_ms / 1000.0);
BEGIN
  IF v_home <> 'active' THEN RETURN 'moving'; END IF;
  IF NOT lock_held(p_user, p_id, p_epoch, p_owner) THEN RETURN 'fenced'; END IF;
  UPDATE generations SET
    state = 'queued', direct = false, owner = NULL, owner_locked = false, lease_until = NULL,
    due_at = v_due,
    -- Due at once, it keeps its place.
    dispatched_at = CASE WHEN p_delay_ms > 0 THEN NULL ELSE v_now END,
    published_at = NULL,
    attempts = CASE WHEN p_count THEN attempts ELSE greatest(0, attempts - 1) END,
    last_error = coalesce(p_error, last_error),
    sweeps = 0, sweep_due_at = v_due
  WHERE id = p_id;
  RETURN 'released';
END $$;
