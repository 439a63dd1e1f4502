package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// reconcileSpend compares what is on record with what a provider's export says,
// by UTC day and model.
func (g *globals) reconcileSpend(ctx context.Context, r *store.Reader, f spendFlags, q spendQuery) error {
	text, err := readBounded(f.reconcile)
	if err != nil {
		return err
	}
	e, err := readExport(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.reconcile, err)
	}
	c, err := g.load()
	if err != nil {
		return err
	}
	book, err := c.priceBook(r.Path())
	if err != nil {
		return err
	}
	rec, err := newReconciliation(e, q, book, c.providersAt(e.service))
	if err != nil {
		return err
	}
	if err := rec.read(ctx, r); err != nil {
		return fmt.Errorf("adding up the record: %w", err)
	}
	report := rec.report()
	switch f.format {
	case "json":
		err = report.writeJSON(g.stdout)
	case "csv":
		err = report.writeCSV(g.stdout)
	default:
		err = report.writeTable(g.stdout, screenOf(g.stdout))
	}
	if err == nil && report.off > 0 {
		err = &checkError{fmt.Sprintf("%s of %d differ by more than %d %%", count(int64(report.off), "row"), len(report.rows), tolerance)}
	}
	return err
}

// readBounded reads a file, or standard input for "-".
func readBounded(name string) (text []byte, err error) {
	from := os.Stdin
	if name != "-" {
		if from, err = os.Open(name); err != nil {
			return nil, err
		}
		defer from.Close()
	}
	text, err = io.ReadAll(io.LimitReader(from, maxExport+1))
	if err == nil && len(text) > maxExport {
		err = &exportError{fmt.Sprintf("%s is larger than %s", name, formatSize(maxExport)), "export a shorter span"}
	}
	return text, err
}

