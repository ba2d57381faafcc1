-- What is used without a generation: vectors for texts.

-- The row of a user and day is written under that user's lock, as all writes for them.
CREATE FUNCTION add_usage(p_user uuid, p_workspace uuid, p_now timestamptz, p_model text, p_key text,
  p_generations integer, p_prompt integer, p_reused integer, p_completion integer, p_cost double precision
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO usage_daily AS u (user_id, day, model, key_id, workspace_id, generations,
    prompt_tokens, reused_tokens, completion_tokens, cost)
  VALUES (p_user, (p_now AT TIME ZONE 'UTC')::date, p_model, coalesce(p_key, ''), p_workspace, p_generations,
    p_prompt, p_reused, p_completion, coalesce(p_cost, 0))
  ON CONFLICT (user_id, day, model, key_id) DO UPDATE SET
    generations = u.generations + excluded.generations,
    prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
    reused_tokens = u.reused_tokens + excluded.reused_tokens,
    completion_tokens = u.completion_tokens + excluded.completion_tokens,
    cost = u.cost + excluded.cost;
$$;

-- The state of the home; counted only where that is `active`.
CREATE FUNCTION count_embedding(p_user uuid, p_workspace uuid, p_model text, p_key text, p_prompt integer,
  p_cost double precision) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_home text := lock_user(p_user);
BEGIN
  IF v_home = 'active' THEN
    PERFORM add_usage(p_user, p_workspace, now_ms(), p_model, p_key, 0, p_prompt, 0, 0, p_cost);
  END IF;
  RETURN v_home;
END $$;

-- As before, by the function above.
CREATE OR REPLACE FUNCTION settle_generation(
  p_id uuid, p_now timestamptz, p_state text, p_text text, p_reasoning text, p_epochs jsonb,
  p_model text, p_finish_reason text, p_prompt integer, p_reused integer, p_completion integer,
  p_prefill_ms double precision, p_stream_ms double precision, p_trimmed integer,
  p_error_code text, p_error_message text, p_dead_letter boolean, p_facts jsonb DEFAULT NULL
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
    facts = p_facts, lease_until = NULL
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
    PERFORM add_usage(v_settled.user_id, v_settled.workspace_id, p_now, p_model,
      v_settled.params #>> '{account,keyId}', 1, p_prompt, p_reused, p_completion, (p_facts ->> 'cost')::double precision);
  END IF;
  RETURN v_settled;
END $$;
