-- Everything that has a place in a conversation's tree. A generation that is not finished is its own
-- future message.
CREATE VIEW message_nodes AS
  SELECT id, conversation_id, parent_id, NULL::text AS pending, created_at FROM messages
  UNION ALL
  SELECT id, conversation_id, request_message_id, state, created_at FROM generations WHERE state IN ('queued', 'running');

-- `home`: active where it was done; the rest is null where there is no such conversation or message.
CREATE FUNCTION update_conversation(p_user uuid, p_number integer, p_title text, p_pinned boolean, p_archived boolean)
RETURNS TABLE (home text, changed uuid) LANGUAGE plpgsql AS $$
BEGIN
  home := lock_user(p_user);
  IF home = 'active' THEN
    UPDATE conversations SET
      title = coalesce(p_title, title), pinned = coalesce(p_pinned, pinned), archived = coalesce(p_archived, archived)
    WHERE user_id = p_user AND number = p_number AND deleted_at IS NULL RETURNING id INTO changed;
  END IF;
  RETURN NEXT;
END $$;

-- Marks what is unfinished, should whoever is to stop it die before it does.
CREATE FUNCTION remove_conversation(p_user uuid, p_number integer)
RETURNS TABLE (home text, unfinished uuid[]) LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid;
BEGIN
  home := lock_user(p_user);
  IF home = 'active' THEN
    UPDATE conversations SET deleted_at = now_ms()
    WHERE user_id = p_user AND number = p_number AND deleted_at IS NULL RETURNING id INTO v_id;
    IF FOUND THEN
      WITH marked AS (
        UPDATE generations SET stop_requested = true
        WHERE conversation_id = v_id AND state IN ('queued', 'running') RETURNING id
      )
      SELECT coalesce(array_agg(id), '{}') INTO unfinished FROM marked;
    END IF;
  END IF;
  RETURN NEXT;
END $$;

CREATE FUNCTION set_feedback(p_user uuid, p_number integer, p_message uuid, p_feedback jsonb)
RETURNS TABLE (home text, changed uuid) LANGUAGE plpgsql AS $$
BEGIN
  home := lock_user(p_user);
  IF home = 'active' THEN
    UPDATE messages AS m SET feedback = p_feedback FROM conversations AS c
    WHERE c.user_id = p_user AND c.number = p_number AND c.deleted_at IS NULL
      AND m.id = p_message AND m.conversation_id = c.id AND m.role = 'assistant' RETURNING m.id INTO changed;
  END IF;
  RETURN NEXT;
END $$;
