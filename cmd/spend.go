package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llmgw/store"
)

// spendFlags are the flags of `llmgw spend`.
type spendFlags struct {
	since, until, by, where, format string
	caps, check, reprice, yes       bool
	reconcile                       string
}

func newSpendCommand(g *globals) *cobra.Command {
	var f spendFlags
	c := &cobra.Command{
		Use:   "spend",
		Short: "Add up what calls cost, and check it",
		Long: "Add up what calls cost, and check it.\n\n" +
			"A call counts when it has ended, at the provider and model that served it (a failed\n" +
			"one: that were tried last). Attempts, tokens and money count where and when each\n" +
			"attempt was made. Days are local ones. --where goes by the same: provider:openai selects\n" +
			"what was tried there and the calls that count there, as the row of --by provider.\n\n" +
			"--check recomputes every attempt on record from its usage and its frozen price, and\n" +
			"compares rows with calls, with rollups and with what the caps of a running llmgw say.\n\n" +
			"--reprice shows what the attempts made in the span would cost at today's prices and,\n" +
			"confirmed, charges them so: rows, sums and caps together, with a note of what was before.\n\n" +
			"--reconcile compares a span with what a provider says was used or charged, by day (UTC)\n" +
			"and model: exports of OpenAI, Anthropic and OpenRouter, CSV or JSON.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.spend(c.Context(), f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.since, "since", "", "from `TIME` on: today, yesterday, 2026-11-01, 7d, 2h (default today; with --until, --check, --reprice and --reconcile all there is)")
	flags.StringVar(&f.until, "until", "", "before `TIME`")
	flags.StringVar(&f.by, "by", defaultBy, "a row for each of these `KEYS`, in this order: "+strings.Join(spendKeys, ",")+",tag.NAME")
	flags.StringVar(&f.where, "where", "", "only what matches `FILTER`, such as \"provider:openai tag.team:ml\"")
	flags.BoolVar(&f.caps, "caps", false, "how the caps stand, what they hold and for which calls")
	flags.BoolVar(&f.check, "check", false, "look for costs that are not what usage and prices say; exit 3 if there are any")
	flags.BoolVar(&f.reprice, "reprice", false, "what the span would cost at today's prices; asks before it changes anything")
	flags.BoolVar(&f.yes, "yes", false, "with --reprice: change it without asking")
	flags.StringVar(&f.reconcile, "reconcile", "", "compare with a provider's export in `FILE`, - for standard input; exit 3 if more than 1 % apart")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table, json or csv")
	return c
}

// defaultBy is the --by of who gives none.
const defaultBy = "model"

// validate refuses what does not go together.
func (f *spendFlags) validate() error {
	switch {
	case !slices.Contains([]string{"table", "json", "csv"}, f.format):
		return usagef("", "--format: %q is none of table, json, csv", f.format)
	case f.check && (f.caps || f.where != "" || f.by != defaultBy):
		return usagef("only --since, --until and --format go with it", "--check looks at all calls and adds up no rows")
	case f.check && f.format == "csv":
		return usagef("use table or json", "--check has no csv")
	case f.check && (f.reprice || f.reconcile != "") || f.reprice && f.reconcile != "":
		return usagef("", "only one of --check, --reprice and --reconcile at a time")
	case (f.reprice || f.reconcile != "") && (f.caps || f.by != defaultBy):
		return usagef("only --since, --until, --where and --format go with it", "--reprice and --reconcile have rows of their own")
	case f.yes && !f.reprice:
		return usagef("", "--yes is for --reprice")
	}
	return nil
}

func (g *globals) spend(ctx context.Context, f spendFlags) error {
	if err := f.validate(); err != nil {
		return err
	}
	now := time.Now()
	if f.reconcile != "" {
		now = now.UTC() // providers' days are
	}
	q, err := f.query(now)
	if err != nil {
		return err
	}
	path, err := g.database()
	if err != nil {
		return err
	}
	r, err := store.OpenReader(path)
	if err != nil {
		return err
	}
	defer r.Close()
	switch {
	case f.check:
		return g.checkSpend(ctx, r, f, q)
	case f.reprice:
		return g.repriceSpend(ctx, r, f, q)
	case f.reconcile != "":
		return g.reconcileSpend(ctx, r, f, q)
	}
	report, err := addUpSpend(ctx, r, q)
	if err != nil {
		return err
	}
	if f.caps || f.format == "json" {
		if report.caps, err = g.readCaps(ctx, r, q.now); err != nil {
			return err
		}
	}
	return g.printSpend(ctx, r, f, report)
}

// printSpend writes the report in the format asked for.
func (g *globals) printSpend(ctx context.Context, r *store.Reader, f spendFlags, report *spendReport) error {
	if err := g.sayWhatIsGone(ctx, r, report.query); err != nil {
		return err
	}
	switch {
	case f.format == "json":
		return report.writeJSON(g.stdout)
	case f.format == "csv" && f.caps:
		return report.caps.writeCSV(g.stdout)
	case f.format == "csv":
		return report.writeCSV(g.stdout)
	case f.caps:
		if err := report.caps.writeTable(g.stdout, screenOf(g.stdout), report.query.now); err != nil {
			return err
		}
	}
	return report.writeTable(g.stdout, screenOf(g.stdout), f)
}

// sayWhatIsGone warns of a span that reaches back to rows past retention, where
// only rows can answer.
func (g *globals) sayWhatIsGone(ctx context.Context, r *store.Reader, q spendQuery) error {
	if !q.needsRows() {
		return nil // rollups stay
	}
	pruned, err := r.PrunedBefore(ctx)
	if err == nil && q.since.Before(pruned) {
		g.say("calls up to %s are past retention and may be missing here: --where, session and tags look at single calls", pruned.Local().Format(time.DateTime))
	}
	return err
}

// spendQuery is what the flags ask for.
type spendQuery struct {
	since, until time.Time // zero until: no bound
	by           []string
	filter       store.Filter
	now          time.Time
}

// query reads the flags.
func (f *spendFlags) query(now time.Time) (spendQuery, error) {
	q := spendQuery{now: now}
	since := f.since
	if since == "" && f.until == "" && !f.check && !f.reprice && f.reconcile == "" {
		since = "today"
	}
	var err error
	if q.since, q.until, err = span(since, f.until, now); err != nil {
		return q, err
	}
	if q.by, err = parseBy(f.by); err != nil {
		return q, err
	}
	if q.filter, err = store.ParseFilter(f.where); err != nil {
		return q, &usageError{err, hint(err)}
	}
	return q, nil
}

// byDay is the key that is not one of the store's dimensions.
const byDay = "day"

// spendKeys are what rows can be told apart by, but for tags.
var spendKeys = []string{byDay, "provider", "model", "project", "route", "client", "key", "session"}

func parseBy(text string) ([]string, error) {
	var by []string
	for key := range strings.SplitSeq(text, ",") {
		key = strings.TrimSpace(key)
		tag, isTag := strings.CutPrefix(key, "tag.")
		if !slices.Contains(spendKeys, key) && (!isTag || tag == "") {
			return nil, usagef("it takes "+strings.Join(spendKeys, ", ")+" and tag.NAME, separated by commas", "--by: there is no key %q", key)
		}
		if slices.Contains(by, key) {
			return nil, usagef("", "--by: %q is there twice", key)
		}
		by = append(by, key)
	}
	return by, nil
}

// dimensions are the keys that the store tells apart.
func (q *spendQuery) dimensions() []string {
	return slices.DeleteFunc(slices.Clone(q.by), func(key string) bool { return key == byDay })
}

// needsRows tells whether rollups cannot answer.
func (q *spendQuery) needsRows() bool {
	return !q.filter.Empty() || slices.ContainsFunc(q.by, func(key string) bool {
		return key == "session" || strings.HasPrefix(key, "tag.")
	})
}

// addUpSpend asks the store, a day at a time where days are asked for.
func addUpSpend(ctx context.Context, r *store.Reader, q spendQuery) (*spendReport, error) {
	report := &spendReport{query: q}
	spans, err := q.spans(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, s := range spans {
		sums, err := r.Sums(ctx, store.SumQuery{
			Since: s.since, Until: s.until, By: q.dimensions(), Filter: q.filter, Now: q.now, WithoutLatency: true,
		})
		if err != nil {
			return nil, fmt.Errorf("adding up: %w", err)
		}
		for _, sum := range sums {
			report.add(s.day, sum)
		}
	}
	report.order()
	report.overruns, err = r.Overruns(ctx, store.SumQuery{Since: q.since, Until: q.until, Filter: q.filter, Now: q.now})
	return report, err
}

// daySpan is a stretch of time; day is empty where days don't matter.
type daySpan struct {
	day          string
	since, until time.Time
}

// spans are the local days of the query, or the whole of it.
func (q *spendQuery) spans(ctx context.Context, r *store.Reader) ([]daySpan, error) {
	if !slices.Contains(q.by, byDay) {
		return []daySpan{{"", q.since, q.until}}, nil
	}
	first, last, err := r.SpendSpan(ctx)
	if err != nil || first.IsZero() {
		return nil, err
	}
	since, until := q.since, q.until
	if since.Before(first) {
		since = first
	}
	if until.IsZero() || until.After(last) {
		until = last
	}
	return localDays(since.In(q.now.Location()), until), nil
}

// localDays cuts a span where local days begin, in since's zone.
func localDays(since, until time.Time) []daySpan {
	var days []daySpan
	for since.Before(until) {
		next := store.NextDay(since)
		days = append(days, daySpan{since.Format(time.DateOnly), since, earlier(next, until)})
		since = next
	}
	return days
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
