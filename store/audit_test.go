package store

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// frozen costs 2 USD per million tokens of input and 10 of output.
const frozen = "of=openai/gpt-5 source=test ; input=2 cached_input=0.5 output=10"

// priced is an attempt of 1,000 tokens, 600 of them cached, and 50 of output:
// 800 + 300 + 500 millionths of a dollar.
func priced() (*Call, *Attempt) {
	c, a := ended(begun(0))
	a.Price, a.Cost = frozen, price.Of(price.USD*16/10_000)
	c.Cost = a.Cost
	return c, a
}

func TestAuditOfAttempts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(a *Attempt)
		want   string // part of the only finding; "": none
	}{
		{"as computed", func(*Attempt) {}, ""},
		{"a pico-dollar off", func(a *Attempt) { a.Cost.Money++ }, "cost $0.001600000001, by usage and price it is $0.0016"},
		{"unknown", func(a *Attempt) { a.Cost = price.Amount{} }, "cost unknown, by usage"},
		{"called unpriced", func(a *Attempt) { a.Cost, a.CostSource = price.Amount{}, CostUnpriced }, "cost unknown, by usage"},
		{"without a price", func(a *Attempt) { a.Price = "" }, "by usage and price it is unknown"},
		{"rightly unpriced", func(a *Attempt) { a.Price, a.Cost, a.CostSource = "", price.Amount{}, CostUnpriced }, ""},
		{"another basis", func(a *Attempt) { a.CostSource = CostProviderCost }, "is called provider_cost, by usage and price it is reported"},
		{"named by the provider", func(a *Attempt) {
			a.Usage.ReportedCost, a.Cost, a.CostSource = llm.Tokens(5), price.Of(5), CostProviderCost
		}, ""},
		{"of raw usage", func(a *Attempt) {
			a.Price += " ; auto"
		}, "reading the price"},
		{"of estimated usage", func(a *Attempt) { a.CostSource = CostEstimated }, ""},
		{"a hold", func(a *Attempt) { a.Usage, a.Cost, a.CostSource = llm.Usage{}, a.Held, CostEstimated }, ""},
		{"not the hold", func(a *Attempt) { a.Usage, a.CostSource = llm.Usage{}, CostEstimated }, "as the hold that was charged it is $0.1"},
		{"an overrun", func(a *Attempt) { a.Held, a.Overrun = price.Of(a.Cost.Money-1), price.Of(1) }, "cost $0.0016, only $0.001599999999 was held"},
		{"more than was expected", func(a *Attempt) { a.Held = price.Of(a.Cost.Money - 1) }, ""}, // no cap held its bound
		{"all of the hold", func(a *Attempt) { a.Held = a.Cost }, ""},
		{"on a plan", func(a *Attempt) { a.Worth, a.Cost, a.CostSource = a.Cost, price.Of(0), CostPlan }, ""},
		{"on a plan, charged", func(a *Attempt) { a.Worth, a.CostSource = a.Cost, CostPlan }, "on a plan it is 0"},
		{"on a plan, misjudged", func(a *Attempt) { a.Worth, a.Cost, a.CostSource = price.Of(1), price.Of(0), CostPlan }, "worth on a plan $0.000000000001"},
		{"free", func(a *Attempt) { a.Cost, a.CostSource = price.Of(0), CostFree }, ""},
		{"free, charged", func(a *Attempt) { a.CostSource = CostFree }, "as free it is $0"},
		{"not charged", func(a *Attempt) { a.Cost, a.CostSource = price.Amount{}, "" }, ""},
		{"charged for no reason", func(a *Attempt) { a.CostSource = "" }, "as not charged it is $0"},
		{"skipped, charged", func(a *Attempt) { a.Outcome = OutcomeSkipped }, "as skipped it is $0"},
		{"running", func(a *Attempt) { a.Outcome, a.Cost = OutcomeRunning, price.Amount{} }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, a := priced()
			tc.change(a)
			found := a.audit()
			if tc.want == "" && len(found) > 0 {
				t.Fatalf("found %+v", found)
			}
			if tc.want != "" && (len(found) != 1 || !strings.Contains(found[0].Text, tc.want)) {
				t.Fatalf("found %+v, want %q", found, tc.want)
			}
		})
	}
}

// TestAudit reads back what was written: usage and price must survive the file.
func TestAudit(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	audit := func() (done Audit, kinds []FindingKind) {
		t.Helper()
		report := func(f Finding) error { kinds = append(kinds, f.Kind); return nil }
		done, err := r.Audit(t.Context(), time.Time{}, time.Time{}, report)
		if err == nil {
			err = r.AuditRollups(t.Context(), report)
		}
		if err != nil {
			t.Fatal(err)
		}
		return done, kinds
	}
	c, a := priced()
	a.Usage.Raw = []byte(`{"prompt_tokens": 1000}`)
	failed := *a
	failed.N, failed.Outcome, failed.Usage, failed.Cost, failed.CostSource = 2, string(llm.Connect), llm.Usage{}, price.Amount{}, ""
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a, &failed}, Final: true})
	if done, kinds := audit(); len(kinds) > 0 || done.Calls != 1 || done.Attempts != 1 || !done.Since.Equal(c.StartedAt) {
		t.Errorf("%+v, %v", done, kinds)
	}
	c.Cost.Money++
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	if _, kinds := audit(); !slices.Equal(kinds, []FindingKind{FindingCall}) {
		t.Errorf("a call that is not the sum of its attempts: %v", kinds)
	}
	tamper(t, s.Path(), "UPDATE attempts SET output_tokens = output_tokens + 1 WHERE k % 1024 = 1")
	if _, kinds := audit(); !slices.Equal(kinds, []FindingKind{FindingAttempt, FindingCall, FindingRollup}) {
		t.Errorf("a changed row: %v", kinds)
	}
}

func TestCharges(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	c, a := priced()
	late, skipped, running := *a, *a, *a
	late.N, late.StartedAt, late.Provider = 2, a.StartedAt.Add(time.Hour), "bedrock"
	skipped.N, skipped.Outcome = 3, OutcomeSkipped
	running.N, running.Outcome, running.Cost, running.CostSource = 4, OutcomeRunning, price.Amount{}, ""
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a, &late, &skipped, &running}})
	for since, want := range map[time.Time][]string{
		{}:                                      {"anthropic", "bedrock"},
		a.StartedAt:                             {"anthropic", "bedrock"},
		a.StartedAt.Add(time.Nanosecond * 1000): {"bedrock"},
	} {
		var got []string
		err := r.EachCharge(t.Context(), since, func(c Charge) error {
			if c.Amount != a.Cost || c.Project != "default" || c.Route != "claude-*" || c.Key != "k_0a1b2c3d" {
				t.Errorf("%+v", c)
			}
			got = append(got, c.Provider)
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("since %v: %v, %v, want %v", since, got, err, want)
		}
	}
}

func TestWhereTheRecordBegins(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	if from, _, err := r.SpendSpan(t.Context()); err != nil || !from.IsZero() {
		t.Errorf("of nothing: %v, %v", from, err)
	}
	record(t, s, 1)
	want := epoch.Truncate(bucketWidth)
	if from, until, err := r.SpendSpan(t.Context()); err != nil || !from.Equal(want) || !until.Equal(want.Add(bucketWidth)) {
		t.Errorf("from %v until %v, %v", from, until, err)
	}
	if pruned, err := r.PrunedBefore(t.Context()); err != nil || !pruned.IsZero() {
		t.Errorf("%v, %v", pruned, err)
	}
}

// tamper changes the file behind the writer's back.
func tamper(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
