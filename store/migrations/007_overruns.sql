-- What an attempt cost beyond what a hard cap held for it, as it was charged:
-- NULL where nothing. Until now it was told from cost and held alone.
ALTER TABLE attempts ADD COLUMN overrun INTEGER;
UPDATE attempts SET overrun = cost - held WHERE cost > held AND k NOT IN (SELECT k FROM repriced);
CREATE INDEX attempts_overrun ON attempts(started_at) WHERE overrun IS NOT NULL;

DROP VIEW attempts_v;
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
  a.overrun AS overrun_pusd,
  nullif(a.price, '') AS price
FROM attempts a JOIN calls c ON c.n = a.k / 1024;
