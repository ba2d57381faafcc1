-- What a person arranges around the conversations, and conversations that are not kept.

-- One table for all that is small, named and a person's own. `value` is as its kind has it (see UserItem).
CREATE TABLE user_items (
  user_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('folder', 'assistant', 'prompt', 'defaults', 'share')),
  value jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, id)
);
-- A share is found by its id alone.
CREATE INDEX user_items_shared ON user_items (id) WHERE kind = 'share';

ALTER TABLE conversations
  ADD COLUMN folder_id uuid,
  -- Not listed, not found by search, and removed some time after the last word.
  ADD COLUMN temporary boolean NOT NULL DEFAULT false,
  -- What its generations ask for unless they say otherwise; see ChatSettings.
  ADD COLUMN settings jsonb NOT NULL DEFAULT '{}',
  -- Where it was imported from, so that it is not imported again.
  ADD COLUMN source text;
CREATE INDEX conversations_temporary ON conversations (updated_at) WHERE temporary AND purged_at IS NULL;
CREATE INDEX conversations_in_folders ON conversations (user_id, folder_id) WHERE folder_id IS NOT NULL;
CREATE UNIQUE INDEX conversations_by_source ON conversations (user_id, source) WHERE source IS NOT NULL;

-- What is said about a conversation goes with it, and so does what shows it to others.
CREATE FUNCTION conversation_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.folder_id := NULL;
  NEW.settings := '{}';
  NEW.source := NULL;
  DELETE FROM user_items WHERE user_id = NEW.user_id AND kind = 'share' AND value ->> 'conversationId' = NEW.id::text;
  RETURN NEW;
END $$;
CREATE TRIGGER conversations_deleted BEFORE UPDATE OF deleted_at ON conversations FOR EACH ROW
  WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
  EXECUTE FUNCTION conversation_deleted();

-- As before. `p_change`: the columns that change; `ifTitle`: only while that is the title.
DROP FUNCTION update_conversation(uuid, integer, text, boolean, boolean);
CREATE FUNCTION update_conversation(p_user uuid, p_number integer, p_change jsonb)
RETURNS TABLE (home text, changed uuid) LANGUAGE plpgsql AS $$
BEGIN
  home := lock_user(p_user);
  IF home = 'active' THEN
    UPDATE conversations SET
      title = coalesce(p_change ->> 'title', title),
      pinned = coalesce((p_change ->> 'pinned')::boolean, pinned),
      archived = coalesce((p_change ->> 'archived')::boolean, archived),
      temporary = coalesce((p_change ->> 'temporary')::boolean, temporary),
      settings = coalesce(p_change -> 'settings', settings),
      folder_id = CASE WHEN p_change ? 'folderId' THEN (p_change ->> 'folderId')::uuid ELSE folder_id END
    WHERE user_id = p_user AND number = p_number AND deleted_at IS NULL
      AND title = coalesce(p_change ->> 'ifTitle', title) RETURNING id INTO changed;
  END IF;
  RETURN NEXT;
END $$;

-- As before. `p_begin`: what a new conversation is to have beside its title.
DROP FUNCTION accept_request(uuid, uuid, uuid, integer, uuid, text, uuid, text, boolean, uuid, text, boolean, jsonb,
  integer, text, text, integer[], integer, jsonb, boolean, text);
CREATE FUNCTION accept_request(
  p_workspace uuid, p_user uuid, p_id uuid,
  p_number integer, p_new_conversation uuid, p_title text,
  p_message uuid, p_content text, p_parent_given boolean, p_parent uuid,
  p_lane text, p_direct boolean, p_params jsonb, p_position integer,
  p_key text, p_body_hash text, p_window integer[], p_max_waiting integer,
  p_prompt jsonb, p_transient boolean, p_webhook_url text, p_begin jsonb
) RETURNS TABLE (outcome text, waiting integer, dispatched jsonb, generation generations) LANGUAGE plpgsql AS $$
DECLARE
  v_accepted record;
