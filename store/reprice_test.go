package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// priceList is a price book of tests: the text of a price by model.
type priceList map[string]string

func (p priceList) of(a *Attempt) string { return p[a.Model] }

// frozenPrices are what calls of these tests are charged at; nobody knows what
// "new" costs, and "tiered" has no price for the service tier that answers.
var (
	frozenPrices = priceList{
		"a":      frozen,
		"b":      "of=openai/b source=old checked=2026-01-02 ; input=1 output=8",
		"tiered": "of=openai/tiered source=old ; input=3 output=12",
		"zero":   "of=openai/zero source=old ; input=0 output=0",
	}
	todaysPrices = priceList{
		"a":      "of=openai/a source=new ; input=2 cached_input=0.4 output=11",
		"tiered": "of=openai/tiered source=new tier.priority=2 ; input=3 output=12",
		"new":    "of=openai/new source=new ; input=0.5 output=2",
		"zero":   "of=openai/zero source=new ; input=1 output=1",
	}
)

// chargedAs are ways an attempt can have been charged.
var chargedAs = []struct {
	name   string
	change func(a *Attempt)
}{
	{"reported", func(*Attempt) {}},
	{"estimated", func(a *Attempt) { a.Outcome, a.CostSource = string(llm.Truncated), CostEstimated }},
	{"estimated without a word of the provider's", func(a *Attempt) { a.Usage.Raw, a.CostSource = nil, CostEstimated }},
	{"cut, but counted", func(a *Attempt) { a.Outcome = string(llm.Truncated) }},
	{"the hold", func(a *Attempt) {
		a.Outcome, a.Usage, a.Cost, a.CostSource, a.Price = OutcomeInterrupted, llm.Usage{}, a.Held, CostEstimated, ""
	}},
	{"on a plan", func(a *Attempt) { a.Worth, a.Cost, a.CostSource = a.Cost, price.Of(0), CostPlan }},
	{"named", func(a *Attempt) {
		a.Usage.ReportedCost, a.Cost, a.CostSource = llm.Tokens(777), price.Of(777), CostProviderCost
	}},
	{"free", func(a *Attempt) { a.Price, a.Cost, a.CostSource = "", price.Of(0), CostFree }},
	{"not charged", func(a *Attempt) {
		a.Outcome, a.Usage, a.Price, a.Cost, a.CostSource = string(llm.Connect), llm.Usage{}, "", price.Amount{}, ""
	}},
	{"no usage", func(a *Attempt) { a.Usage, a.Cost, a.CostSource = llm.Usage{}, price.Amount{}, CostUnpriced }},
	{"skipped", func(a *Attempt) {
		a.Outcome, a.Usage, a.Price, a.Cost, a.CostSource = OutcomeSkipped, llm.Usage{}, "", price.Amount{}, ""
	}},
}

// charged is a random attempt at the frozen prices.
func charged(random *rand.Rand, call *Call, n int) *Attempt {
	a := &Attempt{
		CallID: call.ID, N: n, Provider: "openai", Model: []string{"a", "b", "tiered", "new", "zero"}[random.IntN(5)],
		StartedAt: call.StartedAt.Add(time.Duration(random.IntN(100)) * time.Minute), Duration: time.Second, FirstToken: -1,
		Outcome: OutcomeOK, DNS: -1, Dial: -1, TLS: -1, Wait: -1,
		Usage: llm.Usage{
			Input: llm.Tokens(1000 + random.Int64N(1e5)), CachedInput: llm.Tokens(random.Int64N(1000)), Output: llm.Tokens(random.Int64N(5000)),
			ServiceTier: []string{"", "priority"}[random.IntN(2)], Raw: []byte(`{"prompt_tokens": 1}`),
		},
		Held: price.Of(1000 * price.USD),
	}
	a.Price = frozenPrices.of(a)
	d, err := a.recompute()
	if err != nil {
		panic(err)
	}
	a.Cost, a.CostSource = d.Amount, string(d.Basis)
	if how := chargedAs[random.IntN(len(chargedAs))]; a.Cost.Known || how.name == "the hold" || how.name == "not charged" {
		if how.name != "on a plan" && !strings.HasPrefix(how.name, "estimated") || a.CostSource != CostFree {
			how.change(a)
		}
	}
	return a
}

