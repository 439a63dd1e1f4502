package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of these tests, wherever they run

	"github.com/charmbracelet/x/ansi"
	"github.com/rogpeppe/go-internal/testscript"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// spentAt is when the calls of these tests arrive: late in the day in UTC,
// which is the next day in Kathmandu.
var spentAt = time.Date(2026, 11, 1, 18, 20, 0, 0, time.UTC)

// testPrice is 2 USD per million tokens of input and 10 of output.
const testPrice = "of=openai/gpt-5 source=test ; input=2 cached_input=0.5 output=10"

// spendCall is a call that cost 1,000 × 2 + 50 × 10 = 2,500 millionths of a
// dollar, arriving after so long.
func spendCall(n int, after time.Duration) (*store.Call, *store.Attempt) {
	at := spentAt.Add(after)
	c := &store.Call{
		ID: store.NewID(at)[:10] + fmt.Sprintf("%016d", n), StartedAt: at, FinishedAt: at.Add(time.Second), FirstToken: -1,
		Project: "demo", Client: "curl", Session: "s1", Dialect: llm.OpenAIChat, Endpoint: "chat", ModelRequested: "gpt-5",
		Status: store.StatusOK, HTTPStatus: 200, Provider: "openai", Model: "gpt-5", Cache: "off", Tags: map[string]string{"team": "ml"},
		Usage: llm.Usage{Input: llm.Tokens(1000), CachedInput: llm.Tokens(0), Output: llm.Tokens(50)},
		Cost:  price.Of(price.USD * 25 / 10_000), CostSource: store.CostReported,
	}
	a := &store.Attempt{
		CallID: c.ID, N: 1, Provider: c.Provider, Model: c.Model, StartedAt: at, Duration: time.Second, FirstToken: -1,
		Outcome: store.OutcomeOK, HTTPStatus: 200, Usage: c.Usage, Price: testPrice, Cost: c.Cost, CostSource: c.CostSource,
		Held: price.Of(price.USD),
	}
	return c, a
}

// spendCalls has one call of each kind.
func spendCalls() []store.Change {
	one := func(n int, after time.Duration, change func(c *store.Call, a *store.Attempt)) store.Change {
		c, a := spendCall(n, after)
		change(c, a)
		return store.Change{Call: c, Attempts: []*store.Attempt{a}, Final: true}
	}
	all := []store.Change{
		one(1, -30*time.Minute, func(*store.Call, *store.Attempt) {}),
		one(2, 0, func(c *store.Call, a *store.Attempt) {
			c.Project, c.Session, c.Tags = "evil\x1b[2J\u202e", "", nil
		}),
		one(3, time.Minute, func(c *store.Call, a *store.Attempt) { // cut, so estimated
			c.Status, a.Outcome, a.CostSource, c.CostSource = store.StatusTruncated, string(llm.Truncated), store.CostEstimated, store.CostEstimated
		}),
		one(4, 2*time.Minute, func(c *store.Call, a *store.Attempt) {
			c.Provider, a.Provider, c.Model, a.Model, a.Price = "vllm", "vllm", "llama-4", "llama-4", ""
			a.Cost, c.Cost, a.CostSource, c.CostSource = price.Amount{}, price.Amount{}, store.CostUnpriced, store.CostUnpriced
			a.Held = price.Amount{}
		}),
		one(5, 3*time.Minute, func(c *store.Call, a *store.Attempt) {
			c.Provider, a.Provider, c.Model, a.Model = "anthropic", "anthropic", "opus", "opus"
			c.Worth, a.Worth = c.Cost, a.Cost
			c.Cost, a.Cost, c.CostSource, a.CostSource = price.Of(0), price.Of(0), store.CostPlan, store.CostPlan
		}),
	}
	hit, _ := spendCall(6, 4*time.Minute)
	hit.Provider, hit.Cache, hit.Worth, hit.Cost, hit.CostSource = "cache", store.CacheHit, hit.Cost, price.Of(0), store.CostCache
	all = append(all, store.Change{Call: hit, Final: true})
	last, served := spendCall(7, 5*time.Minute) // failed over from a target that charged nothing
	failed := *served
	failed.Outcome, failed.Provider, failed.Model, failed.Usage = string(llm.Connect), "azure", "gpt-5", llm.Usage{}
	failed.Cost, failed.CostSource, failed.Price, failed.Held = price.Amount{}, "", "", price.Amount{}
	served.N = 2
	return append(all, store.Change{Call: last, Attempts: []*store.Attempt{&failed, served}, Final: true})
}

