package store

import (
	"math/rand/v2"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// TestRollupsAreTheSumOfTheRows commits random changes, many of them twice,
// out of order or as corrections, across restarts, and has the rows added up
// anew. Nothing else is expected of rollups.
func TestRollupsAreTheSumOfTheRows(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	path := t.TempDir() + "/llmgw.db"
	var earlier []Change
	for range 4 {
		s := openStoreAt(t, path, Options{})
		for range fewer(150) {
			change := randomChange(random, earlier)
			commit(t, s, change)
			earlier = append(earlier, change)
			if random.IntN(3) == 0 {
				commit(t, s, earlier[random.IntN(len(earlier))])
			}
		}
		problems, err := openReader(t, path).Check(t.Context())
		if err != nil || len(problems) > 0 {
			t.Fatalf("Check: %q, %v", problems, err)
		}
		closeStore(t, s)
	}
}

// randomChange is a new call, or a change of one before.
func randomChange(random *rand.Rand, earlier []Change) Change {
	c, _ := begun(random.IntN(7200))
	if len(earlier) > 0 && random.IntN(2) == 0 {
		d := *earlier[random.IntN(len(earlier))].Call
		c = &d
	}
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	c.Project, c.Provider, c.Model = pick("a", "b"), pick("", "openai", "cache"), pick("", "gpt-5", "opus")
	c.Status = Status(pick("running", "ok", "error", "truncated", "blocked"))
	c.Cache, c.Worth = pick("", "hit", "miss"), price.Amount{Money: price.Money(random.IntN(1000)), Known: random.IntN(2) == 0}
	change := Change{Call: c}
	for n := range random.IntN(4) {
		change.Attempts = append(change.Attempts, &Attempt{
			CallID: c.ID, N: n + 1, Provider: pick("openai", "anthropic"), Model: pick("gpt-5", "opus"),
			StartedAt: c.StartedAt.Add(time.Duration(random.IntN(3600)) * time.Second),
			Duration:  time.Duration(random.IntN(2e9)), Outcome: pick("ok", "running", "timeout", "skipped", "lost_hedge"),
			Usage:      llm.Usage{Input: llm.Count{N: random.Int64N(1e6), Known: random.IntN(2) == 0}},
			Cost:       price.Amount{Money: price.Money(random.IntN(1e9)), Known: random.IntN(4) > 0},
			CostSource: pick(CostReported, CostEstimated, CostPlan, CostUnpriced),
			Worth:      price.Of(3),
		})
	}
	return change
}

func TestShares(t *testing.T) {
	c, a := ended(begun(0))
	second := *a
	second.N, second.Provider, second.CostSource, second.Cost = 2, "bedrock", CostEstimated, price.Of(40)
	second.StartedAt = a.StartedAt.Add(bucketWidth)
	skipped := Attempt{N: 3, Outcome: OutcomeSkipped, Provider: "openai", StartedAt: c.StartedAt}
	list := shares(c, []*Attempt{a, &second, &skipped})
	if len(list) != 2 {
		t.Fatalf("%d shares, want one for each target that was asked", len(list))
	}
	served, other := list[0].sum.n, list[1].sum.n
	if served[sumCalls] != 1 || served[sumAttempts] != 1 || served[sumReported] != 12_300_000_000 || served[sumInput] != 1000 {
		t.Errorf("at the target that served: %v", served)
	}
	if other[sumCalls] != 0 || other[sumAttempts] != 1 || other[sumEstimated] != 40 || other[sumReported] != 0 {
		t.Errorf("at the other: %v", other)
	}
	if list[1].key.bucket-list[0].key.bucket != bucketWidth.Microseconds() {
		t.Errorf("an attempt must count in the quarter in which it started")
	}
	c.Status = StatusRunning
	if shares(c, []*Attempt{a}) != nil {
		t.Error("a running call has a share")
	}
}

func TestSharesOfWhatIsNotCharged(t *testing.T) {
	c, a := ended(begun(0))
	a.CostSource, a.Cost, a.Worth = CostPlan, price.Of(0), price.Of(9)
	if n := shares(c, []*Attempt{a})[0].sum.n; n[sumPlan] != 9 || n[sumReported] != 0 || n[sumUnpriced] != 0 {
		t.Errorf("on a plan: %v", n)
	}
	a.CostSource, a.Cost, a.Worth = CostUnpriced, price.Amount{}, price.Amount{}
	if n := shares(c, []*Attempt{a})[0].sum.n; n[sumReported] != 0 || n[sumUnpriced] != 1 {
		t.Errorf("unpriced: %v", n)
	}
	a.CostSource, a.Outcome = "", string(llm.Connect)
	if n := shares(c, []*Attempt{a})[0].sum.n; n[sumUnpriced] != 0 || n[sumFailedAttempts] != 1 {
		t.Errorf("failed before anything was charged: %v", n)
	}
	c.Cache, c.Provider, c.Worth = CacheHit, "cache", price.Of(8)
	if n := shares(c, nil)[0].sum.n; n[sumHits] != 1 || n[sumSaved] != 8 || n[sumUnpriced] != 0 {
		t.Errorf("from the cache: %v", n)
	}
}

// TestLatencyBuckets checks every bucket's bounds against the function that
// chooses it.
func TestLatencyBuckets(t *testing.T) {
	for i := range latencySlots {
		start, end := latencyStart(i), latencyStart(i+1)
		if latencySlot(start) != i || latencySlot(end-1) != i {
			t.Fatalf("bucket %d is %v to %v, but those go to %d and %d", i, start, end, latencySlot(start), latencySlot(end-1))
		}
	}
	if latencySlot(-1) != 0 || latencySlot(100*time.Hour) != latencySlots-1 {
		t.Error("what is out of range must go to the ends")
	}
}

func TestLatencyQuantile(t *testing.T) {
	var l Latency
	if _, ok := l.Quantile(0.5); ok {
		t.Error("a quantile of nothing")
	}
	for ms := range 1000 {
		l.Add(time.Duration(ms+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: time.Millisecond, 0.5: 500 * time.Millisecond, 0.95: 950 * time.Millisecond, 1: time.Second} {
		got, _ := l.Quantile(q)
		if got < want || got > want*5/4+latencyUnit {
			t.Errorf("quantile %v = %v, want %v and at most a quarter more", q, got, want)
		}
	}
	var back Latency
	if err := back.decode(l.encode()); err != nil || back != l {
		t.Errorf("decoded as %v, %v", back, err)
	}
	if back.decode([]byte{200}) == nil || back.decode([]byte{1}) == nil {
		t.Error("a broken histogram was accepted")
	}
}
