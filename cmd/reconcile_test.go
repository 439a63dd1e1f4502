package cmd

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// compared is an export of gpt-5 on 2026-11-01 against the calls of these
// tests, four attempts of 1,000 + 50 tokens and 2,500 millionths of a dollar.
func compared(t *testing.T, e *usageExport, changes []store.Change, now time.Time) *reconcileReport {
	t.Helper()
	q := spendQuery{now: now}
	c, err := newReconciliation(e, q, price.Builtin(), []string{e.service})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.read(t.Context(), spendDB(t, changes)); err != nil {
		t.Fatal(err)
	}
	return c.report()
}

// exported is a row of an export of OpenAI's.
func exported(day, model string, calls, input, output int64, cost price.Money) exportRow {
	return exportRow{day: day, model: model, used: measures{
		requests: llm.Tokens(calls), inputTokens: llm.Tokens(input), outputTokens: llm.Tokens(output), costUSD: llm.Tokens(int64(cost)),
	}}
}

func exportOf(rows ...exportRow) *usageExport {
	e := &usageExport{service: "openai", layout: "OpenAI's usage", byModel: true}
	for _, r := range rows {
		e.add(r)
	}
	return e
}

const recordedGPT5 = price.USD / 100

// What is the same on both sides is so under every name of the model, and what
// is not is explained by what the record knows.
func TestReconcileCauses(t *testing.T) {
	later := spentAt.AddDate(0, 0, 7)
	same := exported("2026-11-01", "gpt-5-2025-08-07", 4, 4000, 200, recordedGPT5)
	with := func(change func(r *exportRow)) *usageExport {
		r := same
		change(&r)
		return exportOf(r)
	}
	for _, tc := range []struct {
		name   string
		export *usageExport
		change func(changes []store.Change)
		now    time.Time
		off    int
		cause  string // of the first row that is off
	}{
		{"the same", exportOf(same), nil, later, 0, ""},
		{"under both names", exportOf(exported("2026-11-01", "gpt-5", 3, 3000, 150, recordedGPT5*3/4), exported("2026-11-01", "GPT-5-2025-08-07", 1, 1000, 50, recordedGPT5/4)), nil, later, 0, ""},
		{"by the name that the answer reported", exportOf(same), func(c []store.Change) {
			c[1].Attempts[0].Model, c[1].Attempts[0].ModelReported = "house-model", "gpt-5-2025-08-07"
		}, later, 0, ""},
		{"within a per cent", with(func(r *exportRow) { r.used[inputTokens].N = 4040 }), nil, later, 0, ""},
		{"beyond a per cent", with(func(r *exportRow) { r.used[inputTokens].N = 4041 }), nil, later, 1, "estimated"},
		{"more calls", with(func(r *exportRow) { r.used[requests].N, r.used[inputTokens].N = 9, 9000 }), nil, later, 1, "outside the gateway"},
		{"another model", exportOf(same, exported("2026-11-01", "o3", 1, 10, 10, 1)), nil, later, 1, "outside the gateway"},
		{"a model nobody knows", exportOf(same, exported("2026-11-01", "mystery\x1b[2J", 1, 10, 10, 1)), nil, later, 1, "outside the gateway"},
		{"not exported", exportOf(exported("2026-11-01", "o3", 0, 0, 0, 0)), nil, later, 1, "the export has none of it"},
		{"today", exportOf(exported("2026-11-01", "gpt-5", 3, 3000, 150, recordedGPT5)), nil, spentAt, 1, "the day is not over"},
		{"cut answers", with(func(r *exportRow) { r.used[outputTokens].N = 170 }), nil, later, 1, "1 attempt estimated"},
		{"only the money", with(func(r *exportRow) { r.used[costUSD].N /= 2 }), func(c []store.Change) {
			c[2].Attempts[0].CostSource = store.CostReported
		}, later, 1, "another price"},
		{"batch calls", with(func(r *exportRow) { r.batch, r.used[costUSD].N = true, r.used[costUSD].N*2 }), func(c []store.Change) {
			c[2].Attempts[0].CostSource = store.CostReported
		}, later, 1, "batch calls"},
		{"unpriced", exportOf(same), func(c []store.Change) {
			a := c[1].Attempts[0]
			a.Cost, a.CostSource, c[1].Call.Cost = price.Amount{}, store.CostUnpriced, price.Amount{}
		}, later, 1, "1 attempt unpriced"},
		{"uncounted", exportOf(same), func(c []store.Change) {
			a := c[1].Attempts[0]
			a.Usage, a.Cost, a.CostSource = llm.Usage{}, price.Amount{}, store.CostUnpriced
		}, later, 1, "1 attempt unpriced"},
		{"on a plan", exportOf(same), func(c []store.Change) {
			a := c[1].Attempts[0]
			a.Worth, a.Cost, a.CostSource = a.Cost, price.Of(0), store.CostPlan
		}, later, 1, "1 call on a plan left out"},
		{"still running", exportOf(same), func(c []store.Change) {
			a := c[1].Attempts[0]
			a.Outcome, a.Cost, a.CostSource, c[1].Call.Status, c[1].Final = store.OutcomeRunning, price.Amount{}, "", store.StatusRunning, false
		}, later, 1, "1 call still running"},
		{"around midnight", exportOf(exported("2026-11-01", "gpt-5", 3, 3000, 150, recordedGPT5*3/4), exported("2026-11-02", "gpt-5", 1, 1000, 50, recordedGPT5/4)),
			nil, later, 2, "counts them on the other day"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changes := spendCalls()
			if tc.change != nil {
				tc.change(changes)
			}
			report := compared(t, tc.export, changes, tc.now)
			first := ""
			for _, r := range report.rows {
				if r.off() && first == "" {
					first = r.cause
				}
				if r.off() != (r.cause != "") {
					t.Errorf("%+v", r)
				}
			}
			if report.off != tc.off || !strings.Contains(first, tc.cause) {
				t.Errorf("%d rows off, %q; want %d, %q", report.off, first, tc.off, tc.cause)
			}
		})
	}
}

