package store

import (
	"context"
	"time"

	"llmgw/providers/price"
)

// Overruns are the calls that cost more than a hard cap held for them, and by
// how much together: a provider charged more than its published bounds allow.
type Overruns struct {
	Calls int64
	Cost  price.Money
}

// Overruns returns the overruns among the attempts that Sums adds up for the
// same query, as they were charged at the time: a correction of prices makes
// and unmakes none.
func (r *Reader) Overruns(ctx context.Context, q SumQuery) (o Overruns, err error) {
	if q.Now.IsZero() {
		q.Now = time.Now()
	}
	until := q.Until
	if until.IsZero() {
		until = endOfTime
	}
	condition, args := q.Filter.compile(q.Now, "part")
	err = r.one(ctx, func(f *fields) error {
		o.Calls, o.Cost = f.int(), price.Money(f.int())
		return nil
	}, `SELECT count(DISTINCT calls.n), coalesce(sum(part.overrun), 0)
		FROM attempts part INDEXED BY attempts_overrun JOIN calls ON calls.n = part.k / 1024
		WHERE part.overrun IS NOT NULL AND part.started_at >= ? AND part.started_at < ? AND `+condition,
		append([]any{micros(q.Since), micros(until)}, args...)...)
	return o, err
}

// Overrun is by how much the call's attempts cost more than was held for them;
// unknown where none did.
func (c *CallRow) Overrun() (sum price.Amount) {
	for i := range c.Attempts {
		if o := c.Attempts[i].Overrun; o.Known {
			sum = price.Of(sum.Money + o.Money)
		}
	}
	return sum
}
