-- As before, and each job says how many tokens it may write.
CREATE OR REPLACE FUNCTION dispatch_user(p_user uuid, p_window integer[], p_now timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_lane text;
  v_size integer;
  v_room integer;
  v_picked jsonb;
  v_jobs jsonb := '[]';
BEGIN
  FOR v_lane, v_size IN SELECT * FROM unnest(ARRAY['stream', 'chat', 'batch'], p_window) LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM generations
      WHERE user_id = p_user AND lane = v_lane AND state = 'queued' AND dispatched_at IS NULL);
    SELECT v_size - count(*) INTO v_room FROM generations
      WHERE user_id = p_user AND lane = v_lane AND (state = 'running' OR (state = 'queued' AND dispatched_at IS NOT NULL));
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
