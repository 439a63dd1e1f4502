package store

import (
	"context"
	"time"

	"llmgw/providers/price"
)

// EachCached calls f for every answer that is kept, newest first, without its
// body, and stops at its first error.
func (r *Reader) EachCached(ctx context.Context, f func(*Cached) error) error {
	return r.each(ctx, func(row *fields) error {
		e := readCached(row)
		if row.err != nil {
			return row.err
		}
		return f(e)
	}, "SELECT n, hits, "+cachedColumns+" FROM cached ORDER BY n DESC")
}

// CacheSize is how much is kept.
type CacheSize struct {
	Answers int64
	Bytes   int64     // as limits count them
	Oldest  time.Time // zero: nothing is kept
}

// CacheSize returns how much is kept.
func (r *Reader) CacheSize(ctx context.Context) (s CacheSize, err error) {
	err = r.one(ctx, func(f *fields) error {
		s = CacheSize{Answers: f.int(), Bytes: f.int(), Oldest: f.time()}
		return nil
	}, "SELECT count(*), coalesce(sum(stored), 0), min(created_at) FROM cached")
	return s, err
}

// CacheUse is how often the cache was of one use to calls, for one reason.
type CacheUse struct {
	Cache string // hit, miss, bypass
	Note  string // why no hit; "" for hits
	Calls int64
	Saved price.Money // what hits would have cost, as far as it is known
	// Unpriced are hits of answers whose cost is not known, and not in Saved.
	Unpriced int64
}

// CacheUse returns what the cache was to the calls that arrived from since on
// and have ended, most frequent first. Calls of routes without a cache do not
// count.
func (r *Reader) CacheUse(ctx context.Context, since time.Time) (list []CacheUse, err error) {
	// What follows "; " is about the one call.
	const reason = `CASE WHEN cache = 'hit' THEN '' WHEN instr(cache_note, '; ') > 0
		THEN substr(cache_note, 1, instr(cache_note, '; ') - 1) ELSE cache_note END`
	err = r.each(ctx, func(f *fields) error {
		list = append(list, CacheUse{f.text(), f.text(), f.int(), price.Money(f.int()), f.int()})
		return f.err
	}, `SELECT cache, `+reason+`, count(*),
			coalesce(sum(CASE WHEN cache = 'hit' THEN worth END), 0), coalesce(sum(cache = 'hit' AND worth IS NULL), 0)
		FROM calls WHERE id >= ? AND status <> 'running' AND cache IN ('hit', 'miss', 'bypass')
		GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`, firstID(since))
	return list, err
}
