-- A call that was refused before it was known what it speaks has no dialect and
-- no endpoint: null in the view, as in the JSON.
DROP VIEW calls_v;
CREATE VIEW calls_v AS
SELECT
  id,
  strftime('%Y-%m-%dT%H:%M:%S', started_at / 1000000, 'unixepoch') || printf('.%06dZ', started_at % 1000000) AS started_at,
  (finished_at - started_at) / 1000 AS duration_ms,
  first_token_us / 1000 AS first_token_ms,
  project, nullif(client, '') AS client, nullif(session, '') AS session, nullif(key, '') AS key,
  nullif(dialect, '') AS dialect, nullif(endpoint, '') AS endpoint, stream, nullif(model_requested, '') AS model_requested,
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
