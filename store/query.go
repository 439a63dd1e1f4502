package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// defaultLimit is how many calls a query returns that does not say.
const defaultLimit = 500

// Query selects calls. The zero value is the newest ones.
type Query struct {
	Filter       Filter
	Faults       bool      // only calls that did not go well at once: failed, cut, blocked, or served by a later target
	Since, Until time.Time // of the arrival; Until is exclusive; zero: no bound
	Before       string    // id: only calls older than this one, the next page
	After        string    // id: only calls newer than this one
	ChangedAfter int64     // only calls written by a later transaction than this
	Ascending    bool      // oldest first
	Limit        int       // 0: 500; below zero: all
	Now          time.Time // what since:2h counts from; zero: time.Now

	only  string // id of the one call
	parts bool   // calls of which the filter selects any part; what it does not is marked
}

// Calls returns calls with their attempts in the order of their arrival,
// newest first unless Ascending. A page costs what it shows, not what the
// record holds, unless a filter makes it look further.
func (r *Reader) Calls(ctx context.Context, q Query) ([]CallRow, error) {
	var list []CallRow
	err := r.EachCall(ctx, q, func(c CallRow) error {
		list = append(list, c)
		return nil
	})
	return list, err
}

// exportPage is how many calls EachCall reads in one short transaction.
const exportPage = 500

