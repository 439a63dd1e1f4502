-- What whole days (in UTC) add up to, so that a month is thirty rows per
-- combination and not three thousand. Folded from rollups once a day is over;
-- a quarter that changes later has its day folded anew. No latencies: who asks
-- for them reads the quarters.
CREATE TABLE rollup_days (
  day                 INTEGER NOT NULL, -- its start
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
  PRIMARY KEY (day, project, provider, model, route, client, key)
) STRICT, WITHOUT ROWID;

INSERT INTO meta(name, value) VALUES
  ('days_until', 0), -- days before it are in rollup_days
  -- The longest time, in microseconds, from a call's arrival to the start of an
  -- attempt of it. What older versions recorded was not measured: two hours.
  ('attempt_lag', (SELECT CASE count(*) WHEN 0 THEN 0 ELSE 7200000000 END FROM (SELECT 1 FROM calls LIMIT 1)));
