-- `home`: active where it was done; null where there is no such user.
CREATE FUNCTION dispatch_next(p_user uuid, p_window integer[])
RETURNS TABLE (home text, jobs jsonb) LANGUAGE plpgsql AS $$
BEGIN
  home := lock_user(p_user);
  IF home = 'active' THEN jobs := dispatch_user(p_user, p_window, now_ms()); END IF;
  RETURN NEXT;
END $$;

CREATE FUNCTION make_indirect(p_user uuid, p_id uuid, p_window integer[])
RETURNS TABLE (home text, jobs jsonb) LANGUAGE plpgsql AS $$
BEGIN
  home := lock_user(p_user);
  IF home = 'active' THEN
    UPDATE generations SET direct = false WHERE id = p_id AND user_id = p_user AND state = 'queued';
    jobs := dispatch_user(p_user, p_window, now_ms());
  END IF;
  RETURN NEXT;
END $$;

-- Many users at once: only rows are locked, in the order of their ids. One that is being claimed right
-- now is claimed: it needs no mark.
CREATE FUNCTION mark_published(p_users uuid[], p_ids uuid[], p_tickets bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM user_home WHERE user_id = ANY (p_users) ORDER BY user_id FOR SHARE;
  WITH due AS MATERIALIZED (
    SELECT g.id, published.ticket FROM unnest(p_users, p_ids, p_tickets) AS published (user_id, id, ticket)
    JOIN generations AS g ON g.id = published.id AND g.user_id = published.user_id
    JOIN user_home AS home ON home.user_id = g.user_id AND home.state = 'active'
    WHERE g.state = 'queued' AND g.dispatched_at IS NOT NULL
    ORDER BY g.id FOR UPDATE OF g SKIP LOCKED
  )
  UPDATE generations AS g SET published_at = now_ms(), ticket = due.ticket FROM due WHERE g.id = due.id;
END $$;