// EachCall is Calls for more than fits into memory: it calls f for each call
// and stops at its first error. Each few hundred calls are read in a
// transaction of their own.
func (r *Reader) EachCall(ctx context.Context, q Query, f func(CallRow) error) error {
	if q.Now.IsZero() {
		q.Now = time.Now()
	}
	left := q.Limit
	if left == 0 {
		left = defaultLimit
	}
	for left != 0 {
		page := exportPage
		if left > 0 {
			page = min(page, left)
		}
		list, err := r.page(ctx, q, page)
		if err != nil {
			return r.wrap(err)
		}
		for _, c := range list {
			if err := f(c); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
		left -= len(list)
		if last := list[len(list)-1].ID; q.Ascending {
			q.After = last
		} else {
			q.Before = last
		}
	}
	return nil
}

// page reads calls and attempts in one read transaction, so that they agree.
func (r *Reader) page(ctx context.Context, q Query, limit int) (list []CallRow, err error) {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	query, args := q.sql(limit)
	var numbers []int64
	err = eachRow(ctx, tx, func(f *fields) error {
		n, c, err := readCall(f.row)
		numbers, list = append(numbers, n), append(list, CallRow{Call: c})
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	if err := readAttempts(ctx, tx, numbers, list); err != nil || !q.byPlace() {
		return list, err
	}
	return list, q.leaveOut(ctx, tx, numbers, list)
}

// readAttempts fills in the attempts of list, whose calls.n are numbers.
func readAttempts(ctx context.Context, tx *sql.Tx, numbers []int64, list []CallRow) error {
	if len(numbers) == 0 {
		return nil
	}
	at := make(map[int64]int, len(numbers))
	for i, n := range numbers {
		at[n] = i
	}
	// One range over all of the page: its calls arrived together, so they are
	// neighbours, and what lies between them is little. A filtered page may be
	// scattered over millions; then each call is a range of its own.
	low, high := slices.Min(numbers), slices.Max(numbers)
	ranges := [][2]int64{{low, high}}
	if high-low > 4*int64(len(numbers)) {
		ranges = ranges[:0]
		for _, n := range numbers {
			ranges = append(ranges, [2]int64{n, n})
		}
	}
	for _, span := range ranges {
		err := eachRow(ctx, tx, func(f *fields) error {
			n, a, err := readAttempt(f.row)
			if i, wanted := at[n]; wanted {
				a.CallID = list[i].ID
				list[i].Attempts = append(list[i].Attempts, a)
			}
			return err
		}, selectAttempts, attemptKey(span[0], 0), attemptKey(span[1], MaxAttempts))
		if err != nil {
			return err
		}
	}
	return nil
}

var (
	selectCalls    = "SELECT " + strings.Join(callColumns, ", ") + " FROM calls"
	selectAttempts = "SELECT " + strings.Join(attemptColumns, ", ") + " FROM attempts WHERE k BETWEEN ? AND ? ORDER BY k"
)

// sql compiles the query.
func (q Query) sql(limit int) (string, []any) {
	from := selectCalls
	if q.ChangedAfter > 0 {
		from += " INDEXED BY calls_changed"
	}
	order := " ORDER BY id DESC LIMIT ?"
	if q.Ascending {
		order = " ORDER BY id LIMIT ?"
	}
	where, args := q.where()
	return from + " WHERE " + where + order, append(args, limit)
}

// everyCall is the condition of a query that selects all.
const everyCall = "1 AND 1"

// where compiles the condition. Only constants of this package become SQL;
// whatever a user typed is bound.
func (q Query) where() (string, []any) {
	where, args := []string{"1"}, []any{}
	and := func(condition string, value any) {
		where, args = append(where, condition), append(args, value)
	}
	if q.ChangedAfter > 0 {
		and("change_seq > ?", q.ChangedAfter)
	}
	// Ids sort by time, so the index on them bounds a time range too. They are
	// minted at arrival, give or take: the exact time has the last word.
	if !q.Since.IsZero() {
		and("id >= ?", firstID(q.Since.Add(-time.Second)))
		and("started_at >= ?", micros(q.Since))
	}
	if !q.Until.IsZero() {
		and("id < ?", firstID(q.Until.Add(time.Second)))
		and("started_at < ?", micros(q.Until))
	}
	if q.Before != "" {
		and("id < ?", q.Before)
	}
	if q.After != "" {
		and("id > ?", q.After)
	}
	if q.only != "" {
		and("id = ?", q.only)
	}
	if q.Faults {
		where = append(where, faultyCall)
	}
	condition, values := q.Filter.sql(q.Now)
	if q.byPlace() {
		condition, values = q.Filter.anyPart(q.Now)
	}
	where, args = append(where, condition), append(args, values...)
	return strings.Join(where, " AND "), args
}

// minAbbreviation is the fewest characters of an id that name a call.
const minAbbreviation = 4

// Find returns the call that text names: "last", an id, or a prefix or suffix
// of at least four characters that no other call shares. Otherwise the error
// is [ErrNotFound] or an [*AmbiguousError]. A suffix is looked for in all ids:
// about a second among ten million.
func (r *Reader) Find(ctx context.Context, text string) (CallRow, error) {
	if text == "last" {
		return r.first(ctx, Query{Limit: 1})
	}
	id := strings.ToUpper(text)
	if len(id) < minAbbreviation {
		return CallRow{}, fmt.Errorf("finding call %q: give at least %d characters: %w", text, minAbbreviation, ErrNotFound)
	}
	ids, err := r.abbreviated(ctx, id)
	switch {
	case err != nil:
		return CallRow{}, err
	case len(ids) == 0:
		return CallRow{}, fmt.Errorf("finding call %q: %w", text, ErrNotFound)
	case len(ids) > 1:
		return CallRow{}, &AmbiguousError{Text: text, IDs: ids}
	}
	return r.first(ctx, Query{Limit: 1, only: ids[0]})
}

// abbreviated returns a few of the ids that text may stand for, newest first.
func (r *Reader) abbreviated(ctx context.Context, text string) (ids []string, err error) {
	const few = 5
	queries := []struct {
		sql  string
		args []any
	}{
		{"SELECT id FROM calls WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?", []any{text, text + "~", few}},
		{"SELECT id FROM calls WHERE substr(id, ?) = ? ORDER BY id DESC LIMIT ?", []any{-len(text), text, few}},
	}
	const idLength = 26
	if len(text) >= idLength {
		queries = queries[:1] // whole: there is nothing to search for
	}
	for _, q := range queries {
		err := r.each(ctx, func(f *fields) error {
			if id := f.text(); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
			return nil
		}, q.sql, q.args...)
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (r *Reader) first(ctx context.Context, q Query) (CallRow, error) {
	list, err := r.Calls(ctx, q)
	if err != nil {
		return CallRow{}, err
	}
	if len(list) == 0 {
		return CallRow{}, ErrNotFound
	}
	return list[0], nil
}
