-- `outcome`: accepted, replayed, moving, no_home, or a code of the error catalogue; nothing is
-- written except where it is `accepted`.
CREATE FUNCTION accept_generation(
  p_workspace uuid, p_user uuid, p_id uuid,
  p_number integer, p_new_conversation uuid, p_title text,
  -- message: `p_message` is its id. regenerate: `p_message` is what to answer again, `p_content` is null.
  p_message uuid, p_content text, p_parent_given boolean, p_parent uuid,
  p_lane text, p_direct boolean, p_params jsonb, p_position integer,
  p_key text, p_body_hash text, p_window integer[], p_max_waiting integer
) RETURNS TABLE (outcome text, waiting integer, dispatched jsonb, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_state text := lock_user(p_user);
  v_now timestamptz := now_ms();
  v_conversation conversations;
  v_request uuid := p_message;
  v_parent uuid := p_parent;
  v_hash text;
  v_before uuid;
BEGIN
  dispatched := '[]';
  IF v_state IS DISTINCT FROM 'active' THEN
    outcome := CASE WHEN v_state IS NULL THEN 'no_home' ELSE 'moving' END;
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
    INSERT INTO conversations (user_id, id, number, title, leaf_id, first_id, last_id, created_at, updated_at)
    SELECT p_user, p_new_conversation, coalesce(max(number), 0) + 1, p_title, p_id, p_id, p_id, v_now, v_now
    FROM conversations WHERE user_id = p_user
    RETURNING * INTO v_conversation;
  END IF;
  IF p_content IS NOT NULL THEN
    INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
    VALUES (p_message, v_conversation.id, p_user, v_parent, 'user', 'done', p_content, v_now);
  END IF;
  UPDATE conversations SET
    leaf_id = p_id,
    first_id = least(first_id, p_id, v_request),
    last_id = greatest(last_id, p_id, v_request),
    message_count = message_count + (p_content IS NOT NULL)::integer,
    last_message_id = CASE WHEN p_content IS NULL THEN last_message_id ELSE greatest(last_message_id, p_message) END,
    updated_at = v_now
  WHERE user_id = p_user AND id = v_conversation.id;
  INSERT INTO generations (id, user_id, workspace_id, conversation_id, conversation_number, request_message_id,
    lane, direct, params, position_at_arrival, due_at, sweep_due_at, created_at)
  VALUES (p_id, p_user, p_workspace, v_conversation.id, v_conversation.number, v_request,
    p_lane, p_direct, p_params, p_position, v_now, v_now, v_now);
  IF p_key IS NOT NULL THEN
    INSERT INTO idempotency (user_id, key, body_hash, generation_id, created_at)
    VALUES (p_user, p_key, p_body_hash, p_id, v_now);
  END IF;
  dispatched := dispatch_user(p_user, p_window, v_now);
  outcome := 'accepted';
  SELECT * INTO generation FROM generations WHERE id = p_id;
  RETURN NEXT;
END $$;

-- Counts no further than anybody needs to know.
CREATE FUNCTION count_waiting(p_user uuid, p_limit integer) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT ((SELECT count(*) FROM generations WHERE user_id = p_user AND state = 'queued' AND dispatched_at IS NOT NULL)
    + (SELECT count(*) FROM (SELECT FROM generations
        WHERE user_id = p_user AND state = 'queued' AND dispatched_at IS NULL LIMIT p_limit) AS capped))::integer
$$;

-- The user message that `p_message` is, or answers; an answer may still be under way. Null: no such message here.
CREATE FUNCTION question_of(p_conversation conversations, p_message uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT CASE role WHEN 'user' THEN id ELSE parent_id END FROM messages
  WHERE id = p_message AND conversation_id = p_conversation.id
  UNION ALL
  SELECT request_message_id FROM generations
  WHERE id = p_message AND conversation_id = p_conversation.id AND state IN ('queued', 'running')
$$;