// chargedCalls commits n ended calls over some days.
func chargedCalls(t *testing.T, s *Store, random *rand.Rand, n int) {
	t.Helper()
	for i := range n {
		c, _ := ended(begun(i * 7919 % (3 * 24 * 3600)))
		c.Status = []Status{StatusOK, StatusOK, StatusTruncated, StatusInterrupted}[random.IntN(4)]
		change := Change{Call: c, Final: true}
		for n := range 1 + random.IntN(3) {
			change.Attempts = append(change.Attempts, charged(random, c, n+1))
		}
		e := entry{call: c, attempts: change.Attempts}
		change.Call = e.recost()
		if c = change.Call; c.Status == StatusInterrupted {
			c.Cost, c.CostSource = price.Of(0), ""
			for _, a := range change.Attempts {
				c.addCost(a)
			}
		}
		commit(t, s, change)
	}
}

// dump is all that the record says of calls, but for when it was written.
func dump(t *testing.T, r *Reader) string {
	t.Helper()
	list, err := r.Calls(t.Context(), Query{Limit: -1, Ascending: true})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range list {
		c.Seq = 0
		fmt.Fprintf(&b, "%+v\n", c)
	}
	return b.String()
}

// checkMoneyOf audits rows and rollups.
func checkMoneyOf(t *testing.T, r *Reader) {
	t.Helper()
	report := func(f Finding) error { t.Errorf("%+v", f); return nil }
	if _, err := r.Audit(t.Context(), time.Time{}, time.Time{}, report); err != nil {
		t.Fatal(err)
	}
	checkFile(t, r)
}

// plan is what would change, as one correction.
func plan(t *testing.T, r *Reader, prices priceList) Reprice {
	t.Helper()
	p, err := prices.plan(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (prices priceList) plan(ctx context.Context, r *Reader) (Reprice, error) {
	p := Reprice{Who: "kim", What: "a test", Last: true}
	err := r.EachRepriced(ctx, Query{}, prices.of, func(v RepriceView) error {
		if v.Changes {
			p.Attempts = append(p.Attempts, RepriceTarget{v.Was.CallID, v.Was.N, len(p.Prices)})
			p.Prices = append(p.Prices, v.Is.Price)
		}
		return nil
	})
	return p, err
}

// apply does a correction in its parts and returns how many attempts changed.
func apply(t *testing.T, s *Store, p Reprice) (changed int) {
	t.Helper()
	n := int64(0)
	for part := range p.Parts() {
		part.N = n
		did, err := s.Reprice(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		n, changed = did.N, changed+len(did.Changes)
	}
	return changed
}

// A correction changes what was announced and nothing twice; rows, calls and
// rollups, quarters and whole days, agree afterwards; and the old prices bring
// back every amount and every basis.
func TestRepriceThereAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := openStore(t, Options{Now: func() time.Time { return epoch.AddDate(0, 0, 10).Add(time.Since(start)) }})
		r := openReader(t, s.Path())
		chargedCalls(t, s, rand.New(rand.NewPCG(9, 10)), fewer(400))
		tidied()
		if foldedUntil(t, r).Before(epoch.AddDate(0, 0, 3)) {
			t.Fatal("the days are not folded")
		}
		checkMoneyOf(t, r)
		before := dump(t, r)

		there := plan(t, r, todaysPrices)
		if changed := apply(t, s, there); changed != len(there.Attempts) || changed < fewer(100) {
			t.Fatalf("%d attempts changed, %d were announced", changed, len(there.Attempts))
		}
		checkMoneyOf(t, r)
		after := dump(t, r)
		if again := plan(t, r, todaysPrices); len(again.Attempts) > 0 {
			t.Errorf("%d attempts would change once more", len(again.Attempts))
		}
		if changed := apply(t, s, there); changed != 0 {
			t.Errorf("%d attempts changed when it was done again", changed)
		}
		if dump(t, r) != after {
			t.Error("done again it changed the record")
		}

		back := plan(t, r, frozenPrices)
		apply(t, s, back)
		checkMoneyOf(t, r)
		compareDumps(t, dump(t, r), before)
	})
}

