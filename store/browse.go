package store

import (
	"context"
	"errors"
	"time"
)

// What a screen asks that a report does not: calls in another order, how many
// there are, how the last hour went, which values a field has.

// SortKey is what calls are ordered by.
type SortKey string

// The orders of calls. Unknown values come last whatever the direction.
const (
	SortTime  SortKey = ""      // arrival
	SortTook  SortKey = "total" // how long the whole call took
	SortFirst SortKey = "first" // time to first content
	SortCost  SortKey = "cost"
	SortIn    SortKey = "in"  // input tokens
	SortOut   SortKey = "out" // output tokens
	SortTries SortKey = "try" // attempts sent
	SortModel SortKey = "model"
)

// sortColumns are the expressions behind the orders.
var sortColumns = map[SortKey]string{
	SortTime:  "id",
	SortTook:  "finished_at - started_at",
	SortFirst: "first_token_us",
	SortCost:  "cost",
	SortIn:    "input_tokens",
	SortOut:   "output_tokens",
	SortTries: "(SELECT count(*) FROM attempts a WHERE a.k BETWEEN calls.n * 1024 AND calls.n * 1024 + 1023 AND a.outcome <> 'skipped')",
	SortModel: "model_requested",
}

// SortedAmong is how many of the newest calls that match [Reader.TopCalls] puts
// in order: more would take longer than a person waits.
const SortedAmong = 100_000

// TopCalls returns the first calls of q in an order that is not that of their
// arrival, among the newest [SortedAmong] that match. Pages (q.Before, q.After)
// do not go with it.
func (r *Reader) TopCalls(ctx context.Context, q Query, by SortKey, ascending bool) (list []CallRow, err error) {
	if q.Now.IsZero() {
		q.Now = time.Now()
	}
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, r.wrap(err)
	}
	defer func() { err = r.wrap(errors.Join(err, tx.Rollback())) }()
	among, args := q.where()
	direction := " DESC"
	if ascending {
		direction = ""
	}
	query := selectCalls + " WHERE n IN (SELECT n FROM calls WHERE " + among + " ORDER BY id DESC LIMIT ?) ORDER BY " +
		sortColumns[by] + direction + " NULLS LAST, id DESC LIMIT ?"
	var numbers []int64
	err = eachRow(ctx, tx, func(f *fields) error {
		n, c, err := readCall(f.row)
		numbers, list = append(numbers, n), append(list, CallRow{Call: c})
		return err
	}, query, append(args, SortedAmong, q.Limit)...)
	if err != nil {
		return nil, err
	}
	return list, readAttempts(ctx, tx, numbers, list)
}

// Count returns how many calls q selects. Without a filter that costs nothing;
// with one every call in question is looked at, so give ctx a limit.
func (r *Reader) Count(ctx context.Context, q Query) (n int64, err error) {
	if q.Now.IsZero() {
		q.Now = time.Now()
	}
	query := "SELECT coalesce((SELECT max(n) FROM calls) - (SELECT min(n) FROM calls) + 1, 0)"
	var args []any
	if where, bound := q.where(); where != everyCall {
		query, args = "SELECT count(*) FROM calls WHERE "+where, bound
	}
	err = r.one(ctx, func(f *fields) error {
		n = f.int()
		return nil
	}, query, args...)
	return n, err
}

// Older returns the id of the call that was recorded n calls before the one
// with that id (before the newest where id is empty); empty where the record
// does not go back as far. With it a search can be cut into pieces.
func (r *Reader) Older(ctx context.Context, id string, n int64) (older string, err error) {
	if id == "" {
		id = "~" // above all ids
	}
	err = r.each(ctx, func(f *fields) error {
		older = f.text()
		return nil
	}, "SELECT id FROM calls WHERE n = (SELECT n FROM calls WHERE id < ? ORDER BY id DESC LIMIT 1) - ?", id, n)
	return older, err
}

// Pulse is how the last hour went.
type Pulse struct {
	Calls   int64   // that arrived
	Columns []int64 // the same in equal spans, oldest first

	// Of the newest calls of the hour, PulseSample at most:
	Sample   int64
	Failed   int64 // did not end well; those still running count as well
	Switched int64 // served by another target than the first choice; retries are none
	Cached   int64
	Running  int64
}

// PulseSample bounds the calls that are looked at for the shares of a [Pulse].
const PulseSample = 2000

// Pulse returns how the hour before now went, in the given number of columns.
// It costs the same whatever the record's size.
func (r *Reader) Pulse(ctx context.Context, now time.Time, columns int) (Pulse, error) {
	p := Pulse{Columns: make([]int64, columns)}
	first := func(at time.Time) (n int64, err error) {
		err = r.one(ctx, func(f *fields) error {
			n = f.int()
			return nil
		}, "SELECT coalesce((SELECT n FROM calls WHERE id >= ? ORDER BY id LIMIT 1), (SELECT max(n) + 1 FROM calls), 0)", firstID(at))
		return n, err
	}
	begin := now.Add(-time.Hour)
	last, err := first(begin)
	for i := 0; i < columns && err == nil; i++ {
		var next int64
		if next, err = first(begin.Add(time.Hour * time.Duration(i+1) / time.Duration(columns))); err == nil {
			p.Columns[i], last = max(next-last, 0), next
			p.Calls += p.Columns[i]
		}
	}
	if err != nil {
		return p, err
	}
	err = r.one(ctx, func(f *fields) error {
		p.Sample, p.Failed, p.Switched, p.Cached, p.Running = f.int(), f.int(), f.int(), f.int(), f.int()
		return nil
	}, `SELECT count(*), coalesce(sum(status NOT IN ('ok', 'running')), 0), coalesce(sum(`+switchedCall+`), 0),
			coalesce(sum(cache = 'hit'), 0), coalesce(sum(status = 'running'), 0)
		FROM (SELECT * FROM calls WHERE id >= ? ORDER BY id DESC LIMIT ?) calls`, firstID(begin), PulseSample)
	return p, err
}

const (
	ofTheCall = "SELECT 1 FROM attempts a WHERE a.k BETWEEN calls.n * 1024 AND calls.n * 1024 + 1023 AND "
	// switchedCall: what served is not the first choice. That it was asked again
	// before it did is a retry and no switch.
	switchedCall = "status = 'ok' AND cache <> 'hit' AND EXISTS (SELECT 1 FROM attempts a WHERE a.k = calls.n * 1024 + 1 AND (a.provider, a.model) <> (calls.provider, calls.model))"
	// faultyCall is what a person looks for who asks what went wrong.
	faultyCall = "(status NOT IN ('ok', 'running') OR EXISTS (" + ofTheCall + "a.outcome NOT IN ('ok', 'running', 'lost_hedge')))"
)

// valueColumns are the fields of a filter whose values are in the rollups, and
// the expressions for them.
var valueColumns = map[string]string{
	"project": "project", "provider": "provider", "model": "model", "route": "route", "client": "client", "key": "key",
	"target": "provider || '/' || nullif(model, '')",
}

// Values returns the values that fields of a filter had in the 30 days before
// now, by field, each sorted, for completion.
func (r *Reader) Values(ctx context.Context, now time.Time) (map[string][]string, error) {
	const days = 30
	out := map[string][]string{}
	for field, column := range valueColumns {
		err := r.each(ctx, func(f *fields) error {
			out[field] = append(out[field], f.text())
			return nil
		}, "SELECT DISTINCT "+column+" FROM rollups WHERE bucket >= ? AND "+column+" <> '' ORDER BY 1 LIMIT 1000",
			micros(now.AddDate(0, 0, -days)))
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