BEGIN
  FOR v_accepted IN SELECT * FROM accept_generation(p_workspace, p_user, p_id, p_number, p_new_conversation, p_title,
    p_message, p_content, p_parent_given, p_parent, p_lane, p_direct, p_params, p_position, p_key, p_body_hash,
    p_window, p_max_waiting) LOOP
    outcome := v_accepted.outcome;
    waiting := v_accepted.waiting;
    dispatched := v_accepted.dispatched;
    generation := v_accepted.generation;
  END LOOP;
  IF outcome = 'accepted' AND p_begin IS NOT NULL THEN
    UPDATE conversations SET
      temporary = coalesce((p_begin ->> 'temporary')::boolean, false),
      settings = coalesce(p_begin -> 'settings', '{}'),
      folder_id = (SELECT id FROM user_items
        WHERE user_id = p_user AND id = (p_begin ->> 'folderId')::uuid AND kind = 'folder')
    WHERE user_id = p_user AND id = p_new_conversation;
  END IF;
  IF outcome = 'accepted' AND (p_transient OR p_prompt IS NOT NULL OR p_webhook_url IS NOT NULL) THEN
    IF p_transient THEN
      UPDATE conversations SET number = NULL WHERE user_id = p_user AND id = p_new_conversation;
    END IF;
    UPDATE generations SET
      conversation_number = CASE WHEN p_transient THEN 0 ELSE conversation_number END,
      prompt = p_prompt,
      webhook_url = p_webhook_url
    WHERE id = p_id RETURNING * INTO generation;
  END IF;
  RETURN NEXT;
END $$;

-- True: it was temporary, and nothing was said in it for so long, or it is deleted already; now it is.
CREATE FUNCTION end_temporary(p_user uuid, p_conversation uuid, p_after interval) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF lock_user(p_user) <> 'active' THEN RETURN false; END IF;
  UPDATE conversations SET deleted_at = coalesce(deleted_at, now_ms())
  WHERE user_id = p_user AND id = p_conversation AND temporary AND purged_at IS NULL
    AND (deleted_at IS NOT NULL OR updated_at <= now_ms() - p_after)
    AND NOT EXISTS (SELECT FROM generations WHERE conversation_id = p_conversation AND state IN ('queued', 'running'));
  RETURN FOUND;
END $$;

-- `outcome`: imported, or known, where the same source was before. `p_messages`: oldest first, their last the leaf.
CREATE FUNCTION import_conversation(
  p_user uuid, p_id uuid, p_source text, p_title text, p_archived boolean,
  p_created timestamptz, p_updated timestamptz, p_messages jsonb
) RETURNS TABLE (home text, outcome text, number integer) LANGUAGE plpgsql AS $$
DECLARE
  v_last uuid := (p_messages -> -1 ->> 'id')::uuid;
BEGIN
  home := lock_user(p_user);
  IF home IS DISTINCT FROM 'active' THEN RETURN NEXT; RETURN; END IF;
  SELECT c.number INTO number FROM conversations AS c WHERE c.user_id = p_user AND c.source = p_source;
  IF FOUND THEN outcome := 'known'; RETURN NEXT; RETURN; END IF;
  SELECT coalesce(max(c.number), 0) + 1 INTO number FROM conversations AS c WHERE c.user_id = p_user;
  INSERT INTO conversations (user_id, id, number, title, archived, source, message_count, last_message_id, leaf_id,
    first_id, last_id, created_at, updated_at)
  VALUES (p_user, p_id, import_conversation.number, p_title, p_archived, p_source, jsonb_array_length(p_messages),
    v_last, v_last, (p_messages -> 0 ->> 'id')::uuid, v_last, p_created, p_updated);
  INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
  SELECT m.id, p_id, p_user, m.parent, m.role, 'done', m.content, m.at
  FROM jsonb_to_recordset(p_messages) AS m (id uuid, parent uuid, role text, content text, at timestamptz);
  outcome := 'imported';
  RETURN NEXT;
END $$;

-- `outcome`: put, too_many (of its kind), or taken: the id is of another kind.
CREATE FUNCTION put_item(p_user uuid, p_id uuid, p_kind text, p_value jsonb, p_most integer)
RETURNS TABLE (home text, outcome text) LANGUAGE plpgsql AS $$
DECLARE
  v_kind text;