func compareDumps(t *testing.T, got, want string) {
	t.Helper()
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range wantLines {
		if i >= len(gotLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("a call is\n%s\nand was\n%s", gotLines[min(i, len(gotLines)-1)], wantLines[i])
		}
	}
}

// What follows from no price stays as it is, and what was known is never
// forgotten.
func TestAttemptAtAnotherPrice(t *testing.T) {
	const dearer = "of=openai/gpt-5 source=new ; input=4 cached_input=1 output=20" // 3,200 millionths
	for _, tc := range []struct {
		name, price string
		change      func(a *Attempt)
		first       origin
		want        string // cost, source, worth
	}{
		{"reported", dearer, func(*Attempt) {}, origin{frozen, CostReported}, "0.0032 reported ?"},
		{"nobody knows it today", "", func(*Attempt) {}, origin{frozen, CostReported}, "0.0016 reported ?"},
		{"free today", "of=a/b ; input=0 output=0", func(*Attempt) {}, origin{frozen, CostReported}, "0 free ?"},
		{"was unpriced", dearer, func(a *Attempt) { a.Price, a.Cost, a.CostSource = "", price.Amount{}, CostUnpriced }, origin{"", CostUnpriced}, "0.0032 reported ?"},
		{"was unpriced and cut", dearer, func(a *Attempt) {
			a.Outcome, a.Price, a.Cost, a.CostSource = string(llm.Truncated), "", price.Amount{}, CostUnpriced
		}, origin{"", CostUnpriced}, "0.0032 estimated ?"},
		{"unpriced again", "", func(*Attempt) {}, origin{"", CostUnpriced}, "? unpriced ?"},
		{"estimated", dearer, func(a *Attempt) { a.CostSource = CostEstimated }, origin{frozen, CostEstimated}, "0.0032 estimated ?"},
		{"on a plan", dearer, func(a *Attempt) { a.Worth, a.Cost, a.CostSource = a.Cost, price.Of(0), CostPlan }, origin{frozen, CostPlan}, "0 plan 0.0032"},
		{"named by the provider", dearer, func(a *Attempt) { a.CostSource = CostProviderCost }, origin{frozen, CostProviderCost}, "0.0016 provider_cost ?"},
		{"a free provider", dearer, func(a *Attempt) { a.Price, a.Cost, a.CostSource = "", price.Of(0), CostFree }, origin{"", CostFree}, "0 free ?"},
		{"a price of zero", dearer, func(a *Attempt) { a.Cost, a.CostSource = price.Of(0), CostFree }, origin{frozen, CostFree}, "0.0032 reported ?"},
		{"a hold", dearer, func(a *Attempt) { a.Usage, a.Cost, a.CostSource = llm.Usage{}, a.Held, CostEstimated }, origin{"", CostEstimated}, "0.1 estimated ?"},
		{"running", dearer, func(a *Attempt) { a.Outcome = OutcomeRunning }, origin{frozen, CostReported}, "0.0016 reported ?"},
		{"beyond what can be expressed", "of=a/b ; input=1000 output=1000", func(a *Attempt) { a.Usage.Input = llm.Tokens(1 << 50) }, origin{frozen, CostReported}, "? unpriced ?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, a := priced()
			a.Usage.Raw = []byte("{}")
			tc.change(a)
			now, changed := a.at(tc.price, tc.first)
			amount := func(a price.Amount) string {
				if !a.Known {
					return "?"
				}
				return a.Money.String()
			}
			if got := amount(now.Cost) + " " + now.CostSource + " " + amount(now.Worth); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			same := now.Cost == a.Cost && now.CostSource == a.CostSource && now.Worth == a.Worth
			if changed == same {
				t.Errorf("changed is %v", changed)
			}
		})
	}
}

