package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"llmgw/providers/price"
)

// SumQuery asks what was done and spent.
type SumQuery struct {
	Since, Until time.Time // exact; Until is exclusive; zero: no bound
	// By are the dimensions of a row: bucket (quarters of an hour), project,
	// provider, model, route, client, key, session, tag.K. None: one row.
	By     []string
	Filter Filter
	Now    time.Time // what since:2h counts from; zero: time.Now

	// WithoutLatency leaves Sum.Latency empty where rollups are added up: SQLite
	// then does it, several times faster.
	WithoutLatency bool
}

// Sum is what was done and spent under one combination of dimensions. Calls
// count at the provider and model that served them (failed ones: tried last)
// at their arrival; attempts, tokens and money where and when each attempt was
// made. So sums over all rows are right whatever the dimensions, and what a
// filter by a dimension adds up is what the rows by it say.
type Sum struct {
	By []string // the values of SumQuery.By, in its order; bucket as RFC 3339 in UTC

	Calls, FailedCalls       int64
	Attempts, FailedAttempts int64 // sent ones

	InputTokens, CachedInputTokens, CacheWriteTokens, OutputTokens, ReasoningTokens int64

	Cost      price.Money // charged, estimates included; unpriced calls are not in it
	Estimated price.Money // part of Cost
	Plan      price.Money // what calls on a subscription would have cost
	Saved     price.Money // what cache hits would have cost

	UnpricedCalls, CacheHits int64

	Latency Latency // of the attempts that were answered
}

// Sums adds up calls and attempts. Whole quarters of an hour come from the
// rollups, whatever the record's size; a filter, session or tag, and what a
// span has beside whole quarters, are added up from the rows. (Where those
// rows are past retention, the whole quarter counts.)
func (r *Reader) Sums(ctx context.Context, q SumQuery) ([]Sum, error) {
	if q.Now.IsZero() {
		q.Now = time.Now()
	}
	f, err := newFold(q.By)
	if err != nil {
		return nil, err
	}
	if !q.Filter.Empty() || f.needsRows {
		err = r.addRows(ctx, f, q, q.Since, q.Until)
	} else {
		err = r.addRollups(ctx, f, q)
	}
	if err != nil {
		return nil, err
	}
	return f.list(), nil
}

// addRollups adds whole quarters from the rollups and the ends from the rows.
func (r *Reader) addRollups(ctx context.Context, f *fold, q SumQuery) error {
	var pruned int64
	err := r.one(ctx, func(row *fields) error {
		pruned = row.int()
		return nil
	}, "SELECT value FROM meta WHERE name = 'pruned_before'")
	if err != nil {
		return err
	}
	since, until := q.Since, q.Until
	if micros(since) <= pruned {
		since = since.Truncate(bucketWidth)
	}
	first, last := since.Add(bucketWidth-1).Truncate(bucketWidth), until.Truncate(bucketWidth)
	if !until.IsZero() && !first.Before(last) {
		return r.addRows(ctx, f, q, since, until)
	}
	from, to := int64(0), int64(math.MaxInt64)
	if !since.IsZero() {
		from = micros(first)
	}
	if !until.IsZero() {
		to = micros(last)
	}
	if q.WithoutLatency {
		err = r.addGroups(ctx, f, q.By, from, to)
	} else {
		err = r.addEachRollup(ctx, f, from, to)
	}
	if err == nil && first.After(since) {
		err = r.addRows(ctx, f, q, since, first)
	}
	if err == nil && until.After(last) {
		err = r.addRows(ctx, f, q, last, until)
	}
	return err
}

func (r *Reader) addEachRollup(ctx context.Context, f *fold, from, to int64) error {
	return r.each(ctx, func(row *fields) error {
		key, s, err := readRollup(row)
		if err == nil {
			f.add(nil, key, &s)
		}
		return err
	}, selectRollups+" WHERE bucket >= ? AND bucket < ?", from, to)
}

