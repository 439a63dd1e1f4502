package store

import (
	"context"
	"time"
)

// selectCounted is what sums and caps count of a call and its attempts, a third
// of what is on record of them.
const selectCounted = `SELECT c.id, c.started_at, c.project, c.client, c.session, c.key, c.route, c.status, c.provider, c.model, c.cache, c.worth,
	a.k & 1023, a.provider, a.model, a.started_at, a.held, a.duration_us, a.outcome,
	a.input_tokens, a.cached_input_tokens, a.cache_write_tokens, a.output_tokens, a.reasoning_tokens, a.cost, a.cost_source, a.worth
	FROM calls c LEFT JOIN attempts a ON a.k BETWEEN c.n * 1024 AND c.n * 1024 + 1023
	WHERE c.id >= ? AND c.id < ? AND c.started_at >= ? AND c.started_at < ? ORDER BY c.id, a.k`

// endOfTime is after all that is on record: the year 2255.
var endOfTime = time.UnixMicro(9e15)

// eachCounted calls f for each call that arrived from since until until (zero:
// no bound), with its attempts; only what selectCounted names is set in them.
// They are f's until it returns.
func (r *Reader) eachCounted(ctx context.Context, since, until time.Time, f func(c *Call, attempts []*Attempt) error) error {
	last := until
	if until.IsZero() {
		last = endOfTime
	}
	var call *Call
	var attempts []*Attempt
	hand := func() error {
		if call == nil {
			return nil
		}
		return f(call, attempts)
	}
	err := r.each(ctx, func(row *fields) error {
		id := row.text()
		if call == nil || call.ID != id {
			if err := hand(); err != nil {
				return err
			}
			call, attempts = &Call{
				ID: id, StartedAt: row.time(), Project: row.text(), Client: row.text(), Session: row.text(), Key: row.text(),
				Route: row.text(), Status: Status(row.text()), Provider: row.text(), Model: row.text(), Cache: row.text(), Worth: row.amount(),
			}, attempts[:0]
		}
		const n = 12 // the first column of the attempt
		if row.at = n; row.row[n] != nil {
			attempts = append(attempts, readCounted(row))
		}
		return row.err
	}, selectCounted, firstID(since.Add(-time.Second)), firstID(last.Add(time.Second)), micros(since), micros(last))
	if err != nil {
		return err
	}
	return hand()
}

// readCounted reads the columns of an attempt.
func readCounted(r *fields) *Attempt {
	a := &Attempt{
		N: int(r.int()), Provider: r.text(), Model: r.text(), StartedAt: r.time(), Held: r.amount(), Duration: r.span(), Outcome: r.text(),
	}
	r.usage(&a.Usage)
	a.Cost, a.CostSource, a.Worth = r.amount(), r.text(), r.amount()
	return a
}