// A measure that one side does not know is not compared, and is not 0.
func TestReconcileUnknown(t *testing.T) {
	e := exportOf(exportRow{day: "2026-11-01", model: "gpt-5", used: measures{inputTokens: llm.Tokens(4000), reasoningTokens: llm.Tokens(7)}})
	report := compared(t, e, spendCalls(), spentAt.AddDate(0, 0, 7))
	var b strings.Builder
	if err := report.writeCSV(&b); err != nil {
		t.Fatal(err)
	}
	part := exportRow{day: "2026-11-01", model: "gpt-5", used: measures{outputTokens: llm.Tokens(1)}}
	if report := compared(t, exportOf(e.rows[0], part), spendCalls(), spentAt.AddDate(0, 0, 7)); len(report.measured) != 0 || report.off != 0 {
		t.Errorf("what only some rows of a model say is compared: %+v", report.rows[0])
	}
	want := `day,model,measure,recorded,exported,difference,percent,apart,cause
2026-11-01,gpt-5,input_tokens,4000,4000,0,0.00,false,
2026-11-01,gpt-5,reasoning_tokens,,7,,,false,
`
	if b.String() != want || report.off != 0 {
		t.Errorf("%s", b.String())
	}
}

// An export that adds up all models is compared with all of the record.
func TestReconcileWithoutModels(t *testing.T) {
	row := exported("2026-11-01", "", 4, 4000, 200, recordedGPT5)
	e := exportOf(row)
	e.byModel = false
	if report := compared(t, e, spendCalls(), spentAt.AddDate(0, 0, 7)); report.off != 0 || len(report.rows) != 1 {
		t.Errorf("%+v", report.rows)
	}
}