// scriptSpending is `spending FILE [wrong]`: it writes a database with a call
// of each kind, and how caps stood; with "wrong" one cost is off and one
// attempt overran its hold.
func scriptSpending(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: spending FILE [wrong]")
	}
	s, err := store.Open(ts.MkAbs(args[0]), store.Options{Now: func() time.Time { return spentAt }})
	ts.Check(err)
	changes := spendCalls()
	if len(args) > 1 {
		changes[0].Attempts[0].Cost.Money++
		changes[1].Attempts[0].Held = price.Of(price.USD / 1000)
		changes[1].Attempts[0].Overrun = price.Of(price.USD * 15 / 10_000)
	}
	for _, c := range changes {
		ts.Check(s.Commit(context.Background(), c))
	}
	text, err := json.Marshal(testStatuses())
	ts.Check(err)
	s.SetState("caps", text)
	ts.Check(s.Close(context.Background()))
}

func testStatuses() []caps.Status {
	return []caps.Status{
		{
			Name: "daily", State: caps.StateWarn, Limit: 10 * price.USD, Spent: 6 * price.USD, Held: price.USD / 2,
			HeldBy:      []caps.Holder{{Call: "01M6BFP5G00000000000000001", N: 1, Amount: price.USD / 2, Since: spentAt}},
			WindowStart: spentAt.Truncate(24 * time.Hour), ResetsAt: spentAt.Truncate(24 * time.Hour).Add(24 * time.Hour),
			Warned: []float64{0.5}, BurnPerHour: price.Of(2 * price.USD), ExhaustedAt: spentAt.Add(2 * time.Hour),
		},
		{Name: "each", Each: "demo", State: caps.StateBlocked, Limit: price.USD, Spent: price.USD, HeldBy: []caps.Holder{}},
	}
}

