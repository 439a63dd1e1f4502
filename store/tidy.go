package store

import (
	"database/sql/driver"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"
)

const (
	// tidyEvery is how often the limits of size and age are looked at.
	tidyEvery = time.Second
	// tidyCalls is how many calls one transaction removes: about a millisecond.
	tidyCalls = 64
	// freePages is how many unused pages the file may keep for what comes: 4 MB.
	freePages = 4 << 20 / pageSize
	// vacuumStep gives some pages back to the disk.
	vacuumStep = "PRAGMA incremental_vacuum(64)"
)

// tidier removes what is over the limits, a little between two batches.
type tidier struct {
	lookedAt time.Time

	oldCalls, dropCall, dropAttempts, setPruned, freelist *stmt
	prunedBefore                                          int64
	prunedTo                                              int64 // highest calls.n removed since the start
}

func newTidier(c *conn) (*tidier, error) {
	t := &tidier{}
	err := prepareAll(c, map[**stmt]string{
		&t.oldCalls: `SELECT n, max(started_at, coalesce(finished_at, 0)) FROM calls
			WHERE id < ? AND status <> 'running' ORDER BY id LIMIT ?`,
		&t.dropCall:     "DELETE FROM calls WHERE n = ?",
		&t.dropAttempts: "DELETE FROM attempts WHERE k BETWEEN ? AND ? RETURNING started_at",
		&t.setPruned:    "UPDATE meta SET value = ? WHERE name = 'pruned_before'",
		&t.freelist:     "PRAGMA freelist_count",
	})
	if err != nil {
		return nil, err
	}
	t.prunedBefore, err = c.number("SELECT value FROM meta WHERE name = 'pruned_before'")
	return t, err
}

// clean does one step of tidying: bodies over the size, calls over the age and
// answers kept too long go, days that are over are folded, free pages go back
// to the disk. It asks for more only when nothing
// else waits.
func (w *writer) clean() (bool, error) {
	now := w.opt.Now()
	if now.Sub(w.tidy.lookedAt).Abs() < tidyEvery { // below zero once the clock was set back
		return false, nil
	}
	for _, step := range [...]func(time.Time) (bool, error){w.pruneBodies, w.pruneCalls, w.pruneCached, w.foldDays, w.vacuum} {
		if did, err := step(now); did || err != nil {
			return did, err
		}
	}
	w.tidy.lookedAt = now
	return false, nil
}

// pruneBodies removes the oldest bodies while all together are over MaxSize.
func (w *writer) pruneBodies(time.Time) (bool, error) {
	if w.opt.MaxSize <= 0 || w.bodies.total <= w.opt.MaxSize {
		return false, nil
	}
	total := w.bodies.total
	var drop []int64
	err := w.bodies.oldest.with().each(func(row []driver.Value) error {
		r := fields{row: row}
		if n, stored := r.int(), r.int(); total > w.opt.MaxSize {
			drop, total = append(drop, n), total-stored
		}
		return r.err
	})
	if err != nil || len(drop) == 0 {
		return false, err
	}
	err = w.transact(func(seq int64) error {
		for _, n := range drop {
			if err := w.bodies.remove.with(n).exec(); err != nil {
				return err
			}
		}
		return errors.Join(w.bodies.setTotal.with(total).exec(), w.setSeq.with(seq).exec())
	})
	if err == nil {
		w.bodies.total = total
	}
	return err == nil, err
}

// oldCall is a call past retention; end is the latest instant it counts in.
type oldCall struct{ n, end int64 }

// pruneCalls removes calls past retention with all they have but rollups.
func (w *writer) pruneCalls(now time.Time) (bool, error) {
	if w.opt.Retention <= 0 {
		return false, nil
	}
	var old []oldCall
	err := w.tidy.oldCalls.with(firstID(now.Add(-w.opt.Retention)), int64(tidyCalls)).each(func(row []driver.Value) error {
		r := fields{row: row}
		old = append(old, oldCall{r.int(), r.int()})
		return r.err
	})
	if err != nil || len(old) == 0 {
		return false, err
	}
	total, pruned := w.bodies.total, w.tidy.prunedBefore
	err = w.transact(func(seq int64) error {
		for _, c := range old {
			freed, end, err := w.removeCall(c)
			if err != nil {
				return err
			}
			total, pruned = total-freed, max(pruned, end)
		}
		return errors.Join(w.tidy.setPruned.with(pruned).exec(),
			w.bodies.setTotal.with(total).exec(), w.setSeq.with(seq).exec())
	})
	if err == nil {
		w.bodies.total, w.tidy.prunedBefore = total, pruned
		for _, c := range old {
			w.tidy.prunedTo = max(w.tidy.prunedTo, c.n)
		}
	}
	return err == nil, err
}

// removeCall deletes a call and all it has but rollups. It returns the bytes
// its bodies counted for and the latest instant at which anything of it counts.
func (w *writer) removeCall(c oldCall) (freed, end int64, err error) {
	end = c.end
	err = w.bodies.removeCall.with(c.n<<partBits, (c.n+1)<<partBits-1).each(func(row []driver.Value) error {
		stored, _ := row[0].(int64)
		freed += stored
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	err = w.tidy.dropAttempts.with(attemptKey(c.n, 0), attemptKey(c.n, MaxAttempts)).each(func(row []driver.Value) error {
		started, _ := row[0].(int64)
		end = max(end, started)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return freed, end, errors.Join(
		w.reprices.drop.with(attemptKey(c.n, 0), attemptKey(c.n, MaxAttempts)).exec(), w.tidy.dropCall.with(c.n).exec())
}

// vacuum gives free pages beyond freePages back to the disk.
func (w *writer) vacuum(time.Time) (bool, error) {
	free, err := w.number(w.tidy.freelist)
	if err != nil || free <= freePages {
		return false, err
	}
	if err := w.c.exec(vacuumStep); err != nil {
		return false, &FileError{Op: "shrinking", Path: w.path, Err: err}
	}
	after, err := w.number(w.tidy.freelist)
	return after < free, err
}

// firstID is the lowest id a call started at t can have.
func firstID(t time.Time) string {
	var id ulid.ULID
	if t.Before(time.UnixMilli(0)) {
		return id.String()
	}
	if err := id.SetTime(ulid.Timestamp(t)); err != nil {
		return id.String() // beyond the year 10889
	}
	return id.String()
}
