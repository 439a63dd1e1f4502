-- Corrections of what attempts cost, each with what came of it so far.
CREATE TABLE reprices (
  n           INTEGER PRIMARY KEY,
  at          INTEGER NOT NULL,           -- its begin
  who         TEXT NOT NULL,              -- the user of the machine who confirmed it
  what        TEXT NOT NULL,              -- the command: span and filter
  attempts    INTEGER NOT NULL DEFAULT 0,
  was         INTEGER NOT NULL DEFAULT 0, -- sums of what is known of these attempts
  became      INTEGER NOT NULL DEFAULT 0,
  finished_at INTEGER                     -- NULL: it was cut short, or runs
) STRICT;

-- What an attempt said of its cost before a correction. k is that of attempts.
CREATE TABLE repriced (
  k           INTEGER NOT NULL,
  reprice     INTEGER NOT NULL,
  price       TEXT NOT NULL,
  cost        INTEGER,
  cost_source TEXT NOT NULL,
  worth       INTEGER,
  PRIMARY KEY (k, reprice)
) STRICT, WITHOUT ROWID;

CREATE VIEW repriced_v AS
SELECT
  c.id AS call_id,
  p.k % 1024 AS n,
  p.reprice,
  strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch') || printf('.%06dZ', r.at % 1000000) AS repriced_at,
  nullif(r.who, '') AS who,
  nullif(p.price, '') AS price,
  CASE WHEN p.cost IS NULL THEN NULL WHEN p.cost < 0 THEN '-' ELSE '' END
    || rtrim(rtrim(printf('%d.%012d', abs(p.cost) / 1000000000000, abs(p.cost) % 1000000000000), '0'), '.') AS cost_usd,
  p.cost_source,
  p.cost AS cost_pusd,
  p.worth AS worth_pusd
FROM repriced p JOIN calls c ON c.n = p.k / 1024 JOIN reprices r ON r.n = p.reprice;
