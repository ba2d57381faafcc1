-- The terminal state and the one message, together. The caller has locked the row and may settle it.
CREATE FUNCTION settle_generation(
  p_id uuid, p_now timestamptz, p_state text, p_text text, p_reasoning text, p_epochs jsonb,
  p_model text, p_finish_reason text, p_prompt integer, p_reused integer, p_completion integer,
  p_prefill_ms double precision, p_stream_ms double precision, p_trimmed integer,
  p_error_code text, p_error_message text, p_dead_letter boolean
) RETURNS generations LANGUAGE plpgsql AS $$
DECLARE
  v_settled generations;
BEGIN
  UPDATE generations SET
    state = p_state, finished_at = p_now, model = p_model, finish_reason = p_finish_reason,
    prompt_tokens = p_prompt, reused_tokens = p_reused, completion_tokens = p_completion,
    prefill_ms = p_prefill_ms, stream_ms = p_stream_ms, trimmed_messages = p_trimmed,
    text_bytes = octet_length(p_text), reasoning_bytes = octet_length(p_reasoning),
    error_code = p_error_code, error_message = p_error_message, dead_letter = p_dead_letter,
    lease_until = NULL
  WHERE id = p_id RETURNING * INTO v_settled;
  INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, reasoning, epochs, created_at)
  VALUES (p_id, v_settled.conversation_id, v_settled.user_id, v_settled.request_message_id, 'assistant', p_state,
    p_text, p_reasoning, p_epochs, p_now);
  UPDATE conversations SET
    message_count = message_count + 1,
    last_message_id = greatest(last_message_id, p_id),
    updated_at = p_now
  WHERE user_id = v_settled.user_id AND id = v_settled.conversation_id;
  IF p_prompt IS NOT NULL AND p_model IS NOT NULL THEN
    INSERT INTO usage_daily AS u (user_id, day, model, workspace_id, generations, prompt_tokens, reused_tokens, completion_tokens)
    VALUES (v_settled.user_id, (p_now AT TIME ZONE 'UTC')::date, p_model, v_settled.workspace_id, 1, p_prompt, p_reused, p_completion)
    ON CONFLICT (user_id, day, model) DO UPDATE SET
      generations = u.generations + 1,
      prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
      reused_tokens = u.reused_tokens + excluded.reused_tokens,
      completion_tokens = u.completion_tokens + excluded.completion_tokens;
  END IF;
  RETURN v_settled;
END $$;

-- `outcome`: finished, fenced, moving.
CREATE FUNCTION finish_generation(
  p_user uuid, p_id uuid, p_epoch integer, p_owner text, p_window integer[],
  p_state text, p_text text, p_reasoning text, p_epochs jsonb,
  p_model text, p_finish_reason text, p_prompt integer, p_reused integer, p_completion integer,
  p_prefill_ms double precision, p_stream_ms double precision, p_trimmed integer,
  p_error_code text, p_error_message text, p_dead_letter boolean
) RETURNS TABLE (outcome text, dispatched jsonb, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
BEGIN
  IF v_home <> 'active' THEN outcome := 'moving'; RETURN NEXT; RETURN; END IF;
  PERFORM FROM generations
    WHERE id = p_id AND user_id = p_user AND epoch = p_epoch AND owner = p_owner AND state = 'running' FOR UPDATE;
  IF NOT FOUND THEN outcome := 'fenced'; RETURN NEXT; RETURN; END IF;
  generation := settle_generation(p_id, v_now, p_state, p_text, p_reasoning, p_epochs, p_model, p_finish_reason,
    p_prompt, p_reused, p_completion, p_prefill_ms, p_stream_ms, p_trimmed, p_error_code, p_error_message, p_dead_letter);
  dispatched := dispatch_user(p_user, p_window, v_now);
  outcome := 'finished';
  RETURN NEXT;
END $$;

-- `outcome`: cancelled, running, terminal, unknown, moving.
CREATE FUNCTION stop_generation(p_user uuid, p_id uuid, p_window integer[])
RETURNS TABLE (outcome text, dispatched jsonb, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
BEGIN
  IF v_home <> 'active' THEN outcome := 'moving'; RETURN NEXT; RETURN; END IF;
  SELECT * INTO generation FROM generations WHERE id = p_id AND user_id = p_user FOR UPDATE;
  IF NOT FOUND THEN
    outcome := 'unknown';
  ELSIF generation.state NOT IN ('queued', 'running') THEN
    outcome := 'terminal';
  ELSE
    UPDATE generations SET stop_requested = true WHERE id = p_id RETURNING * INTO generation;
    outcome := 'running';
    IF generation.state = 'queued' THEN
      generation := settle_generation(p_id, v_now, 'cancelled', '', '', '[]', NULL, 'cancelled',
        NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false);
      dispatched := dispatch_user(p_user, p_window, v_now);
      outcome := 'cancelled';
    END IF;
  END IF;
  RETURN NEXT;
END $$;

-- replayed, unknown, moving.
CREATE FUNCTION replay_dead_letter(p_user uuid, p_id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
  v_now timestamptz := now_ms();
  v_conversation conversations;
BEGIN
  IF v_home <> 'active' THEN RETURN 'moving'; END IF;
  SELECT c.* INTO v_conversation FROM generations AS g JOIN conversations AS c ON c.user_id = g.user_id AND c.id = g.conversation_id
    WHERE g.id = p_id AND g.user_id = p_user AND g.dead_letter AND c.deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN 'unknown'; END IF;
  DELETE FROM messages WHERE id = p_id;
  UPDATE generations SET
    state = 'queued', direct = false, dead_letter = false, stop_requested = false, owner = NULL, owner_locked = false,
    attempts = 0, finished_at = NULL, model = NULL, finish_reason = NULL,
    prompt_tokens = NULL, reused_tokens = NULL, completion_tokens = NULL, prefill_ms = NULL, stream_ms = NULL,
    trimmed_messages = NULL, text_bytes = NULL, reasoning_bytes = NULL, error_code = NULL, error_message = NULL,
    ticket = NULL, due_at = v_now, dispatched_at = NULL, published_at = NULL, sweeps = 0, sweep_due_at = v_now
  WHERE id = p_id;
  UPDATE conversations SET
    message_count = message_count - 1,
    last_message_id = (SELECT id FROM messages WHERE conversation_id = v_conversation.id
      AND id BETWEEN v_conversation.first_id AND v_conversation.last_id ORDER BY id DESC LIMIT 1)
  WHERE user_id = p_user AND id = v_conversation.id;
  RETURN 'replayed';
END $$;
