package cmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"llmgw/providers/price"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// spendCheck is what `llmgw spend --check` found, as JSON has it.
type spendCheck struct {
	Since    *string      `json:"since"` // of the first call looked at
	Calls    int64        `json:"calls"`
	Attempts int64        `json:"attempts"` // charged ones, recomputed
	Caps     int          `json:"caps"`     // compared
	Skipped  []string     `json:"skipped"`  // what could not be compared, and why
	Findings []findingRow `json:"findings"`
}

type findingRow struct {
	Kind        store.FindingKind `json:"kind"`
	Call        *string           `json:"call"`
	N           *int              `json:"n"` // of the attempt
	Text        string            `json:"text"`
	RecordedUSD *string           `json:"recorded_usd"`
	ComputedUSD *string           `json:"computed_usd"`
}

// checkSpend compares what the record says with what it follows from.
func (g *globals) checkSpend(ctx context.Context, r *store.Reader, f spendFlags, q spendQuery) error {
	check := &spendCheck{Skipped: []string{}, Findings: []findingRow{}}
	file, err := g.load()
	if err != nil {
		return err
	}
	done, err := r.Audit(ctx, q.since, q.until, func(f store.Finding) error {
		if expected, err := onlyExpected(ctx, r, file.caps(), f); expected || err != nil {
			return err
		}
		return check.add(f)
	})
	if err == nil {
		err = r.AuditRollups(ctx, check.add)
	}
	if err == nil && len(file.Caps) > 0 {
		err = checkCaps(ctx, r, file.caps(), check)
	}
	if err != nil {
		return fmt.Errorf("checking: %w", err)
	}
	check.Since, check.Calls, check.Attempts = jsonTime(done.Since), done.Calls, done.Attempts
	if f.format == "json" {
		err = writeSafeJSON(g.stdout, check)
	} else {
		err = check.writeLines(g)
	}
	if err == nil && len(check.Findings) > 0 {
		err = &checkError{count(int64(len(check.Findings)), "difference") + " in " + r.Path()}
	}
	return err
}

// add notes one finding.
func (c *spendCheck) add(f store.Finding) error {
	row := findingRow{
		Kind: f.Kind, Call: textOrNull(f.Call), Text: f.Text,
		RecordedUSD: amountText(f.Recorded), ComputedUSD: amountText(f.Computed),
	}
	if f.N > 0 {
		row.N = &f.N
	}
	c.Findings = append(c.Findings, row)
	return nil
}

// writeLines is a line for each finding and one for what was looked at.
func (c *spendCheck) writeLines(g *globals) error {
	for i := range c.Findings {
		if _, err := fmt.Fprintln(g.stdout, store.Clean(c.Findings[i].line())); err != nil {
			return err
		}
	}
	for _, why := range c.Skipped {
		if _, err := fmt.Fprintln(g.stdout, store.Clean("not compared: "+why)); err != nil {
			return err
		}
	}
	word := "ok"
	if len(c.Findings) > 0 {
		word = count(int64(len(c.Findings)), "difference")
	}
	_, err := fmt.Fprintf(g.stdout, "%s: recomputed %s of %s, added up all rollups whose rows are held, compared %s\n", word,
		count(c.Attempts, "charged attempt"), count(c.Calls, "call"), count(int64(c.Caps), "cap"))
	return err
}

func (f *findingRow) line() string {
	where := ""
	if f.Call != nil {
		where = "call " + *f.Call
	}
	if f.N != nil {
		where += " attempt " + strconv.Itoa(*f.N)
	}
	switch f.Kind {
	case store.FindingRollup: // it names its place itself
		return f.Text
	case store.FindingCap:
		return "cap " + f.Text
	case store.FindingOverrun:
		where += ": overrun"
	}
	return where + ": " + f.Text
}

// onlyExpected tells whether an overrun is none: of the attempt was held what it
// would likely cost, since every cap that counts it has enforce = "expected".
func onlyExpected(ctx context.Context, r *store.Reader, configured []caps.Config, f store.Finding) (bool, error) {
	if f.Kind != store.FindingOverrun {
		return false, nil
	}
	call, err := r.Find(ctx, f.Call)
	if err != nil {
		return false, err
	}
	expected := false
	for i := range call.Attempts {
		a := &call.Attempts[i]
		if a.N != f.N {
			continue
		}
		s := caps.Scope{
			Project: call.Project, Provider: a.Provider, Model: a.Model, Route: call.Route, Client: call.Client, Key: call.Key, Session: call.Session,
		}
		for _, c := range configured {
			switch counts := c.Match.Counts(s); {
			case counts && c.Enforce == caps.EnforceHard:
				return false, nil
			case counts:
				expected = true
			}
		}
	}
	return expected, nil
}

// checkCaps compares what the caps of the running server have spent with what
// the record says of their windows. The server is asked twice, since a call
// that ends in between is in one of the two only.
func checkCaps(ctx context.Context, r *store.Reader, configured []caps.Config, check *spendCheck) error {
	before, silent := askCaps(ctx, r)
	computed, err := recordedCaps(ctx, r, configured, time.Now())
	if err == nil {
		err = check.aboveLimit(configured, computed)
	}
	if err != nil {
		return err
	}
	if silent != nil {
		check.Skipped = append(check.Skipped, fmt.Sprintf("caps: %v", silent))
		return nil
	}
	after, err := askCaps(ctx, r)
	if err != nil {
		return fmt.Errorf("asking how the caps stand: %w", err)
	}
	return check.compareCaps(configured, byName(before), byName(computed), after)
}

