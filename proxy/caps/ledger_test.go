package caps

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"llmgw/providers/price"
)

const (
	dollar = price.USD
	cent   = price.USD / 100
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// newCap is a hard cap per day in UTC, changed by with.
func newCap(name string, usd price.Money, with ...func(*Config)) Config {
	c := DefaultConfig()
	c.Name, c.USD, c.Timezone = name, price.Of(usd), "UTC"
	for _, change := range with {
		change(&c)
	}
	return c
}

func newLedger(t testing.TB, caps ...Config) *Ledger {
	t.Helper()
	l, err := New(caps, start)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ask(bound price.Money) Ask { return Ask{Call: "call", N: 1, Bound: price.Of(bound)} }

// status is the only status of a cap.
func status(t testing.TB, l *Ledger, name string, now time.Time) Status {
	t.Helper()
	for _, s := range l.Snapshot(now) {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no cap %s", name)
	return Status{}
}

func checkMoney(t testing.TB, l *Ledger, name string, now time.Time, spent, held price.Money) {
	t.Helper()
	if s := status(t, l, name, now); s.Spent != spent || s.Held != held {
		t.Errorf("cap %s has spent %s and holds %s, want %s and %s", name, s.Spent, s.Held, spent, held)
	}
}

func spend(t testing.TB, l *Ledger, s Scope, m price.Money, now time.Time) Settlement {
	t.Helper()
	h, r := l.Reserve(s, ask(m), now)
	if r != nil {
		t.Fatalf("refused: %v", r)
	}
	return h.Settle(price.Of(m), now)
}

func TestAdmission(t *testing.T) {
	expected := func(c *Config) { c.Enforce = EnforceExpected }
	warn := func(c *Config) { c.Action = ActionWarn }
	window := func(c *Config) { c.Unbounded = UnboundedWindow }
	still := func(c *Config) { c.Clamp = false }
	unpriced, unbounded := Ask{}, Ask{Unbounded: true}
	unboundedPriced := Ask{Unbounded: true, Bound: price.Of(50 * cent)}
	lowered := func(floor, bound price.Money) Ask { return Ask{Bound: price.Of(bound), Floor: price.Of(floor)} }
	likely := func(likely, bound price.Money) Ask { return Ask{Bound: price.Of(bound), Likely: price.Of(likely)} }
	for _, tc := range []struct {
		name   string
		cap    Config
		ask    Ask
		reason Reason      // "": passes
		held   price.Money // then
	}{
		{"exactly what is left", newCap("c", dollar), ask(dollar), "", dollar},
		{"a pico-dollar more", newCap("c", dollar), ask(dollar + 1), ReasonRoom, 0},
		{"free under a cap of 0", newCap("c", 0), ask(0), "", 0},
		{"a pico-dollar under a cap of 0", newCap("c", 0), ask(1), ReasonRoom, 0},
		{"no known price", newCap("c", dollar), unpriced, ReasonUnpriced, 0},
		{"unbounded", newCap("c", dollar), unboundedPriced, ReasonUnbounded, 0},
		{"unbounded, the window held", newCap("c", dollar, window), unboundedPriced, "", 50 * cent},
		{"unbounded, no known window", newCap("c", dollar, window), unbounded, ReasonUnbounded, 0},
		{"free although unbounded", newCap("c", 0), Ask{Unbounded: true, Bound: price.Of(0)}, "", 0},
		{"a negative bound is no bound", newCap("c", dollar), ask(-1), ReasonUnpriced, 0},

		{"clamped to what fits", newCap("c", dollar), lowered(cent, 2*dollar), "", dollar},
		{"not clamped where it fits", newCap("c", dollar), lowered(cent, 50*cent), "", 50 * cent},
		{"clamping is not enough", newCap("c", dollar), lowered(dollar+1, 2*dollar), ReasonRoom, 0},
		{"clamping forbidden", newCap("c", dollar, still), lowered(cent, 2*dollar), ReasonRoom, 0},

		{"expected holds the likely cost", newCap("c", dollar, expected), likely(10*cent, 2*dollar), "", 10 * cent},
		{"expected refuses what likely does not fit", newCap("c", dollar, expected), likely(dollar+1, 2*dollar), ReasonRoom, 0},
		{"expected holds no more than the bound", newCap("c", dollar, expected), likely(2*dollar, 10*cent), "", 10 * cent},
		{"expected without a likely cost holds the bound", newCap("c", dollar, expected), ask(10 * cent), "", 10 * cent},
		{"expected lets an unknown price pass", newCap("c", dollar, expected), unpriced, "", 0},
		{"expected with nothing left lets none pass", newCap("c", 0, expected), unpriced, ReasonRoom, 0},
		{"expected with nothing left, likely nothing", newCap("c", 0, expected), likely(0, 1), ReasonRoom, 0},
		{"expected lets the unbounded pass", newCap("c", dollar, expected), Ask{Unbounded: true, Likely: price.Of(cent)}, "", cent},
		{"expected clamps too", newCap("c", dollar, expected), Ask{Bound: price.Of(3 * dollar), Likely: price.Of(2 * dollar), Floor: price.Of(cent)}, "", dollar},

		{"warn lets everything pass", newCap("c", dollar, warn), ask(5 * dollar), "", 5 * dollar},
		{"warn lets an unknown price pass", newCap("c", 0, warn), unpriced, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLedger(t, tc.cap)
			h, r := l.Reserve(Scope{}, tc.ask, start)
			if tc.reason == "" && r != nil || r != nil && r.Reason != tc.reason || tc.reason != "" && r == nil {
				t.Fatalf("refusal %v, want reason %q", r, tc.reason)
			}
			checkMoney(t, l, "c", start, 0, tc.held)
			h.Release(start)
			checkMoney(t, l, "c", start, 0, 0)
		})
	}
}

func TestClampedBound(t *testing.T) {
	l := newLedger(t, newCap("wide", 10*dollar), newCap("tight", dollar))
	a := Ask{Bound: price.Of(2 * dollar), Floor: price.Of(cent)}
	h, r := l.Reserve(Scope{}, a, start)
	if r != nil || h.Bound != price.Of(dollar) || h.Held != price.Of(dollar) {
		t.Fatalf("got %+v, %v, want a hold of the tightest room", h, r)
	}
	checkMoney(t, l, "wide", start, 0, dollar) // no more than the call may now cost
}

func TestHeldInEveryCapOrNone(t *testing.T) {
	l := newLedger(t, newCap("a", 10*dollar), newCap("b", cent), newCap("c", 10*dollar))
	if _, r := l.Reserve(Scope{}, ask(2*cent), start); r == nil || r.Cap != "b" {
		t.Fatalf("got %v, want a refusal by b", r)
	}
	for _, name := range []string{"a", "b", "c"} {
		checkMoney(t, l, name, start, 0, 0)
	}
}

func TestCapsApplyWhereTheyMatch(t *testing.T) {
	l := newLedger(t,
		newCap("opus", cent, func(c *Config) { c.Match.Model = "*opus*" }),
		newCap("session", 10*cent, func(c *Config) { c.Each = "session" }),
	)
	opus := Scope{Model: "claude-opus-4-5", Session: "s1"}
	spend(t, l, opus, cent, start)
	if _, r := l.Reserve(opus, ask(cent), start); r == nil || r.Cap != "opus" {
		t.Errorf("got %v, want a refusal by opus", r)
	}
	spend(t, l, Scope{Model: "gpt-4o", Session: "s1"}, 9*cent, start)
	if _, r := l.Reserve(Scope{Model: "gpt-4o", Session: "s1"}, ask(1), start); r == nil || r.Cap != "session" || r.Each != "s1" {
		t.Errorf("got %v, want a refusal by session s1", r)
	}
	spend(t, l, Scope{Model: "gpt-4o", Session: "s2"}, 10*cent, start)
	var seen []string
	for _, s := range l.Snapshot(start) {
		seen = append(seen, s.Name+" "+s.Each)
	}
	if want := []string{"opus ", "session s1", "session s2"}; !slices.Equal(seen, want) {
		t.Errorf("snapshot shows %q, want %q", seen, want)
	}
}

func TestRefusal(t *testing.T) {
	l := newLedger(t, newCap("daily", dollar))
	spend(t, l, Scope{}, 50*cent, start)
	first, _ := l.Reserve(Scope{}, Ask{Call: "01A", Bound: price.Of(30 * cent)}, start)
	_, r := l.Reserve(Scope{}, ask(25*cent), start)
	if r == nil {
		t.Fatal("not refused")
	}
	if r.Limit != dollar || r.Spent != 50*cent || r.Held != 30*cent || r.Room != 20*cent || r.Need != price.Of(25*cent) ||
		!r.ResetsAt.Equal(start.Add(15*time.Hour)) || !r.CanWait || !slices.Equal(r.Holders, []string{"01A"}) || r.Action != ActionBlock {
		t.Errorf("got %+v", r)
	}
	want := "cap daily: of 1 USD 0.5 are spent and 0.3 held; this call needs 0.25 and 0.2 would fit; resets 2026-11-23T00:00:00Z"
	if r.Error() != want {
		t.Errorf("got  %s\nwant %s", r, want)
	}
	first.Settle(price.Of(30*cent), start)
	if _, r = l.Reserve(Scope{}, ask(25*cent), start); r == nil || r.CanWait {
		t.Errorf("got %+v, want a refusal that waiting cannot help", r)
	}
}

// Waiting for one cap is pointless while another refuses for good.
func TestRefusalNamesTheCapThatCannotBeHelped(t *testing.T) {
	l := newLedger(t, newCap("busy", dollar), newCap("spent", cent, func(c *Config) {
		c.Match.Model = "opus"
		c.Action, c.Substitute = ActionSubstitute, "ollama/qwen3"
	}))
	if _, r := l.Reserve(Scope{Model: "haiku"}, ask(dollar), start); r != nil {
		t.Fatal(r)
	}
	_, r := l.Reserve(Scope{Model: "opus"}, ask(2*cent), start)
	if r == nil || r.Cap != "spent" || r.CanWait || r.Substitute != "ollama/qwen3" {
		t.Errorf("got %+v, want the substituting cap", r)
	}
}

func TestUnpricedIsNotWaitedFor(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	_, r := l.Reserve(Scope{}, Ask{}, start)
	if r.CanWait || r.Need.Known || !strings.Contains(r.Error(), "no known price") || !strings.Contains(r.Hint(), "prices.model") {
		t.Errorf("got %+v: %v", r, r)
	}
}

// SF-B1: room for one call of fifty that come at once.
func TestConcurrentCallsGetExactlyWhatFits(t *testing.T) {
	for _, tc := range []struct {
		each price.Money
		want int
	}{{10 * cent, 0}, {5 * cent, 1}, {2 * cent, 2}, {cent, 5}} {
		l := newLedger(t, newCap("c", dollar))
		spend(t, l, Scope{}, 95*cent, start)
		var wg sync.WaitGroup
		holds := make(chan *Hold, 50)
		for range 50 {
			wg.Go(func() {
				if h, _ := l.Reserve(Scope{}, ask(tc.each), start); h != nil {
					holds <- h
				}
			})
		}
		wg.Wait()
		if len(holds) != tc.want {
			t.Errorf("%d calls of %s passed, want %d", len(holds), tc.each, tc.want)
		}
		checkMoney(t, l, "c", start, 95*cent, price.Money(tc.want)*tc.each)
	}
}

func TestEndsOnce(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	var none *Hold
	none.Release(start)
	if got := none.Settle(price.Of(cent), start); got.Charged != 0 {
		t.Errorf("a nil hold settled to %+v", got)
	}
	h, _ := l.Reserve(Scope{}, ask(10*cent), start)
	if got := h.Settle(price.Of(cent), start); got.Charged != cent {
		t.Errorf("charged %s", got.Charged)
	}
	h.Settle(price.Of(9*cent), start)
	h.Release(start)
	checkMoney(t, l, "c", start, cent, 0)
}

func TestSettle(t *testing.T) {
	for _, tc := range []struct {
		name     string
		actual   price.Amount
		charged  price.Money
		overruns int
	}{
		{"less than held", price.Of(cent), cent, 0},
		{"as held", price.Of(10 * cent), 10 * cent, 0},
		{"nothing", price.Of(0), 0, 0},
		{"more than held", price.Of(11 * cent), 11 * cent, 1},
		{"unknown: what was held", price.Amount{}, 10 * cent, 0},
		{"negative: what was held", price.Of(-cent), 10 * cent, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLedger(t, newCap("c", dollar), newCap("likely", dollar, func(c *Config) { c.Enforce = EnforceExpected }))
			h, _ := l.Reserve(Scope{}, Ask{Bound: price.Of(10 * cent), Likely: price.Of(5 * cent)}, start)
			got := h.Settle(tc.actual, start)
			if got.Charged != tc.charged || len(got.Overruns) != tc.overruns {
				t.Errorf("got %+v", got)
			}
			if tc.overruns > 0 && got.Overruns[0] != (Overrun{Cap: "c", Held: 10 * cent, Actual: tc.actual.Money}) {
				t.Errorf("overrun %+v", got.Overruns[0])
			}
			checkMoney(t, l, "c", start, tc.charged, 0)
			checkMoney(t, l, "likely", start, tc.charged, 0)
		})
	}
}

func TestAnOverrunLeavesNoRoom(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	h, _ := l.Reserve(Scope{}, ask(dollar), start)
	h.Settle(price.Of(3*dollar), start)
	if room, limited := l.Fits(Scope{}, start); room != -2*dollar || !limited {
		t.Errorf("room %s, %v", room, limited)
	}
	if _, r := l.Reserve(Scope{}, ask(1), start); r == nil || r.Room != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestSumsDoNotOverflow(t *testing.T) {
	const most = 1<<63 - 1
	l := newLedger(t, newCap("c", dollar, func(c *Config) { c.Action = ActionWarn }))
	var holds []*Hold
	for range 3 {
		h, r := l.Reserve(Scope{}, ask(most), start)
		if r != nil {
			t.Fatal(r)
		}
		holds = append(holds, h)
	}
	checkMoney(t, l, "c", start, 0, most)
	for _, h := range holds {
		h.Settle(price.Of(most), start)
	}
	checkMoney(t, l, "c", start, most, 0)
}

func TestFits(t *testing.T) {
	l := newLedger(t, newCap("all", dollar), newCap("opus", 10*cent, func(c *Config) { c.Match.Model = "opus" }),
		newCap("hint", cent, func(c *Config) { c.Action = ActionWarn }))
	if room, limited := l.Fits(Scope{Model: "opus"}, start); room != 10*cent || !limited {
		t.Errorf("opus: %s, %v", room, limited)
	}
	if room, limited := l.Fits(Scope{Model: "haiku"}, start); room != dollar || !limited {
		t.Errorf("haiku: %s, %v", room, limited)
	}
	if room, limited := newLedger(t).Fits(Scope{}, start); room != 0 || limited {
		t.Errorf("no caps: %s, %v", room, limited)
	}
}

func TestWarnings(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	shares := func(s Settlement) (all []float64) {
		for _, w := range s.Warnings {
			all = append(all, w.Share)
		}
		return all
	}
	now := start
	for i, tc := range []struct {
		spend price.Money
		want  []float64
	}{
		{50*cent - 1, nil},
		{1, []float64{0.5}},
		{30*cent - 1, nil},
		{cent, []float64{0.8}},
		{19*cent + 1, []float64{1}},
	} {
		if got := shares(spend(t, l, Scope{}, tc.spend, now)); !slices.Equal(got, tc.want) {
			t.Errorf("step %d: warned at %v, want %v", i, got, tc.want)
		}
	}
	now = now.Add(24 * time.Hour)
	if got := shares(spend(t, l, Scope{}, 90*cent, now)); !slices.Equal(got, []float64{0.5, 0.8}) {
		t.Errorf("the next day warned at %v", got)
	}
	// A clock set back into a window that has warned.
	if got := shares(spend(t, l, Scope{}, 0, start)); got != nil {
		t.Errorf("warned again at %v", got)
	}
}

func TestWarnCapSaysWhatItLetPass(t *testing.T) {
	l := newLedger(t, newCap("c", dollar, func(c *Config) { c.Action = ActionWarn }))
	for range 2 { // each such call is told about, unlike a threshold
		h, _ := l.Reserve(Scope{}, ask(dollar+1), start)
		if len(h.Warnings) != 1 || !h.Warnings[0].Passed || h.Warnings[0].Cap != "c" {
			t.Errorf("warnings %+v", h.Warnings)
		}
		h.Release(start)
	}
	if h, _ := l.Reserve(Scope{}, ask(dollar), start); h.Warnings != nil {
		t.Errorf("warnings %+v for a call that fits", h.Warnings)
	}
}

func TestNewRefusesBadCaps(t *testing.T) {
	bad := newCap("a", dollar, func(c *Config) { c.Per = "fortnight" })
	_, err := New([]Config{bad, newCap("b", dollar), newCap("b", dollar)}, start)
	if err == nil || !strings.Contains(err.Error(), `cap 1 "a": per: "fortnight"`) || !strings.Contains(err.Error(), `cap 3 "b": name: another cap has it`) {
		t.Errorf("got %v", err)
	}
}
