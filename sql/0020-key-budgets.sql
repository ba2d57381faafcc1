-- Tokens that may be used with a key in a day and in a month, in UTC. Null: as many as one likes.
ALTER TABLE api_keys
  ADD COLUMN tokens_per_day bigint CHECK (tokens_per_day > 0),
  ADD COLUMN tokens_per_month bigint CHECK (tokens_per_month > 0);