// providersAt are the names of the configured providers that are at a service,
// by their address, and the service's own name.
func (f *file) providersAt(service string) []string {
	hosts := map[string]string{}
	for _, p := range providers.Presets() {
		if u, err := url.Parse(p.BaseURL); err == nil {
			hosts[u.Host] = p.Name
		}
	}
	names := []string{service}
	for _, p := range f.Providers {
		u, err := url.Parse(p.BaseURL)
		if err == nil && hosts[u.Host] == service && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// reconciliation brings both sides together.
type reconciliation struct {
	export    *usageExport
	query     spendQuery
	book      *price.Book
	providers []string // whose attempts are compared
	rows      map[dayModel]*reconcileRow
	since     time.Time // whole UTC days
	until     time.Time
	pruned    time.Time
	measured  []measure        // that the export counts
	elsewhere map[string]int64 // attempts at providers that are not compared
}

type dayModel struct{ day, model string }

// reconcileRow is one day and model.
type reconcileRow struct {
	dayModel
	recorded, exported measures
	inRecord, inExport bool
	facts              rowFacts
	cause              string
	apart              [measureCount]bool // by more than the tolerance
}

// rowFacts are what the record knows of a row beside its sums.
type rowFacts struct {
	uncounted, estimated, unpriced, running, plan, overMidnight int64
	batch                                                       bool // the export has batch calls
}

func newReconciliation(e *usageExport, q spendQuery, book *price.Book, names []string) (*reconciliation, error) {
	since, until, err := e.span()
	if err != nil {
		return nil, err
	}
	c := &reconciliation{export: e, query: q, book: book, providers: names, rows: map[dayModel]*reconcileRow{}, since: since, until: until, elsewhere: map[string]int64{}}
	c.narrow()
	if !c.since.Before(c.until) {
		return nil, &exportError{
			fmt.Sprintf("%s covers %s to %s, no whole day of which is in the span", e.layout, since.Format(time.DateOnly), until.AddDate(0, 0, -1).Format(time.DateOnly)),
			"leave --since and --until out to compare all that the export covers",
		}
	}
	for i := range e.rows {
		if err := c.addExported(&e.rows[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", e.layout, err)
		}
	}
	return c, nil
}

// narrow keeps the whole UTC days between --since and --until.
func (c *reconciliation) narrow() {
	const day = 24 * time.Hour
	if first := c.query.since.UTC(); first.After(c.since) {
		c.since = first.Add(day - time.Nanosecond).Truncate(day)
	}
	if last := c.query.until.UTC(); !c.query.until.IsZero() && last.Before(c.until) {
		c.until = last.Truncate(day)
	}
}

// row is the row of a day and a model, as both sides call it.
func (c *reconciliation) row(day, model string) *reconcileRow {
	key := dayModel{day, model}
	if c.rows[key] == nil {
		c.rows[key] = newReconcileRow(key)
	}
	return c.rows[key]
}

// newReconcileRow is a row to which nothing was added.
func newReconcileRow(key dayModel) *reconcileRow {
	row := &reconcileRow{dayModel: key}
	for i := range row.recorded {
		row.recorded[i], row.exported[i] = llm.Tokens(0), llm.Tokens(0)
	}
	return row
}

func (c *reconciliation) addExported(r *exportRow) error {
	at, err := time.Parse(time.DateOnly, r.day)
	if err != nil || at.Before(c.since) || !at.Before(c.until) {
		return err
	}
	model, _ := c.fold(r.model, at)
	row := c.row(r.day, model)
	row.inExport, row.facts.batch = true, row.facts.batch || r.batch
	return row.exported.add(&r.used)
}

// fold is the name under which a model of any of its names is compared: the
// price book's, where it knows it.
func (c *reconciliation) fold(name string, at time.Time) (model string, known bool) {
	if p, ok := c.book.Lookup(c.export.service, name, at); ok {
		return strings.ToLower(p.Model), true
	}
	return strings.ToLower(name), false
}

// recordedModel is the model of an attempt: as the answer called it, which is
// what a provider charges for, where that is known.
func (c *reconciliation) recordedModel(a *store.Attempt) string {
	if !c.export.byModel {
		return ""
	}
	if model, known := c.fold(a.ModelReported, a.StartedAt); known {
		return model
	}
	if model, known := c.fold(a.Model, a.StartedAt); known {
		return model
	}
	return strings.ToLower(cmp.Or(a.ModelReported, a.Model))
}

// read adds up the record.
func (c *reconciliation) read(ctx context.Context, r *store.Reader) (err error) {
	if c.pruned, err = r.PrunedBefore(ctx); err != nil {
		return err
	}
	q := store.Query{Filter: c.query.filter, Since: c.since, Until: c.until, Now: c.query.now}
	return r.EachAttempt(ctx, q, func(_ *store.CallRow, a *store.Attempt) error {
		if !a.Sent() {
			return nil
		}
		if !slices.Contains(c.providers, a.Provider) {
			c.elsewhere[a.Provider]++
			return nil
		}
		return c.addAttempt(a)
	})
}

func (c *reconciliation) addAttempt(a *store.Attempt) error {
	billed := a.Charged() && (a.CostSource != store.CostFree || a.Repriceable())
	if !billed && a.Outcome != store.OutcomeRunning {
		return nil // refused, or at an endpoint that costs nothing
	}
	row := c.row(a.StartedAt.UTC().Format(time.DateOnly), c.recordedModel(a))
	row.inRecord = true
	facts := &row.facts
	switch {
	case a.Outcome == store.OutcomeRunning:
		facts.running++
		return nil
	case a.CostSource == store.CostPlan:
		facts.plan++ // on the subscription's bill, not on this one
		return nil
	case a.CostSource == store.CostEstimated:
		facts.estimated++
	case a.CostSource == store.CostUnpriced:
		facts.unpriced++
	}
	if a.Duration > 0 && a.StartedAt.Add(a.Duration).UTC().Day() != a.StartedAt.UTC().Day() {
		facts.overMidnight++
	}
	if !a.Usage.Known() {
		facts.uncounted++
	}
	return row.recorded.add(usedBy(a))
}

// usedBy is what an attempt used, as far as it counts: a cost that nobody knows
// is not in a sum, and neither are tokens; parts of the input and output that
// a provider does not report make the row's unknown.
func usedBy(a *store.Attempt) *measures {
	u := &a.Usage
	m := measures{
		requests: llm.Tokens(1), inputTokens: llm.Tokens(u.Input.Or(0)), outputTokens: llm.Tokens(u.Output.Or(0)),
		cachedTokens: u.CachedInput, cacheWriteTokens: u.CacheWrite, reasoningTokens: u.Reasoning, costUSD: llm.Tokens(0),
	}
	if a.Cost.Known {
		m[costUSD].N = int64(a.Cost.Money)
	}
	return &m
}
