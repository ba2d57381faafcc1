-- A deleted conversation keeps its row, so that its number is never given again; what was said in it goes.
ALTER TABLE conversations ADD COLUMN purged_at timestamptz;
CREATE INDEX conversations_to_purge ON conversations (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- True: nothing was said in it since, and it is deleted now as its user would have done.
CREATE FUNCTION expire_conversation(p_user uuid, p_conversation uuid, p_before timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF lock_user(p_user) <> 'active' THEN RETURN false; END IF;
  UPDATE conversations SET deleted_at = now_ms()
  WHERE user_id = p_user AND id = p_conversation AND deleted_at IS NULL AND updated_at < p_before
    AND NOT EXISTS (SELECT FROM generations WHERE conversation_id = p_conversation AND state IN ('queued', 'running'));
  RETURN FOUND;
END $$;

-- Of a deleted conversation, at most about so many rows: purged; more; left, where it is not deleted, not at
-- home, or still being answered.
CREATE FUNCTION purge_conversation(p_user uuid, p_conversation uuid, p_limit integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_conversation conversations;
  v_removed integer;
BEGIN
  IF lock_user(p_user) <> 'active' THEN RETURN 'left'; END IF;
  SELECT * INTO v_conversation FROM conversations
    WHERE user_id = p_user AND id = p_conversation AND deleted_at IS NOT NULL FOR UPDATE;
  IF NOT FOUND OR EXISTS (SELECT FROM generations WHERE conversation_id = p_conversation AND state IN ('queued', 'running')) THEN
    RETURN 'left';
  END IF;
  -- A move looks only at conversations that changed.
  UPDATE conversations SET title = '' WHERE user_id = p_user AND id = p_conversation;
  DELETE FROM messages AS m WHERE m.id BETWEEN v_conversation.first_id AND v_conversation.last_id AND m.id IN (
    SELECT each.id FROM messages AS each WHERE each.conversation_id = p_conversation
      AND each.id BETWEEN v_conversation.first_id AND v_conversation.last_id LIMIT p_limit);
  GET DIAGNOSTICS v_removed = ROW_COUNT;
  IF v_removed >= p_limit THEN RETURN 'more'; END IF;
  DELETE FROM message_archive WHERE conversation_id = p_conversation;
  DELETE FROM idempotency AS i USING generations AS g
    WHERE i.user_id = p_user AND g.id = i.generation_id AND g.user_id = p_user AND g.conversation_id = p_conversation;
  DELETE FROM generations WHERE user_id = p_user AND conversation_id = p_conversation;
  UPDATE conversations SET purged_at = now_ms() WHERE user_id = p_user AND id = p_conversation;
  RETURN 'purged';
END $$;
