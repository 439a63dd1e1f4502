package store

import (
	"database/sql/driver"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// bucketWidth is a quarter of an hour, since local days may begin at any.
const bucketWidth = 15 * time.Minute

// rollupKey names a row of rollups. Key is the caller's credential, also for
// attempts: whose spending it is, not with what it was paid.
type rollupKey struct {
	bucket                                       int64 // Unix microseconds
	project, provider, model, route, client, key string
}

var rollupKeyColumns = []string{"bucket", "project", "provider", "model", "route", "client", "key"}

// The sums of a rollup row, in the order of sumColumns.
const (
	sumCalls = iota
	sumFailedCalls
	sumAttempts
	sumFailedAttempts
	sumInput
	sumCachedInput
	sumCacheWrite
	sumOutput
	sumReasoning
	sumReported
	sumEstimated
	sumPlan
	sumSaved
	sumUnpriced
	sumHits
	sumCount
)

var sumColumns = [sumCount]string{
	"calls", "failed_calls", "attempts", "failed_attempts",
	"input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
	"reported", "estimated", "plan", "saved", "unpriced_calls", "cache_hits",
}

// sums is what a rollup row adds up.
type sums struct {
	n       [sumCount]int64
	latency Latency
}

// add adds sign × d.
func (s *sums) add(d *sums, sign int64) {
	for i := range s.n {
		s.n[i] += sign * d.n[i]
	}
	for i := range s.latency {
		s.latency[i] += sign * d.latency[i]
	}
}

// share is what one call adds to one rollup row.
type share struct {
	key rollupKey
	sum sums
}

// shares is what a call and its attempts add to the rollups. It is a function
// of the rows alone and nothing until the call has ended: rollups are always
// the sum of shares over all rows, so a change that is replayed, corrected or
// repriced moves them by the difference and never counts twice.
func shares(c *Call, attempts []*Attempt) []share {
	return sharesOf(c, attempts, true, func(*Attempt) bool { return true })
}

// sharesOf is shares of those attempts that counts accepts, and where called of
// the call.
func sharesOf(c *Call, attempts []*Attempt, called bool, counts func(*Attempt) bool) []share {
	if c == nil || c.Running() {
		return nil
	}
	var out []share
	unpriced := false
	for _, a := range attempts {
		if !a.Sent() {
			continue
		}
		unpriced = unpriced || a.Charged() && !a.Cost.Known
		if !counts(a) {
			continue
		}
		attemptShare(at(&out, keyOf(c, a.StartedAt, a.Provider, a.Model)), a)
	}
	if !called {
		return out
	}
	s := at(&out, keyOf(c, c.StartedAt, c.Provider, c.Model))
	s.n[sumCalls]++
	s.n[sumFailedCalls] += bit(c.Status != StatusOK)
	s.n[sumUnpriced] += bit(unpriced)
	if c.Cache == CacheHit {
		s.n[sumHits]++
		s.n[sumSaved] += known(c.Worth)
	}
	return out
}

func attemptShare(s *sums, a *Attempt) {
	s.n[sumAttempts]++
	s.n[sumFailedAttempts] += bit(a.Outcome != OutcomeOK && a.Outcome != OutcomeLostHedge)
	for i, c := range [...]llm.Count{a.Usage.Input, a.Usage.CachedInput, a.Usage.CacheWrite, a.Usage.Output, a.Usage.Reasoning} {
		s.n[sumInput+i] += c.Or(0) // a sum of what is known; unpriced_calls says that something is not
	}
	switch a.CostSource {
	case CostPlan:
		s.n[sumPlan] += known(a.Worth)
	case CostEstimated:
		s.n[sumEstimated] += known(a.Cost)
	default:
		s.n[sumReported] += known(a.Cost)
	}
	if a.Outcome == OutcomeOK && a.Duration >= 0 {
		s.latency.Add(a.Duration)
	}
}

// known is a for a sum of what is known.
func known(a price.Amount) int64 {
	if !a.Known {
		return 0
	}
	return int64(a.Money)
}

func keyOf(c *Call, t time.Time, provider, model string) rollupKey {
	return rollupKey{bucketOf(t), c.Project, provider, model, c.Route, c.Client, c.Key}
}

func bucketOf(t time.Time) int64 {
	return t.Truncate(bucketWidth).UnixMicro()
}

// at returns the sums under key, adding an empty share where there is none. A
// call touches few keys: looking through them beats a map.
func at(list *[]share, key rollupKey) *sums {
	for i := range *list {
		if (*list)[i].key == key {
			return &(*list)[i].sum
		}
	}
	*list = append(*list, share{key: key})
	return &(*list)[len(*list)-1].sum
}

// rollups keeps the rows of the rollup table that were touched lately, so that
// a batch writes each once, with absolute values. What it holds equals the
// table between transactions; after a failed one it must be forgotten.
type rollups struct {
	rows  map[rollupKey]*sums
	dirty map[rollupKey]bool
	read  *stmt
	write *stmt
	days  *days
}

// cachedRollups bounds the memory of rollups: about 900 bytes each.
const cachedRollups = 2048

func newRollups(c *conn) (*rollups, error) {
	columns := append(append([]string{}, sumColumns[:]...), "latency")
	read, err := c.prepare("SELECT " + strings.Join(columns, ", ") + " FROM rollups WHERE " +
		strings.Join(rollupKeyColumns, " = ? AND ") + " = ?")
	if err != nil {
		return nil, err
	}
	columns = append(append([]string{}, rollupKeyColumns...), columns...)
	write, err := c.prepare("INSERT OR REPLACE INTO rollups(" + strings.Join(columns, ", ") + ") VALUES (?" +
		strings.Repeat(", ?", len(columns)-1) + ")")
	if err != nil {
		return nil, err
	}
	r := &rollups{read: read, write: write}
	r.forget()
	r.days, err = newDays(c)
	return r, err
}

func (r *rollups) forget() {
	r.rows, r.dirty = map[rollupKey]*sums{}, map[rollupKey]bool{}
}

// move adds sign × list to the rows.
func (r *rollups) move(list []share, sign int64) error {
	for i := range list {
		row, err := r.row(list[i].key)
		if err != nil {
			return err
		}
		row.add(&list[i].sum, sign)
		r.dirty[list[i].key] = true
	}
	return nil
}

func (r *rollups) row(key rollupKey) (*sums, error) {
	if row, ok := r.rows[key]; ok {
		return row, nil
	}
	row := &sums{}
	err := r.read.with(key.bucket, key.project, key.provider, key.model, key.route, key.client, key.key).
		each(func(v []driver.Value) error { return readSums(v, row) })
	if err != nil {
		return nil, err
	}
	r.rows[key] = row
	return row, nil
}

// flush writes what moved. It belongs into the transaction of the moves.
func (r *rollups) flush() error {
	folded := make(map[int64]bool) // days that change after all
	for key := range r.dirty {
		if key.bucket < r.days.until {
			folded[dayOf(key.bucket)] = true
		}
		row := r.rows[key]
		r.write.with(key.bucket, key.project, key.provider, key.model, key.route, key.client, key.key)
		for _, n := range row.n {
			r.write.add(n)
		}
		r.write.add(row.latency.encode())
		if err := r.write.exec(); err != nil {
			return err
		}
	}
	for day := range folded {
		if err := r.days.refold(day); err != nil {
			return err
		}
	}
	clear(r.dirty)
	if len(r.rows) > cachedRollups {
		clear(r.rows)
	}
	return nil
}

// readSums reads sumColumns and latency.
func readSums(v []driver.Value, into *sums) error {
	r := fields{row: v}
	for i := range into.n {
		into.n[i] = r.int()
	}
	blob := r.blob()
	if r.err != nil {
		return r.err
	}
	return into.latency.decode(blob)
}
