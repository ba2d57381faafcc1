-- The directory: tenants, their keys, and where each of their users lives.

CREATE TABLE workspaces (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Only SHA-256 of a key is kept.
CREATE TABLE api_keys (
  hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  workspace_id uuid NOT NULL REFERENCES workspaces,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The authority for placement. `epoch` grows with each move to another shard.
CREATE TABLE users (
  user_id uuid PRIMARY KEY,
  workspace_id uuid NOT NULL REFERENCES workspaces,
  external_id text NOT NULL,
  shard integer NOT NULL,
  epoch integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, external_id)
);