BEGIN
  home := lock_user(p_user);
  IF home IS DISTINCT FROM 'active' THEN RETURN NEXT; RETURN; END IF;
  SELECT kind INTO v_kind FROM user_items WHERE user_id = p_user AND id = p_id;
  IF v_kind <> p_kind THEN
    outcome := 'taken';
  ELSIF v_kind IS NULL AND (SELECT count(*) FROM user_items WHERE user_id = p_user AND kind = p_kind) >= p_most THEN
    outcome := 'too_many';
  ELSE
    INSERT INTO user_items AS i (user_id, id, kind, value, created_at, updated_at)
    VALUES (p_user, p_id, p_kind, p_value, now_ms(), now_ms())
    ON CONFLICT (user_id, id) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at;
    outcome := 'put';
  END IF;
  RETURN NEXT;
END $$;

-- What was in a folder stays, without one.
CREATE FUNCTION remove_item(p_user uuid, p_id uuid) RETURNS TABLE (home text, removed boolean) LANGUAGE plpgsql AS $$
BEGIN
  home := lock_user(p_user);
  removed := false;
  IF home = 'active' THEN
    DELETE FROM user_items WHERE user_id = p_user AND id = p_id;
    removed := FOUND;
    UPDATE conversations SET folder_id = NULL WHERE user_id = p_user AND folder_id = p_id;
  END IF;
  RETURN NEXT;
END $$;

-- As before, and counts the items too.
ALTER TABLE deletion_counts ADD COLUMN items bigint NOT NULL DEFAULT 0;
DROP FUNCTION remove_rows(uuid, integer);
CREATE FUNCTION remove_rows(p_user uuid, p_limit integer) RETURNS TABLE (
  messages bigint, archived bigint, generations bigint, conversations bigint, idempotency bigint, usage_days bigint,
  items bigint
) LANGUAGE plpgsql AS $$
BEGIN
  archived := 0; generations := 0; conversations := 0; idempotency := 0; usage_days := 0; items := 0;
  DELETE FROM messages AS m WHERE m.id IN (SELECT each.id FROM messages AS each WHERE each.user_id = p_user LIMIT p_limit);
  GET DIAGNOSTICS messages = ROW_COUNT;
  IF messages < p_limit THEN
    WITH removed AS (
      DELETE FROM message_archive AS a WHERE a.user_id = p_user RETURNING a.messages
    ) SELECT coalesce(sum(removed.messages), 0) INTO archived FROM removed;
    DELETE FROM generations AS g WHERE g.user_id = p_user;
    GET DIAGNOSTICS generations = ROW_COUNT;
    DELETE FROM idempotency AS i WHERE i.user_id = p_user;
    GET DIAGNOSTICS idempotency = ROW_COUNT;
    DELETE FROM usage_daily AS u WHERE u.user_id = p_user;
    GET DIAGNOSTICS usage_days = ROW_COUNT;
    DELETE FROM conversations AS c WHERE c.user_id = p_user;
    GET DIAGNOSTICS conversations = ROW_COUNT;
    DELETE FROM user_items AS i WHERE i.user_id = p_user;
    GET DIAGNOSTICS items = ROW_COUNT;
  END IF;
  RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION erase_user(p_user uuid, p_deletion uuid, p_epoch integer, p_limit integer)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_home user_home;
  v_removed record;
BEGIN
  SELECT * INTO v_home FROM user_home WHERE user_id = p_user FOR UPDATE;
  IF v_home.epoch > p_epoch THEN RETURN true; END IF;
  -- Of a stay that never ended properly.
  UPDATE user_home SET state = 'gone', move_id = NULL, moved_to = NULL WHERE user_id = p_user AND state <> 'gone';
  SELECT * INTO v_removed FROM remove_rows(p_user, p_limit);
  INSERT INTO deletion_counts AS c
  VALUES (p_deletion, v_removed.messages, v_removed.archived, v_removed.generations, v_removed.conversations,
    v_removed.idempotency, v_removed.usage_days, v_removed.items)
  ON CONFLICT (deletion) DO UPDATE SET messages = c.messages + excluded.messages, archived = c.archived + excluded.archived,
    generations = c.generations + excluded.generations, conversations = c.conversations + excluded.conversations,
    idempotency = c.idempotency + excluded.idempotency, usage_days = c.usage_days + excluded.usage_days,
    items = c.items + excluded.items;
  RETURN v_removed.messages < p_limit;
END $$;