// aboveLimit reports the hard caps that have spent more than they allow although
// no attempt was found that cost more than was held for it.
func (c *spendCheck) aboveLimit(configured []caps.Config, computed []caps.Status) error {
	if slices.ContainsFunc(c.Findings, func(f findingRow) bool { return f.Kind == store.FindingOverrun }) {
		return nil
	}
	hard := map[string]bool{}
	for _, one := range configured {
		hard[one.Name] = one.Enforce == caps.EnforceHard && one.Action != caps.ActionWarn
	}
	for i := range computed {
		s := &computed[i]
		if s.Spent <= s.Limit || !hard[s.Name] {
			continue
		}
		err := c.add(store.Finding{
			Kind: store.FindingCap, Recorded: price.Of(s.Spent), Computed: price.Of(s.Limit),
			Text: fmt.Sprintf("%s has spent $%s of the $%s that it allows, and no overrun explains it: is the cap younger than the calls, or was it lowered?", nameOf(s), s.Spent, s.Limit),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// compareCaps compares the caps that were not charged between before and after.
func (c *spendCheck) compareCaps(configured []caps.Config, before, computed map[capName]caps.Status, after []caps.Status) error {
	rolling := map[string]bool{}
	for _, one := range configured {
		rolling[one.Name] = one.Per == caps.PerRolling
	}
	for i := range after {
		now, name := &after[i], nameOf(&after[i])
		old, known := before[name]
		if !known || old.Spent != now.Spent || !rolling[name.cap] && !old.WindowStart.Equal(now.WindowStart) {
			c.Skipped = append(c.Skipped, "cap "+name.String()+": it was charged meanwhile")
			continue
		}
		c.Caps++
		if f, wrong := compareCap(now, computed[name].Spent, rolling[name.cap]); wrong {
			if err := c.add(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// capName names a cap, or one value of its each.
type capName struct{ cap, each string }

// String is the cap's name, with the value of its each where it has one.
func (n capName) String() string {
	if n.each == "" {
		return n.cap
	}
	return n.cap + " " + n.each
}

func nameOf(s *caps.Status) capName { return capName{s.Name, s.Each} }

func byName(all []caps.Status) map[capName]caps.Status {
	named := map[capName]caps.Status{}
	for i := range all {
		named[nameOf(&all[i])] = all[i]
	}
	return named
}

// compareCap compares what a cap has spent with what the record says. A rolling
// window that was rebuilt from rollups may forget up to a quarter of an hour
// late, never early.
func compareCap(said *caps.Status, computed price.Money, rolling bool) (store.Finding, bool) {
	if said.Spent == computed || rolling && said.Spent > computed {
		return store.Finding{}, false
	}
	return store.Finding{
		Kind: store.FindingCap, Recorded: price.Of(said.Spent), Computed: price.Of(computed),
		Text: fmt.Sprintf("%s has spent $%s, by the record it is $%s", nameOf(said), said.Spent, computed),
	}, true
}

func askCaps(ctx context.Context, r *store.Reader) ([]caps.Status, error) {
	text, err := store.SendCommand(ctx, r.Path(), capsState, nil)
	if err != nil {
		return nil, err
	}
	report, err := newCapsReport([]byte(text), capsFromServer, time.Time{})
	if err != nil {
		return nil, err
	}
	return report.statuses, nil
}

// recordedCaps is how the caps would stand had they been told of every row.
func recordedCaps(ctx context.Context, r *store.Reader, configured []caps.Config, now time.Time) ([]caps.Status, error) {
	ledger, err := caps.New(configured, now)
	if err != nil {
		return nil, err
	}
	since, total := ledger.Since(now)
	var entries []caps.Entry
	err = r.EachCharge(ctx, since, func(c store.Charge) error {
		entries = append(entries, caps.Entry{At: c.At, Amount: c.Amount.Money, Scope: caps.Scope{
			Project: c.Project, Provider: c.Provider, Model: c.Model, Route: c.Route, Client: c.Client, Key: c.Key, Session: c.Session,
		}})
		return nil
	})
	if err == nil && total {
		err = addBefore(ctx, r, since, &entries)
	}
	if err != nil {
		return nil, err
	}
	ledger.Restore(entries, now)
	return ledger.Snapshot(now), nil
}

// addBefore adds all that was spent before since, for caps without a window.
// Rollups know it also past retention, but no sessions.
func addBefore(ctx context.Context, r *store.Reader, since time.Time, entries *[]caps.Entry) error {
	by := []string{"project", "provider", "model", "route", "client", "key"}
	sums, err := r.Sums(ctx, store.SumQuery{Until: since, By: by, WithoutLatency: true})
	for _, s := range sums {
		*entries = append(*entries, caps.Entry{Amount: s.Cost, Scope: caps.Scope{
			Project: s.By[0], Provider: s.By[1], Model: s.By[2], Route: s.By[3], Client: s.By[4], Key: s.By[5],
		}})
	}
	return err
}