// spendDB is a database with the changes.
func spendDB(t *testing.T, changes []store.Change) *store.Reader {
	t.Helper()
	path := filepath.Join(t.TempDir(), "llmgw.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := store.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func report(t *testing.T, r *store.Reader, f spendFlags, now time.Time) *spendReport {
	t.Helper()
	q, err := f.query(now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := addUpSpend(t.Context(), r, q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Totals are the same however rows are told apart, and whether rollups or rows
// are added up.
func TestTotalsAddUp(t *testing.T) {
	r := spendDB(t, spendCalls())
	want := report(t, r, spendFlags{since: "2026-11-01", by: "model"}, spentAt).total.numbers()
	if want.Calls != 7 || want.Attempts != 7 || want.CostUSD != "0.01" || want.EstimatedUSD != "0.0025" || want.PlanUSD != "0.0025" ||
		want.SavedUSD != "0.0025" || want.UnpricedCalls != 1 || want.CacheHits != 1 || want.FailedAttempts != 2 {
		t.Errorf("%+v", want)
	}
	random := rand.New(rand.NewPCG(5, 6))
	keys := append(slices.Clone(spendKeys), "tag.team", "tag.none")
	for range 100 {
		random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		f := spendFlags{since: "2026-11-01", by: strings.Join(keys[:1+random.IntN(len(keys))], ",")}
		if random.IntN(2) == 0 {
			f.where = "!model:nothing"
		}
		if got := report(t, r, f, spentAt).total.numbers(); got != want {
			t.Fatalf("--by %s --where %q: %+v, want %+v", f.by, f.where, got, want)
		}
	}
}

func TestDaysAreLocal(t *testing.T) {
	kathmandu, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	r := spendDB(t, spendCalls())
	for zone, want := range map[*time.Location]map[string]int64{
		time.UTC: {"2026-11-01": 7}, kathmandu: {"2026-11-01": 1, "2026-11-02": 6},
	} {
		got := map[string]int64{}
		for _, row := range report(t, r, spendFlags{since: "7d", by: "day"}, spentAt.Add(6*time.Hour).In(zone)).rows {
			got[row.values[0]] = row.sum.Calls
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v, want %v", zone, got, want)
		}
	}
}

func TestLocalDaysOfDaylightSaving(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 10, 24, 0, 0, 0, 0, berlin)
	days := localDays(since, since.Add(73*time.Hour))
	hours := []float64{24, 25, 24}
	for i, d := range days {
		if len(days) != 3 || d.until.Sub(d.since).Hours() != hours[i] || d.day != fmt.Sprint("2026-10-", 24+i) {
			t.Errorf("%+v", days)
		}
	}
}

func TestByIsChecked(t *testing.T) {
	for text, want := range map[string]bool{
		"model": true, "day,model": true, "tag.a b": true, "key,tag.x,tag.y": true,
		"": false, "tag": false, "tag.": false, "bucket": false, "model,model": false, "model,": false, "Model": false,
	} {
		if _, err := parseBy(text); (err == nil) != want {
			t.Errorf("--by %q: %v", text, err)
		}
	}
}

// A table is as wide as the screen whatever is in it, and shows the names and
// costs for longest.
func TestTablesFit(t *testing.T) {
	changes := spendCalls()
	changes[0].Call.Project = strings.Repeat("very-long-", 20)
	r := spendDB(t, changes)
	f := spendFlags{since: "2026-11-01", by: "day,project,provider,model,client"}
	for width := 20; width <= 250; width++ {
		var b strings.Builder
		s := report(t, r, f, spentAt)
		if err := s.write(&b, screen{width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
				t.Fatalf("at %d, %d cells: %q", width, w, line)
			}
		}
		if head, _, _ := strings.Cut(b.String(), "\n"); width >= 80 && !strings.Contains(head, "COST") {
			t.Fatalf("at %d no cost is shown: %q", width, head)
		}
	}
}

// write draws the rows alone.
func (r *spendReport) write(b *strings.Builder, s screen) error { return s.write(b, r.columns()) }

func TestUnpricedIsNeverZero(t *testing.T) {
	r := spendDB(t, spendCalls())
	for _, row := range report(t, r, spendFlags{since: "2026-11-01", by: "provider"}, spentAt).rows {
		want := map[string]string{
			"openai": "~$0.0100", "vllm": "?", "anthropic": "$0.0000", "cache": "$0.0000", "azure": "$0.0000",
		}[row.values[0]]
		if got := row.costWords(); got != want {
			t.Errorf("%s: %s, want %s", row.values[0], got, want)
		}
	}
	all := report(t, r, spendFlags{since: "2026-11-01", by: "project"}, spentAt)
	if got := all.total.costWords(); got != "~$0.0100 + ?" {
		t.Errorf("in all: %s", got)
	}
}

func TestUSD(t *testing.T) {
	for m, want := range map[price.Money]string{
		0: "$0.0000", 1: "<$0.0001", price.USD / 10_000: "$0.0001", price.USD * 15 / 100_000: "$0.0002", price.USD*2 - 1: "$2.0000",
		-price.USD: "-$1.0000", 1234 * price.USD: "$1234.0000",
	} {
		if got := usd(m); got != want {
			t.Errorf("%s: %s, want %s", m, got, want)
		}
	}
}

func TestCompareCaps(t *testing.T) {
	status := func(name string, spent price.Money) caps.Status { return caps.Status{Name: name, Spent: spent} }
	configured := []caps.Config{{Name: "a", Per: caps.PerDay}, {Name: "r", Per: caps.PerRolling}}
	for _, tc := range []struct {
		name                    string
		before, after, computed caps.Status
		findings, skipped       int
	}{
		{"equal", status("a", 5), status("a", 5), status("a", 5), 0, 0},
		{"less than spent", status("a", 4), status("a", 4), status("a", 5), 1, 0},
		{"more than spent", status("a", 6), status("a", 6), status("a", 5), 1, 0},
		{"charged meanwhile", status("a", 4), status("a", 5), status("a", 5), 0, 1},
		{"new meanwhile", status("b", 4), status("a", 5), status("a", 5), 0, 1},
		{"rolling, late to forget", status("r", 6), status("r", 6), status("r", 5), 0, 0},
		{"rolling, forgotten early", status("r", 4), status("r", 4), status("r", 5), 1, 0},
		{"never heard of", status("a", 5), status("a", 5), status("b", 5), 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c spendCheck
			err := c.compareCaps(configured, byName([]caps.Status{tc.before}), byName([]caps.Status{tc.computed}), []caps.Status{tc.after})
			if err != nil || len(c.Findings) != tc.findings || len(c.Skipped) != tc.skipped {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// What the record says of the caps is what a ledger that saw every attempt
// says.
func TestRecordedCaps(t *testing.T) {
	r := spendDB(t, spendCalls())
	day := caps.DefaultConfig()
	day.Name, day.USD, day.Timezone = "day", price.Of(price.USD), "Asia/Kathmandu"
	total := caps.DefaultConfig()
	total.Name, total.USD, total.Per, total.Match.Provider = "total", price.Of(price.USD), caps.PerTotal, "open*"
	each := caps.DefaultConfig()
	each.Name, each.USD, each.Timezone, each.Each = "each", price.Of(price.USD), "UTC", "session"
	all, err := recordedCaps(t.Context(), r, []caps.Config{day, total, each}, spentAt.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range all {
		got[nameOf(&s).String()] = s.Spent.String()
	}
	// One call was the day before in Kathmandu, one had no session.
	want := map[string]string{"day": "0.0075", "total": "0.01", "each s1": "0.0075", "each": "0.0025"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestShellQuoted(t *testing.T) {
	for word, want := range map[string]string{
		"day,model": "day,model", "status:ok x": "'status:ok x'", "it's": `'it'\''s'`, "!cost:>1": "'!cost:>1'", "gpt-*": "'gpt-*'",
	} {
		if got := shellQuoted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

// A running server's caps say where the rate of the last minutes leads to.
func TestCapsOfARunningServer(t *testing.T) {
	text, err := json.Marshal(testStatuses())
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCapsReport(text, capsFromServer, spentAt)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.writeTable(&b, screen{width: 120}, spentAt); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5h40m  $2.0000/h, full in 2h ", "blocking now", "█████████████████▒··········"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "as saved") {
		t.Error("a server's answer is called saved")
	}
}