// Each part of a correction is whole or not there; the rest can be done later.
func TestRepriceFailsWhole(t *testing.T) {
	var full error
	s := openStore(t, Options{Now: still, BeforeCommit: func() error { return full }}) // with no heartbeat between
	r := openReader(t, s.Path())
	chargedCalls(t, s, rand.New(rand.NewPCG(11, 12)), 120)
	before := dump(t, r)
	p := plan(t, r, todaysPrices)
	parts := slices.Collect(p.Parts())
	if len(parts) < 2 || !parts[len(parts)-1].Last || parts[0].Last {
		t.Fatalf("%d parts", len(parts))
	}
	full = errors.New("disk full")
	if _, err := s.Reprice(t.Context(), parts[0]); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	full = nil
	if dump(t, r) != before {
		t.Error("a part that failed changed something")
	}
	did, err := s.Reprice(t.Context(), parts[0])
	if err != nil || len(did.Changes) != len(parts[0].Attempts) {
		t.Fatalf("%+v, %v", did, err)
	}
	checkMoneyOf(t, r)
	rest := plan(t, r, todaysPrices)
	if len(rest.Attempts) != len(p.Attempts)-len(did.Changes) {
		t.Errorf("%d attempts are left of %d", len(rest.Attempts), len(p.Attempts))
	}
	apply(t, s, rest)
	checkMoneyOf(t, r)
	list, err := r.Corrections(t.Context(), 10)
	if err != nil || len(list) != 2 || list[0].Finished.IsZero() || !list[1].Finished.IsZero() || list[0].Who != "kim" ||
		list[0].Attempts+list[1].Attempts != int64(len(p.Attempts)) {
		t.Errorf("%+v, %v", list, err)
	}
}

