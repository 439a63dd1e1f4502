-- Answers kept to be given again. n rises with every one, so that the oldest
-- has the lowest whatever the clock did. key is a hash of the whole question;
-- the random order of its index is why these rows have tables of their own.
-- stored is what an answer counts for in its pool, which a limit belongs to.
CREATE TABLE cached (
  n                   INTEGER PRIMARY KEY,
  key                 BLOB NOT NULL UNIQUE,
  call_id             TEXT NOT NULL,    -- the call it answered; that row may be gone
  created_at          INTEGER NOT NULL,
  expires_at          INTEGER NOT NULL,
  pool                TEXT NOT NULL,
  project             TEXT NOT NULL,
  provider            TEXT NOT NULL,    -- who answered
  model               TEXT NOT NULL,
  model_reported      TEXT NOT NULL,
  finish_reason       TEXT NOT NULL,
  stream              INTEGER NOT NULL,
  input_tokens        INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens  INTEGER,
  output_tokens       INTEGER,
  reasoning_tokens    INTEGER,
  cost                INTEGER,
  headers             TEXT NOT NULL,
  head                INTEGER NOT NULL, -- bytes of the answer before its end
  size                INTEGER NOT NULL, -- bytes of the answer
  stored              INTEGER NOT NULL,
  hits                INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX cached_expires ON cached(expires_at);
CREATE INDEX cached_created ON cached(created_at);
CREATE INDEX cached_pool ON cached(pool);

-- n is that of cached. Apart from it, so that lists and counts of hits do not
-- touch the answers.
CREATE TABLE cached_bodies (
  n    INTEGER PRIMARY KEY,
  data BLOB NOT NULL -- zstd
) STRICT;

-- Why an answer that was kept is there no more, so that a miss can say it. slot
-- goes round: the latest few thousand are remembered.
CREATE TABLE cache_gone (
  slot INTEGER PRIMARY KEY,
  key  BLOB NOT NULL UNIQUE,
  why  TEXT NOT NULL
) STRICT;

-- Why the cache did not answer a call, or who had answered it.
ALTER TABLE calls ADD COLUMN cache_note TEXT NOT NULL DEFAULT '';

DROP VIEW calls_v;
CREATE VIEW calls_v AS
SELECT
  id,
  strftime('%Y-%m-%dT%H:%M:%S', started_at / 1000000, 'unixepoch') || printf('.%06dZ', started_at % 1000000) AS started_at,
  (finished_at - started_at) / 1000 AS duration_ms,
  first_token_us / 1000 AS first_token_ms,
  project, nullif(client, '') AS client, nullif(session, '') AS session, nullif(key, '') AS key,
  dialect, endpoint, stream, nullif(model_requested, '') AS model_requested,
  nullif(route, '') AS route, nullif(route_reason, '') AS route_reason,
  status, nullif(http_status, 0) AS http_status,
  nullif(error, '') AS error, nullif(error_text, '') AS error_text,
  nullif(provider, '') AS provider, nullif(model, '') AS model,
  nullif(model_reported, '') AS model_reported,
  nullif(upstream_request_id, '') AS upstream_request_id,
  nullif(finish_reason, '') AS finish_reason,
  nullif(cache, '') AS cache, nullif(cached_from, '') AS cached_from, nullif(cache_note, '') AS cache_note,
  dropped, edits, tags,
  input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
  CASE WHEN cost IS NULL THEN NULL WHEN cost < 0 THEN '-' ELSE '' END
    || rtrim(rtrim(printf('%d.%012d', abs(cost) / 1000000000000, abs(cost) % 1000000000000), '0'), '.') AS cost_usd,
  nullif(cost_source, '') AS cost_source,
  started_at AS started_us,
  cost AS cost_pusd,
  worth AS worth_pusd,
  request_bytes, response_bytes, redactions,
  nullif(remote_addr, '') AS remote_addr, nullif(user_agent, '') AS user_agent,
  change_seq
FROM calls;
