-- Times are Unix microseconds, durations microseconds (columns ending in _us),
-- money integer pico-dollars. NULL is unknown, never 0. Tables may change from
-- version to version; the views at the end are what others may rely on.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value ANY
) STRICT, WITHOUT ROWID;

INSERT INTO meta(name, value) VALUES
  ('change_seq', 0),     -- of the last transaction that wrote no call; see also max(calls.change_seq)
  ('heartbeat_at', 0),   -- of the server that owns the file
  ('program', ''),       -- version of llmgw that last opened it for writing
  ('first_running', 0),  -- calls.n below which all have ended, as of the heartbeat
  ('bodies_bytes', 0),   -- what bodies occupy, kept so that nobody has to sum
  ('pruned_before', 0);  -- calls up to here may be gone; rollups are not

-- n is short and ascending, so that attempts and bodies need no text key. id
-- is a ULID: its index serves time ranges and pages as well, which is why
-- started_at has none. Every further index costs every call a page written
-- twice: what a dead server left running is found from meta's first_running.
CREATE TABLE calls (
  n                   INTEGER PRIMARY KEY,
  id                  TEXT NOT NULL UNIQUE,
  started_at          INTEGER NOT NULL,
  project             TEXT NOT NULL,
  client              TEXT NOT NULL,
  session             TEXT NOT NULL,
  key                 TEXT NOT NULL,
  dialect             TEXT NOT NULL,
  endpoint            TEXT NOT NULL,
  method              TEXT NOT NULL,
  path                TEXT NOT NULL,
  stream              INTEGER NOT NULL,
  model_requested     TEXT NOT NULL,
  route               TEXT NOT NULL,
  route_reason        TEXT NOT NULL,
  request_bytes       INTEGER NOT NULL,
  remote_addr         TEXT NOT NULL,
  user_agent          TEXT NOT NULL,
  change_seq          INTEGER NOT NULL,
  -- What follows is written when there is something to say; the defaults are
  -- those of a call that has just begun.
  finished_at         INTEGER,
  first_token_us      INTEGER,
  status              TEXT NOT NULL DEFAULT 'running',
  http_status         INTEGER NOT NULL DEFAULT 0,
  error               TEXT NOT NULL DEFAULT '',
  error_text          TEXT NOT NULL DEFAULT '',
  provider            TEXT NOT NULL DEFAULT '',
  model               TEXT NOT NULL DEFAULT '',
  model_reported      TEXT NOT NULL DEFAULT '',
  upstream_request_id TEXT NOT NULL DEFAULT '',
  finish_reason       TEXT NOT NULL DEFAULT '',
  cache               TEXT NOT NULL DEFAULT '',
  cached_from         TEXT NOT NULL DEFAULT '',
  dropped             TEXT NOT NULL DEFAULT '[]', -- JSON
  edits               TEXT NOT NULL DEFAULT '[]', -- JSON
  tags                TEXT NOT NULL DEFAULT '{}', -- JSON
  input_tokens        INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens  INTEGER,
  output_tokens       INTEGER,
  reasoning_tokens    INTEGER,
  cost                INTEGER,
  cost_source         TEXT NOT NULL DEFAULT '',
  worth               INTEGER,
  response_bytes      INTEGER NOT NULL DEFAULT 0,
  redactions          INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX calls_changed ON calls(change_seq);

-- k is calls.n * 1024 + the number of the attempt: unique, ordered and found
-- by range without an index of its own.
CREATE TABLE attempts (
  k                   INTEGER PRIMARY KEY,
  provider            TEXT NOT NULL,
  model               TEXT NOT NULL,
  key                 TEXT NOT NULL,
  started_at          INTEGER NOT NULL,
  hedge               INTEGER NOT NULL,
  waited_us           INTEGER NOT NULL,
  held                INTEGER,
  price               TEXT NOT NULL,
  -- As in calls: the defaults are those of an attempt that has just begun.
  duration_us         INTEGER,
  first_token_us      INTEGER,
  outcome             TEXT NOT NULL DEFAULT 'running',
  http_status         INTEGER NOT NULL DEFAULT 0,
  error               TEXT NOT NULL DEFAULT '',
  skipped             TEXT NOT NULL DEFAULT '',
  why                 TEXT NOT NULL DEFAULT '',
  upstream_request_id TEXT NOT NULL DEFAULT '',
  model_reported      TEXT NOT NULL DEFAULT '',
  finish_reason       TEXT NOT NULL DEFAULT '',
  input_tokens        INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens  INTEGER,
  output_tokens       INTEGER,
  reasoning_tokens    INTEGER,
  usage_more          TEXT NOT NULL DEFAULT '{}', -- JSON: rare counts and the provider's own words
  cost                INTEGER,
  cost_source         TEXT NOT NULL DEFAULT '',
  worth               INTEGER,
  dns_us              INTEGER,
  dial_us             INTEGER,
  tls_us              INTEGER,
  wait_us             INTEGER,
  sent_bytes          INTEGER NOT NULL DEFAULT 0,
  received_bytes      INTEGER NOT NULL DEFAULT 0,
  reused              INTEGER NOT NULL DEFAULT 0
) STRICT;

-- k is calls.n * 2048 + the number of the part: request 0, response 1,
-- attempt.N 2N, attempt.N.request 2N + 1. stored is what the body counts for
-- against [store] max_size. data comes last, so that the other columns are
-- read without it.
CREATE TABLE bodies (
  k            INTEGER PRIMARY KEY,
  part         TEXT NOT NULL,
  size         INTEGER NOT NULL,
  truncated    INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  headers      TEXT NOT NULL,
  stored       INTEGER NOT NULL,
  data         BLOB NOT NULL     -- zstd
) STRICT;

-- Sums per quarter of an hour (there are time zones at +05:45). Attempts
-- count in the quarter they started in, calls in that of their arrival.
CREATE TABLE rollups (
  bucket              INTEGER NOT NULL, -- start of the quarter
  project             TEXT NOT NULL,
  provider            TEXT NOT NULL,
  model               TEXT NOT NULL,
  route               TEXT NOT NULL,
  client              TEXT NOT NULL,
  key                 TEXT NOT NULL,
  calls               INTEGER NOT NULL,
  failed_calls        INTEGER NOT NULL,
  attempts            INTEGER NOT NULL,
  failed_attempts     INTEGER NOT NULL,
  input_tokens        INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens  INTEGER NOT NULL,
  output_tokens       INTEGER NOT NULL,
  reasoning_tokens    INTEGER NOT NULL,
  reported            INTEGER NOT NULL,
  estimated           INTEGER NOT NULL,
  plan                INTEGER NOT NULL,
  saved               INTEGER NOT NULL,
  unpriced_calls      INTEGER NOT NULL,
  cache_hits          INTEGER NOT NULL,
  latency             BLOB NOT NULL, -- histogram of answered attempts
  PRIMARY KEY (bucket, project, provider, model, route, client, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE live (
  call_id    TEXT PRIMARY KEY,
  phase      TEXT NOT NULL,
  note       TEXT NOT NULL,
  provider   TEXT NOT NULL,
  model      TEXT NOT NULL,
  attempt    INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  tokens     INTEGER,
  tail       TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a server says about itself, by name: breakers, caps, cooldowns.
CREATE TABLE state (
  name       TEXT PRIMARY KEY,
  value      BLOB NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How another process asks the server that owns the file to act.
CREATE TABLE commands (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  verb     TEXT NOT NULL,
  args     TEXT NOT NULL, -- JSON array
  answered INTEGER NOT NULL DEFAULT 0,
  answer   TEXT NOT NULL DEFAULT '',
  error    TEXT NOT NULL DEFAULT ''
) STRICT;

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
  nullif(cache, '') AS cache, nullif(cached_from, '') AS cached_from,
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

CREATE VIEW attempts_v AS
SELECT
  c.id AS call_id,
  a.k % 1024 AS n,
  a.provider, a.model, nullif(a.key, '') AS key,
  strftime('%Y-%m-%dT%H:%M:%S', a.started_at / 1000000, 'unixepoch') || printf('.%06dZ', a.started_at % 1000000) AS started_at,
  a.duration_us / 1000 AS duration_ms,
  a.first_token_us / 1000 AS first_token_ms,
  a.outcome, nullif(a.http_status, 0) AS http_status, nullif(a.error, '') AS error,
  nullif(a.skipped, '') AS skipped, nullif(a.why, '') AS why,
  a.hedge, a.waited_us / 1000 AS waited_ms,
  nullif(a.upstream_request_id, '') AS upstream_request_id,
  nullif(a.model_reported, '') AS model_reported,
  nullif(a.finish_reason, '') AS finish_reason,
  a.input_tokens, a.cached_input_tokens, a.cache_write_tokens, a.output_tokens, a.reasoning_tokens,
  CASE WHEN a.cost IS NULL THEN NULL WHEN a.cost < 0 THEN '-' ELSE '' END
    || rtrim(rtrim(printf('%d.%012d', abs(a.cost) / 1000000000000, abs(a.cost) % 1000000000000), '0'), '.') AS cost_usd,
  nullif(a.cost_source, '') AS cost_source,
  a.started_at AS started_us,
  a.cost AS cost_pusd,
  a.held AS held_pusd,
  a.worth AS worth_pusd,
  nullif(a.price, '') AS price
FROM attempts a JOIN calls c ON c.n = a.k / 1024;

CREATE VIEW spend_v AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', bucket / 1000000, 'unixepoch') AS bucket,
  project, provider, model, route, client, key,
  calls, failed_calls, attempts, failed_attempts,
  input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
  CASE WHEN reported + estimated < 0 THEN '-' ELSE '' END
    || rtrim(rtrim(printf('%d.%012d', abs(reported + estimated) / 1000000000000, abs(reported + estimated) % 1000000000000), '0'), '.') AS cost_usd,
  bucket AS bucket_us,
  reported + estimated AS cost_pusd,
  estimated AS estimated_pusd,
  plan AS plan_pusd,
  saved AS saved_pusd,
  unpriced_calls, cache_hits
FROM rollups;
