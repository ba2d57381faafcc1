-- As before; somebody is still to be told of an answer, or was not and may be: that stays too.
CREATE OR REPLACE FUNCTION archivable_messages(
  p_user uuid, p_conversation uuid, p_from uuid, p_before uuid, p_limit integer, p_bytes bigint
) RETURNS TABLE (id uuid, form text, raw_bytes bigint) LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
  WITH old AS (
    SELECT m, g, m.id AS message_id,
      sum(octet_length(m.content) + octet_length(m.reasoning)) OVER (ORDER BY m.id) - octet_length(m.content) AS before
    FROM messages AS m LEFT JOIN generations AS g ON g.id = m.id AND m.role = 'assistant'
    WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.id >= p_from AND m.id < p_before
      AND NOT coalesce(g.dead_letter OR g.state IN ('queued', 'running'), false)
      AND NOT coalesce(g.webhook_due_at IS NOT NULL OR g.webhook_outcome = 'dead', false)
      AND NOT EXISTS (SELECT FROM generations AS open
        WHERE open.conversation_id = p_conversation AND open.state IN ('queued', 'running'))
    ORDER BY m.id LIMIT p_limit
  )
  SELECT message_id, archived_form(m, g)::text,
    (pg_column_size(m) + CASE WHEN (g).id IS NULL THEN 0 ELSE pg_column_size(g) END)::bigint
  FROM old WHERE before < p_bytes ORDER BY message_id
$$;