// addGroups adds rollups that SQLite has added up by dimensions, of which all
// are columns, without their latencies. Whole days that are folded come from
// rollup_days, unless quarters are asked for.
func (r *Reader) addGroups(ctx context.Context, f *fold, by []string, from, to int64) error {
	quarters := "SELECT " + strings.Join(slices.Concat(by, sumColumns[:]), ", ") + " FROM rollups"
	query, args := quarters+" WHERE bucket >= ? AND bucket < ?", []any{from, to}
	if !slices.Contains(by, "bucket") {
		days := strings.Replace(quarters, "FROM rollups", "FROM rollup_days", 1)
		firstDay, lastDay := ceilDay(from), dayOf(to)
		query = quarters + " WHERE bucket >= ? AND bucket < min(?, ?)" +
			" UNION ALL " + days + " WHERE day >= ? AND day < min(?, " + daysUntil + ")" +
			" UNION ALL " + quarters + " WHERE bucket >= max(?, min(?, " + daysUntil + ")) AND bucket < ?"
		args = []any{from, firstDay, to, firstDay, lastDay, firstDay, lastDay, to}
	}
	query = "SELECT " + strings.Join(slices.Concat(by, sumsOf(sumColumns[:])), ", ") + " FROM (" + query + ")"
	if len(by) > 0 {
		query += " GROUP BY " + strings.Join(by, ", ")
	}
	return r.each(ctx, func(row *fields) error {
		var key rollupKey
		for _, name := range by {
			key.take(name, row)
		}
		var s sums
		for i := range s.n {
			s.n[i] = row.int()
		}
		if row.err == nil {
			f.add(nil, key, &s)
		}
		return row.err
	}, query, args...)
}

// sumsOf is the sums of columns, 0 where there is no row.
func sumsOf(columns []string) []string {
	var out []string
	for _, c := range columns {
		out = append(out, "coalesce(sum("+c+"), 0)")
	}
	return out
}

// take reads the column of that name.
func (k *rollupKey) take(name string, row *fields) {
	if name == "bucket" {
		k.bucket = row.int()
		return
	}
	*map[string]*string{
		"project": &k.project, "provider": &k.provider, "model": &k.model,
		"route": &k.route, "client": &k.client, "key": &k.key,
	}[name] = row.text()
}

// addRows adds what happened from since until until, from the rows.
func (r *Reader) addRows(ctx context.Context, f *fold, q SumQuery, since, until time.Time) error {
	arrived, err := r.arrivedBefore(ctx, since)
	if err != nil {
		return err
	}
	within := func(t time.Time) bool {
		return (since.IsZero() || !t.Before(since)) && (until.IsZero() || t.Before(until))
	}
	add := func(c *Call, left map[int]bool, attempts []*Attempt) {
		list := sharesOf(c, attempts, !left[0] && within(c.StartedAt), func(a *Attempt) bool { return !left[a.N] && within(a.StartedAt) })
		for i := range list {
			f.add(c, list[i].key, &list[i].sum)
		}
	}
	if q.Filter.Empty() && !f.needsTags {
		return r.eachCounted(ctx, arrived, until, func(c *Call, attempts []*Attempt) error {
			add(c, nil, attempts)
			return nil
		})
	}
	rows := Query{Filter: q.Filter, Since: arrived, Until: until, Limit: -1, Ascending: true, Now: q.Now, parts: true}
	return r.EachCall(ctx, rows, func(c CallRow) error {
		attempts := make([]*Attempt, len(c.Attempts))
		for i := range c.Attempts {
			attempts[i] = &c.Attempts[i]
		}
		add(&c.Call, c.left, attempts)
		return nil
	})
}

// arrivedBefore is when the first call can have arrived of which an attempt
// started at t or later.
func (r *Reader) arrivedBefore(ctx context.Context, t time.Time) (time.Time, error) {
	if t.IsZero() {
		return t, nil
	}
	var lag time.Duration
	err := r.one(ctx, func(f *fields) error {
		lag = time.Duration(f.int()) * time.Microsecond
		return nil
	}, "SELECT value FROM meta WHERE name = 'attempt_lag'")
	return t.Add(-lag), err
}