// A hold was enough for what the call cost then, whatever it costs now; one
// that was not enough stays an overrun.
func TestRepricedIsNoOverrun(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	for i, held := range []price.Money{price.USD * 16 / 10_000, price.USD * 15 / 10_000} {
		c, a := priced()
		c.ID = NewID(epoch.Add(time.Duration(i) * time.Second))
		a.CallID, a.Held = c.ID, price.Of(held)
		if over := a.Cost.Money - held; over > 0 {
			a.Overrun = price.Of(over)
		}
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	}
	overruns := func() (n int) {
		_, err := r.Audit(t.Context(), time.Time{}, time.Time{}, func(f Finding) error {
			if n++; f.Kind != FindingOverrun {
				t.Errorf("%+v", f)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := overruns(); n != 1 {
		t.Fatalf("%d overruns", n)
	}
	dearer := priceList{"claude-sonnet-4-5": "of=a/b source=new ; input=20 output=100"}
	if changed := apply(t, s, plan(t, r, dearer)); changed != 2 {
		t.Fatalf("%d changed", changed)
	}
	if n := overruns(); n != 1 {
		t.Errorf("%d overruns after a correction", n)
	}
}

func TestRepriceRefusesNonsense(t *testing.T) {
	s := openStore(t, Options{})
	for _, p := range []Reprice{
		{Attempts: []RepriceTarget{{Call: "x", N: 1, Price: 0}}},
		{Prices: []string{frozen}, Attempts: []RepriceTarget{{Call: "x", N: 1, Price: -1}}},
		{Prices: []string{"no price"}},
	} {
		if _, err := s.Reprice(t.Context(), p); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	// What is not there any more, and what still runs, is left alone.
	c, a := begun(0)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
	did, err := s.Reprice(t.Context(), Reprice{Prices: []string{frozen}, Attempts: []RepriceTarget{{c.ID, 1, 0}, {NewID(epoch), 1, 0}, {c.ID, 7, 0}}})
	if err != nil || len(did.Changes) > 0 {
		t.Errorf("%+v, %v", did, err)
	}
}

// What an attempt said before can be traced, by commands and by SQL, for as
// long as the call is kept.
func TestRepricedCallsAreTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var days atomic.Int64                                                                           // of the clock, after epoch
		now := func() time.Time { return epoch.AddDate(0, 0, int(days.Load())).Add(time.Since(start)) } // virtual
		s := openStore(t, Options{Retention: 24 * time.Hour, Now: now})
		traceRepriced(t, s)
		days.Add(2)
		tidied()
		var left int
		row := openReader(t, s.Path()).db.QueryRowContext(t.Context(), "SELECT count(*) FROM repriced")
		if err := row.Scan(&left); err != nil || left != 0 {
			t.Errorf("past retention %d notes are left, %v", left, err)
		}
	})
}

func traceRepriced(t *testing.T, s *Store) {
	r := openReader(t, s.Path())
	c, a := priced()
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	p := Reprice{Who: "kim", What: "w", Prices: []string{"of=openai/gpt-5 source=new ; input=4 output=20"}, Attempts: []RepriceTarget{{c.ID, 1, 0}}, Last: true}
	apply(t, s, p)
	list, err := r.Before(t.Context(), c.ID)
	if err != nil || len(list) != 1 || list[0].N != 1 || list[0].Who != "kim" || list[0].Price != frozen ||
		list[0].Cost != a.Cost || list[0].CostSource != CostReported || list[0].At.Before(epoch) {
		t.Errorf("%+v, %v", list, err)
	}
	var id, cost string
	row := r.db.QueryRowContext(t.Context(), "SELECT call_id, cost_usd FROM repriced_v WHERE n = 1 AND who = 'kim' AND price = ?", frozen)
	if err := row.Scan(&id, &cost); err != nil || id != c.ID || cost != "0.0016" {
		t.Errorf("the view has %q, %q, %v", id, cost, err)
	}
}

// repriceEnv tells this test binary to correct a record and be killed meanwhile.
const repriceEnv = "LLMGW_STORE_TEST_REPRICE"

// repriceAndBeKilled corrects a part for each byte of its input and prints a
// line after it.
func repriceAndBeKilled(path string) error {
	ctx := context.Background()
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	r, err := OpenReader(path)
	if err != nil {
		return err
	}
	p, err := todaysPrices.plan(ctx, r)
	if err != nil {
		return err
	}
	n := int64(0)
	for part := range p.Parts() {
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			return err
		}
		part.N = n
		did, err := s.Reprice(ctx, part)
		if err != nil {
			return err
		}
		n = did.N
		fmt.Println(len(did.Changes))
	}
	return errors.New("nobody killed it")
}

// Killed at any moment a correction is as far as it got, whole: the record
// agrees with itself, and the next run does the rest.
func TestKilledRepriceIsFinishedByTheNext(t *testing.T) {
	kills := fewer(3)
	path := filepath.Join(t.TempDir(), "llmgw.db")
	s := openStoreAt(t, path, Options{})
	chargedCalls(t, s, rand.New(rand.NewPCG(13, 14)), 240*kills)
	all := len(plan(t, openReader(t, path), todaysPrices).Attempts)
	closeStore(t, s)
	for n := range kills {
		killDuring(t, path, repriceEnv)
		r := openReader(t, path)
		checkMoneyOf(t, r)
		if left := len(plan(t, r, todaysPrices).Attempts); left > all-(n+1)*repriceAttempts {
			t.Fatalf("after %d kills %d of %d are left", n+1, left, all)
		}
	}
	s = openStoreAt(t, path, Options{})
	r := openReader(t, path)
	apply(t, s, plan(t, r, todaysPrices))
	checkMoneyOf(t, r)
	list, err := r.Corrections(t.Context(), 10)
	if err != nil || len(list) != kills+1 || list[0].Finished.IsZero() || !list[1].Finished.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	sum := int64(0)
	for _, c := range list {
		sum += c.Attempts
	}
	if sum != int64(all) {
		t.Errorf("the corrections changed %d attempts, %d were to be", sum, all)
	}
}

// killDuring runs this binary as env says and kills it once it has printed a
// line. It may do one thing more meanwhile, and never all it has to, however
// late the kill comes.
func killDuring(t *testing.T, path, env string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "12"); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	if !scan.Scan() {
		t.Fatal("it said nothing")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for scan.Scan() { // until it is gone
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it ended by itself")
	}
}

// A correction is sent to a server as JSON.
func TestRepriceAsJSON(t *testing.T) {
	p := Reprice{N: 3, Who: "kim", What: "w", Prices: []string{frozen}, Attempts: []RepriceTarget{{"C", 2, 0}}, Last: true}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got Reprice
	if err := json.Unmarshal(text, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
		t.Errorf("%+v, %v", got, err)
	}
}
