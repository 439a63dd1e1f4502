package cmd

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"

	"llmgw/store"
)

// writeOutcome ends the table, or is the whole of the other formats.
func (r *repriceReport) writeOutcome(w io.Writer, format string) error {
	switch {
	case format == "json":
		return r.writeJSON(w)
	case format == "csv":
		return r.writeCSV(w)
	case r.applied == nil:
		return nil
	}
	_, err := fmt.Fprintf(w, "charged %s anew as correction %d\n", count(r.applied.Attempts, "attempt"), r.applied.Correction)
	return err
}

// repriceNumbers are the numbers of a row in JSON.
type repriceNumbers struct {
	Attempts      int64  `json:"attempts"`
	Changed       int64  `json:"changed"`
	WasUSD        string `json:"was_usd"` // of what is known
	WouldBeUSD    string `json:"would_be_usd"`
	DifferenceUSD string `json:"difference_usd"`
	WasUnpriced   int64  `json:"was_unpriced"`
	NowPriced     int64  `json:"now_priced"`
	Unpriced      int64  `json:"unpriced"`   // still
	PriceGone     int64  `json:"price_gone"` // and kept
	PlanWasUSD    string `json:"plan_was_usd"`
	PlanUSD       string `json:"plan_would_be_usd"`
}

func (r *repriceRow) numbers() repriceNumbers {
	return repriceNumbers{
		r.attempts, r.changed, r.was.cost.String(), r.is.cost.String(), r.difference().String(), r.was.unpriced, r.nowPriced, r.is.unpriced,
		r.gone, r.was.plan.String(), r.is.plan.String(),
	}
}

type repriceReason struct {
	Attempts int64  `json:"attempts"`
	Why      string `json:"why"`
}

type repriceRowJSON struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	repriceNumbers
	Reasons []repriceReason `json:"reasons"`
}

type correctionJSON struct {
	Correction int64   `json:"correction"`
	At         *string `json:"at"`
	FinishedAt *string `json:"finished_at"`
	Who        *string `json:"who"`
	What       string  `json:"what"`
	Attempts   int64   `json:"attempts"`
	WasUSD     string  `json:"was_usd"`
	BecameUSD  string  `json:"became_usd"`
}

func (r *repriceReport) writeJSON(w io.Writer) error {
	rows, earlier := []repriceRowJSON{}, []correctionJSON{}
	for _, row := range r.rows {
		reasons := []repriceReason{}
		for _, why := range slices.Sorted(maps.Keys(row.reasons)) {
			reasons = append(reasons, repriceReason{row.reasons[why], why})
		}
		rows = append(rows, repriceRowJSON{row.provider, row.model, row.numbers(), reasons})
	}
	for _, c := range r.earlier {
		earlier = append(earlier, correctionJSON{c.N, jsonTime(c.At), jsonTime(c.Finished), textOrNull(c.Who), c.What, c.Attempts, c.Was.String(), c.Became.String()})
	}
	return writeSafeJSON(w, struct {
		Since     *string          `json:"since"`
		Until     *string          `json:"until"`
		Currency  string           `json:"currency"`
		Rows      []repriceRowJSON `json:"rows"`
		Totals    repriceNumbers   `json:"totals"`
		Untouched map[string]int64 `json:"untouched"`
		Earlier   []correctionJSON `json:"earlier"`
		Applied   *appliedReprice  `json:"applied"`
	}{jsonTime(r.query.since), jsonTime(r.query.until), "USD", rows, r.total.numbers(), r.untouched, earlier, r.applied})
}

func (r *repriceReport) writeCSV(w io.Writer) error {
	lines := [][]string{{"provider", "model", "attempts", "changed", "was_usd", "would_be_usd", "difference_usd",
		"was_unpriced", "now_priced", "unpriced", "price_gone", "plan_was_usd", "plan_would_be_usd"}}
	for _, row := range r.rows {
		n := row.numbers()
		line := []string{store.Clean(row.provider), store.Clean(row.model)}
		for _, v := range []any{
			n.Attempts, n.Changed, n.WasUSD, n.WouldBeUSD, n.DifferenceUSD, n.WasUnpriced, n.NowPriced, n.Unpriced, n.PriceGone, n.PlanWasUSD, n.PlanUSD,
		} {
			line = append(line, fmt.Sprint(v))
		}
		lines = append(lines, line)
	}
	return csv.NewWriter(w).WriteAll(lines)
}
