-- The old months of a conversation, each as one compressed piece. `codec` 1: JSON lines of messages, zstd.
CREATE TABLE message_archive (
  conversation_id uuid NOT NULL,
  -- Of the last message in it; the first is `from_id`.
  to_id uuid NOT NULL,
  from_id uuid NOT NULL,
  user_id uuid NOT NULL,
  messages integer NOT NULL,
  codec smallint NOT NULL,
  -- Of the messages as they stood in their table, and of the payload.
  raw_bytes bigint NOT NULL,
  packed_bytes bigint NOT NULL,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (conversation_id, to_id)
);
ALTER TABLE message_archive ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX message_archive_by_user ON message_archive (user_id);
