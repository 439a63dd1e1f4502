package cmd

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// spendReport is what was spent, in rows.
type spendReport struct {
	query spendQuery
	rows  []spendRow
	total spendRow // without keys
	caps  *capsReport

	overruns store.Overruns
}

// spendRow is what was spent under one combination of keys.
type spendRow struct {
	names  []string // the keys, which the report shares
	values []string
	sum    store.Sum
}

// add adds a row of the store, which knows no days.
func (s *spendReport) add(day string, sum store.Sum) {
	row := spendRow{names: s.query.by, sum: sum}
	next := 0
	for _, key := range s.query.by {
		if key == byDay {
			row.values = append(row.values, day)
			continue
		}
		row.values = append(row.values, sum.By[next])
		next++
	}
	s.rows = append(s.rows, row)
	s.total.add(&sum)
}

// add adds another sum.
func (r *spendRow) add(o *store.Sum) {
	s := &r.sum
	for _, pair := range [...]struct{ into, from *int64 }{
		{&s.Calls, &o.Calls}, {&s.FailedCalls, &o.FailedCalls}, {&s.Attempts, &o.Attempts}, {&s.FailedAttempts, &o.FailedAttempts},
		{&s.InputTokens, &o.InputTokens}, {&s.CachedInputTokens, &o.CachedInputTokens}, {&s.CacheWriteTokens, &o.CacheWriteTokens},
		{&s.OutputTokens, &o.OutputTokens}, {&s.ReasoningTokens, &o.ReasoningTokens},
		{(*int64)(&s.Cost), (*int64)(&o.Cost)}, {(*int64)(&s.Estimated), (*int64)(&o.Estimated)},
		{(*int64)(&s.Plan), (*int64)(&o.Plan)}, {(*int64)(&s.Saved), (*int64)(&o.Saved)},
		{&s.UnpricedCalls, &o.UnpricedCalls}, {&s.CacheHits, &o.CacheHits},
	} {
		*pair.into += *pair.from
	}
}

// order sorts by day where days come first, so that they read as a history,
// and else what costs most to the top.
func (s *spendReport) order() {
	history := len(s.query.by) > 0 && s.query.by[0] == byDay
	slices.SortStableFunc(s.rows, func(a, b spendRow) int {
		if history && a.values[0] != b.values[0] {
			return strings.Compare(a.values[0], b.values[0])
		}
		return cmp.Or(cmp.Compare(b.sum.Cost, a.sum.Cost), slices.Compare(a.values, b.values))
	})
}

// spendNumbers are the members of a row after its keys: a contract.
type spendNumbers struct {
	Calls             int64  `json:"calls"`
	Attempts          int64  `json:"attempts"`
	InputTokens       int64  `json:"input_tokens"`
	CachedInputTokens int64  `json:"cached_input_tokens"`
	CacheWriteTokens  int64  `json:"cache_write_tokens"`
	OutputTokens      int64  `json:"output_tokens"`
	ReasoningTokens   int64  `json:"reasoning_tokens"`
	CostUSD           string `json:"cost_usd"`
	EstimatedUSD      string `json:"estimated_usd"`
	PlanUSD           string `json:"plan_usd"`
	UnpricedCalls     int64  `json:"unpriced_calls"`
	CacheHits         int64  `json:"cache_hits"`
	SavedUSD          string `json:"saved_usd"`
	FailedCalls       int64  `json:"failed_calls"`
	FailedAttempts    int64  `json:"failed_attempts"`
}

func (r *spendRow) numbers() spendNumbers {
	s := &r.sum
	return spendNumbers{
		Calls: s.Calls, Attempts: s.Attempts,
		InputTokens: s.InputTokens, CachedInputTokens: s.CachedInputTokens, CacheWriteTokens: s.CacheWriteTokens,
		OutputTokens: s.OutputTokens, ReasoningTokens: s.ReasoningTokens,
		CostUSD: s.Cost.String(), EstimatedUSD: s.Estimated.String(), PlanUSD: s.Plan.String(),
		UnpricedCalls: s.UnpricedCalls, CacheHits: s.CacheHits, SavedUSD: s.Saved.String(),
		FailedCalls: s.FailedCalls, FailedAttempts: s.FailedAttempts,
	}
}

// MarshalJSON writes the keys in the order of --by and then the numbers. A key
// without a value is null.
func (r spendRow) MarshalJSON() ([]byte, error) {
	out := []byte("{")
	for i, name := range r.names {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(textOrNull(r.values[i]))
		if err != nil {
			return nil, err
		}
		out = append(append(append(append(out, key...), ':'), value...), ',')
	}
	numbers, err := json.Marshal(r.numbers())
	return append(out, numbers[1:]...), err
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// jsonTime is how JSON has times: RFC 3339, UTC, microseconds; null for zero.
func jsonTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	return &text
}

func (s *spendReport) writeJSON(w io.Writer) error {
	rows := s.rows
	if rows == nil {
		rows = []spendRow{}
	}
	return writeSafeJSON(w, struct {
		Since    *string      `json:"since"`
		Until    *string      `json:"until"`
		Currency string       `json:"currency"`
		TotalUSD string       `json:"total_usd"`
		Rows     []spendRow   `json:"rows"`
		Totals   spendNumbers `json:"totals"`

		OverrunCalls int64  `json:"overrun_calls"` // that cost more than a hard cap held for them
		OverrunUSD   string `json:"overrun_usd"`   // by which they did
		*capsReport
	}{
		jsonTime(s.query.since), jsonTime(s.query.until), "USD", s.total.sum.Cost.String(), rows, s.total.numbers(),
		s.overruns.Calls, s.overruns.Cost.String(), s.caps,
	})
}

// writeSafeJSON writes JSON for people and programs.
func writeSafeJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(safeJSON(text), '\n'))
	return err
}

// spendColumns are the numbers of a row in CSV.
var spendColumns = []string{
	"calls", "attempts", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
	"cost_usd", "estimated_usd", "plan_usd", "unpriced_calls", "cache_hits", "saved_usd", "failed_calls", "failed_attempts",
}

func (s *spendReport) writeCSV(w io.Writer) error {
	lines := [][]string{slices.Concat(s.query.by, spendColumns)}
	for i := range s.rows {
		var line []string
		for _, v := range s.rows[i].values {
			line = append(line, store.Clean(v))
		}
		lines = append(lines, append(line, s.rows[i].cells()...))
	}
	return csv.NewWriter(w).WriteAll(lines)
}

// cells are the numbers in the order of spendColumns.
func (r *spendRow) cells() []string {
	s := &r.sum
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{
		count(s.Calls), count(s.Attempts), count(s.InputTokens), count(s.CachedInputTokens), count(s.CacheWriteTokens),
		count(s.OutputTokens), count(s.ReasoningTokens), s.Cost.String(), s.Estimated.String(), s.Plan.String(),
		count(s.UnpricedCalls), count(s.CacheHits), s.Saved.String(), count(s.FailedCalls), count(s.FailedAttempts),
	}
}

// amountText is an exact amount for JSON, nil when unknown.
func amountText(a price.Amount) *string {
	if !a.Known {
		return nil
	}
	text := a.Money.String()
	return &text
}