// fold adds up sums under the dimensions of a query.
type fold struct {
	values    []func(c *Call, k *rollupKey) string
	needsRows bool // a dimension is not in the rollups
	needsTags bool // a dimension is a tag
	rows      map[string]*Sum
}

func newFold(by []string) (*fold, error) {
	f := &fold{rows: map[string]*Sum{}}
	for _, name := range by {
		value, needsRow := dimension(name)
		if value == nil {
			return nil, fmt.Errorf("adding up by %q: there is no such dimension", name)
		}
		f.values, f.needsRows = append(f.values, value), f.needsRows || needsRow
		f.needsTags = f.needsTags || strings.HasPrefix(name, "tag.")
	}
	return f, nil
}

// dimension returns how to find the value of a dimension, and whether that
// takes the call itself; nil when there is no such dimension.
func dimension(name string) (value func(c *Call, k *rollupKey) string, needsRow bool) {
	switch name {
	case "bucket":
		return func(_ *Call, k *rollupKey) string { return time.UnixMicro(k.bucket).UTC().Format(time.RFC3339) }, false
	case "project":
		return func(_ *Call, k *rollupKey) string { return k.project }, false
	case "provider":
		return func(_ *Call, k *rollupKey) string { return k.provider }, false
	case "model":
		return func(_ *Call, k *rollupKey) string { return k.model }, false
	case "route":
		return func(_ *Call, k *rollupKey) string { return k.route }, false
	case "client":
		return func(_ *Call, k *rollupKey) string { return k.client }, false
	case "key":
		return func(_ *Call, k *rollupKey) string { return k.key }, false
	case "session":
		return func(c *Call, _ *rollupKey) string { return c.Session }, true
	}
	if tag, ok := strings.CutPrefix(name, "tag."); ok && tag != "" {
		return func(c *Call, _ *rollupKey) string { return c.Tags[tag] }, true
	}
	return nil, false
}

// add adds s, of call c where that is needed, to the row it belongs to.
func (f *fold) add(c *Call, key rollupKey, s *sums) {
	by := make([]string, len(f.values))
	for i, value := range f.values {
		by[i] = value(c, &key)
	}
	name := strings.Join(by, "\x00")
	row := f.rows[name]
	if row == nil {
		row = &Sum{By: by}
		f.rows[name] = row
	}
	row.add(s)
}

func (row *Sum) add(s *sums) {
	for i, into := range [sumCount]*int64{
		sumCalls: &row.Calls, sumFailedCalls: &row.FailedCalls, sumAttempts: &row.Attempts, sumFailedAttempts: &row.FailedAttempts,
		sumInput: &row.InputTokens, sumCachedInput: &row.CachedInputTokens, sumCacheWrite: &row.CacheWriteTokens,
		sumOutput: &row.OutputTokens, sumReasoning: &row.ReasoningTokens,
		sumReported: (*int64)(&row.Cost), sumEstimated: (*int64)(&row.Estimated), sumPlan: (*int64)(&row.Plan), sumSaved: (*int64)(&row.Saved),
		sumUnpriced: &row.UnpricedCalls, sumHits: &row.CacheHits,
	} {
		*into += s.n[i]
	}
	row.Cost += price.Money(s.n[sumEstimated])
	for i, n := range s.latency {
		row.Latency[i] += n
	}
}

// list returns the rows that are not all zero, in the order of their values.
func (f *fold) list() []Sum {
	var out []Sum
	for _, row := range f.rows {
		if row.Calls != 0 || row.Attempts != 0 {
			out = append(out, *row)
		}
	}
	slices.SortFunc(out, func(a, b Sum) int { return slices.Compare(a.By, b.By) })
	return out
}
