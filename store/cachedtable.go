package store

import (
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"
)

// Why an answer is kept no longer, as a later miss says it.
const (
	goneExpired = "expired"
	goneEvicted = "evicted"
	goneRemoved = "removed"
)

const (
	// goneSlots is how many of the last removed answers are remembered.
	goneSlots = 8192
	// futureSlack is how far in the future an answer may seem to have been kept
	// before it is taken for one whose age nobody knows.
	futureSlack = time.Minute
)

// cachedTable writes and removes kept answers within a transaction of its
// user. It is the writer's, but for limits.
type cachedTable struct {
	limits atomic.Pointer[map[string]int64] // by pool; nil: none yet
	sizes  map[string]int64                 // by pool, of the file as it is; nil: to be read

	insert, insertBody, sameKey, hit   *stmt
	sum, oldest, due, ofCall           *stmt
	remove, removeBody, forgotten      *stmt
	total, allGone, clear, clearBodies *stmt
}

func newCachedTable(c *conn) (*cachedTable, error) {
	t := &cachedTable{}
	const row = "SELECT n, key, pool, stored FROM cached WHERE "
	return t, prepareAll(c, map[**stmt]string{
		&t.insert: "INSERT INTO cached(" + cachedColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		// The row was the last to be inserted, on this connection.
		&t.insertBody:  "INSERT INTO cached_bodies(n, data) VALUES (last_insert_rowid(), ?)",
		&t.hit:         "UPDATE cached SET hits = hits + 1 WHERE n = ? AND key = ?",
		&t.sum:         "SELECT pool, sum(stored) FROM cached GROUP BY pool",
		&t.sameKey:     row + "key = ?",
		&t.ofCall:      row + "call_id = ?",
		&t.oldest:      row + "pool = ? ORDER BY n LIMIT 8",
		&t.due:         row + "expires_at <= ? OR created_at > ? LIMIT 64",
		&t.remove:      "DELETE FROM cached WHERE n = ?",
		&t.removeBody:  "DELETE FROM cached_bodies WHERE n = ?",
		&t.forgotten:   "REPLACE INTO cache_gone(slot, key, why) VALUES (?, ?, ?)",
		&t.total:       "SELECT count(*), coalesce(sum(stored), 0) FROM cached",
		&t.allGone:     "REPLACE INTO cache_gone(slot, key, why) SELECT n % ?, key, ? FROM cached ORDER BY n",
		&t.clear:       "DELETE FROM cached",
		&t.clearBodies: "DELETE FROM cached_bodies",
	})
}

// forget makes the table read the file again, after a failed transaction.
func (t *cachedTable) forget() { t.sizes = nil }

// record writes what a change says of the cache.
func (t *cachedTable) record(p *pending) error {
	if e := p.replayed; e != nil {
		if err := t.hit.with(e.n, e.Key[:]).exec(); err != nil {
			return err
		}
	}
	if p.cached == nil {
		return nil
	}
	return t.put(p.cached)
}

// put keeps an answer in place of an older one to the same question, and
// makes room for it.
func (t *cachedTable) put(e *Cached) error {
	if err := t.measure(); err != nil {
		return err
	}
	if err := t.removeAll(t.sameKey.with(e.Key[:]), ""); err != nil {
		return err
	}
	t.insert.with().addCached(e)
	if err := errors.Join(t.insert.exec(), t.insertBody.with(e.Body).exec()); err != nil {
		return err
	}
	t.sizes[e.Pool] += e.Stored
	return t.shrink(e.Pool)
}

// measure reads how much each pool keeps, once.
func (t *cachedTable) measure() error {
	if t.sizes != nil {
		return nil
	}
	sizes := map[string]int64{}
	err := t.sum.with().each(func(row []driver.Value) error {
		r := fields{row: row}
		sizes[r.text()] = r.int()
		return r.err
	})
	if err == nil {
		t.sizes = sizes
	}
	return err
}

// shrink removes the oldest answers of a pool that is over its limit.
func (t *cachedTable) shrink(pool string) error {
	for t.over(pool) {
		rows, err := t.rows(t.oldest.with(pool))
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			if !t.over(pool) {
				break
			}
			if err := t.removeOne(r, goneEvicted); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *cachedTable) over(pool string) bool {
	limits := t.limits.Load()
	return limits != nil && t.sizes[pool] > (*limits)[pool]
}

// cachedRow is what it takes to remove an answer.
type cachedRow struct {
	n, stored int64
	key       []byte
	pool      string
}

func (t *cachedTable) rows(s *stmt) (list []cachedRow, err error) {
	err = s.each(func(row []driver.Value) error {
		r := fields{row: row}
		list = append(list, cachedRow{n: r.int(), key: r.blob(), pool: r.text(), stored: r.int()})
		return r.err
	})
	return list, err
}

func (t *cachedTable) removeAll(s *stmt, why string) error {
	rows, err := t.rows(s)
	for _, r := range rows {
		err = errors.Join(err, t.removeOne(r, why))
	}
	return err
}

// removeOne removes an answer. why is remembered unless it is "".
func (t *cachedTable) removeOne(r cachedRow, why string) error {
	t.sizes[r.pool] -= r.stored
	err := errors.Join(t.remove.with(r.n).exec(), t.removeBody.with(r.n).exec())
	if err != nil || why == "" {
		return err
	}
	return t.forgotten.with(r.n%goneSlots, r.key, why).exec()
}

// removeCalls removes the answers to the given calls, or all without any.
func (t *cachedTable) removeCalls(calls []string) (out Removed, err error) {
	if len(calls) == 0 {
		return t.removeEverything()
	}
	if err := t.measure(); err != nil {
		return out, err
	}
	for _, id := range calls {
		rows, err := t.rows(t.ofCall.with(id))
		if err != nil {
			return out, err
		}
		for _, r := range rows {
			if err := t.removeOne(r, goneRemoved); err != nil {
				return out, err
			}
			out.Answers, out.Bytes = out.Answers+1, out.Bytes+r.stored
		}
	}
	return out, nil
}

func (t *cachedTable) removeEverything() (out Removed, err error) {
	err = t.total.with().each(func(row []driver.Value) error {
		r := fields{row: row}
		out = Removed{Answers: r.int(), Bytes: r.int()}
		return r.err
	})
	if err != nil {
		return out, err
	}
	t.sizes = nil
	return out, errors.Join(t.allGone.with(int64(goneSlots), goneRemoved).exec(), t.clear.with().exec(), t.clearBodies.with().exec())
}

// pruneCached removes answers that have expired, those from a future that the
// clock has been set back from, and the oldest of pools that have come over
// their limit since they were written.
func (w *writer) pruneCached(now time.Time) (bool, error) {
	t := w.cached
	due, err := t.rows(t.due.with(micros(now), micros(now.Add(futureSlack))))
	if err == nil {
		err = t.measure()
	}
	if err != nil {
		return false, err
	}
	if len(due) > 0 {
		return true, w.transact(func(seq int64) error {
			for _, r := range due {
				if err := t.removeOne(r, goneExpired); err != nil {
					return err
				}
			}
			return w.setSeq.with(seq).exec()
		})
	}
	for pool := range t.sizes {
		if t.over(pool) {
			return true, w.transact(func(seq int64) error { return errors.Join(t.shrink(pool), w.setSeq.with(seq).exec()) })
		}
	}
	return false, nil
}
