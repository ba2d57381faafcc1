-- What answers cost, by key.

-- What the receipt says beside the figures that every answer has; see AnswerFacts.
ALTER TABLE generations ADD COLUMN facts jsonb;

ALTER TABLE usage_daily
  -- Of the API key that asked, as operators see it. Empty: the local user.
  ADD COLUMN key_id text NOT NULL DEFAULT '',
  -- In the unit of the models' prices; nothing for a model without.
  ADD COLUMN cost double precision NOT NULL DEFAULT 0,
  DROP CONSTRAINT usage_daily_pkey,
  ADD PRIMARY KEY (user_id, day, model, key_id);
CREATE INDEX usage_daily_of_workspace ON usage_daily (workspace_id, day);

-- As before, with the facts. The row of a user and day is written under that user's lock, as all writes for them.
DROP FUNCTION settle_generation(uuid, timestamptz, text, text, text, jsonb, text, text, integer, integer, integer,
  double precision, double precision, integer, text, text, boolean);
CREATE FUNCTION settle_generation(
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
    INSERT INTO usage_daily AS u (user_id, day, model, key_id, workspace_id, generations,
      prompt_tokens, reused_tokens, completion_tokens, cost)
    VALUES (v_settled.user_id, (p_now AT TIME ZONE 'UTC')::date, p_model, coalesce(v_settled.params #>> '{account,keyId}', ''),
      v_settled.workspace_id, 1, p_prompt, p_reused, p_completion, coalesce((p_facts ->> 'cost')::double precision, 0))
    ON CONFLICT (user_id, day, model, key_id) DO UPDATE SET
      generations = u.generations + 1,
      prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
      reused_tokens = u.reused_tokens + excluded.reused_tokens,
      completion_tokens = u.completion_tokens + excluded.completion_tokens,
      cost = u.cost + excluded.cost;
  END IF;
  RETURN v_settled;
END $$;

DROP FUNCTION finish_generation(uuid, uuid, integer, text, integer[], text, text, text, jsonb, text, text,
  integer, integer, integer, double precision, double precision, integer, text, text, boolean);
CREATE FUNCTION finish_generation(
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
  PERFORM FROM generations
    WHERE id = p_id AND user_id = p_user AND epoch = p_epoch AND owner = p_owner AND state = 'running' FOR UPDATE;
  IF NOT FOUND THEN outcome := 'fenced'; RETURN NEXT; RETURN; END IF;
  generation := settle_generation(p_id, v_now, p_state, p_text, p_reasoning, p_epochs, p_model, p_finish_reason,
    p_prompt, p_reused, p_completion, p_prefill_ms, p_stream_ms, p_trimmed, p_error_code, p_error_message,
    p_dead_letter, p_facts);
  dispatched := dispatch_user(p_user, p_window, v_now);
  outcome := 'finished';
  RETURN NEXT;
END $$;