// Only whole UTC days of the span are compared.
func TestReconcileSpan(t *testing.T) {
	e := exportOf(exported("2026-10-31", "gpt-5", 1, 1, 1, 1), exported("2026-11-01", "gpt-5", 1, 1, 1, 1), exported("2026-11-03", "gpt-5", 1, 1, 1, 1))
	day := func(d int, after time.Duration) time.Time {
		return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC).Add(after)
	}
	for _, tc := range []struct {
		since, until time.Time
		want         string
	}{
		{time.Time{}, time.Time{}, "2026-10-31 to 2026-11-04"},
		{day(1, 0), time.Time{}, "2026-11-01 to 2026-11-04"},
		{day(1, time.Minute), day(3, time.Hour), "2026-11-02 to 2026-11-03"},
		{day(1, time.Minute), day(2, time.Hour), ""},
	} {
		c, err := newReconciliation(e, spendQuery{since: tc.since, until: tc.until}, price.Builtin(), nil)
		got := ""
		if err == nil {
			got = c.since.Format(time.DateOnly) + " to " + c.until.Format(time.DateOnly)
		}
		if got != tc.want {
			t.Errorf("%v to %v: %q, want %q", tc.since, tc.until, got, tc.want)
		}
	}
}

func TestDiffers(t *testing.T) {
	for _, tc := range []struct {
		recorded, exported int64
		want               bool
	}{
		{0, 0, false}, {1, 0, true}, {0, 1, true}, {101, 100, false}, {102, 100, true}, {99, 100, false}, {98, 100, true}, {51, 50, true},
		{-100, -101, false}, {100, -100, true}, {1<<63 - 1, -1 << 63, true}, {0, -1 << 63, true},
	} {
		if got := differs(llm.Tokens(tc.recorded), llm.Tokens(tc.exported)); got != tc.want {
			t.Errorf("%d against %d: %v", tc.recorded, tc.exported, got)
		}
	}
	if differs(llm.Count{}, llm.Tokens(5)) || differs(llm.Tokens(5), llm.Count{}) {
		t.Error("what is unknown differs")
	}
}

// The totals are the sums of the rows, and the table fits every screen.
func TestReconcileTables(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	var rows []exportRow
	for range 30 {
		rows = append(rows, exported(fmt.Sprintf("2026-11-%02d", 1+random.IntN(5)), []string{"gpt-5", "o3", "evil\x1b[2J\u202e" + strings.Repeat("long", 30)}[random.IntN(3)],
			random.Int64N(100), random.Int64N(1e6), random.Int64N(1e6), price.Money(random.Int64N(1e12))))
	}
	report := compared(t, exportOf(rows...), spendCalls(), spentAt.AddDate(0, 0, 7))
	for _, m := range []measure{requests, inputTokens, outputTokens, costUSD} {
		want := int64(0)
		for _, r := range rows {
			want += r.used[m].N
		}
		if report.total.exported[m] != llm.Tokens(want) {
			t.Errorf("%s: %+v, want %d", measureNames[m], report.total.exported[m], want)
		}
	}
	for width := 20; width <= 220; width++ {
		var b strings.Builder
		if err := report.writeTable(&b, screen{width: width}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e") {
			t.Fatal("text of the file reaches the terminal as it is")
		}
		for line := range strings.Lines(b.String()) {
			if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
				t.Fatalf("at %d, %d cells: %q", width, w, line)
			}
		}
		if head, _, _ := strings.Cut(b.String(), "\n"); width >= 60 && !strings.Contains(head, "%") {
			t.Fatalf("at %d no difference is shown: %q", width, head)
		}
	}
}

// Providers of the user's own names are compared by where they are.
func TestProvidersAtAService(t *testing.T) {
	f := &file{}
	for name, base := range map[string]string{
		"work": "https://api.openai.com/v1", "openai": "http://127.0.0.1:9", "claude": "https://api.anthropic.com", "local": "http://127.0.0.1:11434",
	} {
		p := fileProvider{}
		p.Name, p.BaseURL = name, base
		f.Providers = append(f.Providers, p)
	}
	if got := fmt.Sprint(f.providersAt("openai")); got != "[openai work]" {
		t.Errorf("%s", got)
	}
	if got := fmt.Sprint(f.providersAt("anthropic")); got != "[anthropic claude]" {
		t.Errorf("%s", got)
	}
}
