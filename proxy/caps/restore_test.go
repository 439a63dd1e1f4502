package caps

import (
	"errors"
	"testing"
	"time"

	"llmgw/providers/price"
)

func TestSince(t *testing.T) {
	midnight := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	total := func(c *Config) { c.Per = PerTotal }
	month := func(c *Config) { c.Per = PerMonth }
	for _, tc := range []struct {
		name  string
		caps  []Config
		since time.Time
		total bool
	}{
		{"no caps need nothing", nil, start, false},
		{"a day", []Config{newCap("a", dollar)}, midnight, false},
		{"total needs a sum only", []Config{newCap("a", dollar, total)}, start, true},
		{"the earliest", []Config{newCap("a", dollar), newCap("b", dollar, month), newCap("c", dollar, total)}, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), true},
	} {
		l := newLedger(t, tc.caps...)
		if since, total := l.Since(start); !since.Equal(tc.since) || total != tc.total {
			t.Errorf("%s: %s, %v, want %s, %v", tc.name, since, total, tc.since, tc.total)
		}
	}
	l := newLedger(t, rolling(6*time.Hour))
	if since, _ := l.Since(start); since.After(start.Add(-6 * time.Hour)) {
		t.Errorf("a rolling window needs more than since %s", since)
	}
}

func TestRestore(t *testing.T) {
	l := newLedger(t, newCap("day", dollar), newCap("total", 5*dollar, func(c *Config) { c.Per = PerTotal }))
	tomorrow := start.Add(24 * time.Hour)
	l.Restore([]Entry{
		{Amount: 3 * dollar}, // everything before
		{At: start.Add(-time.Hour), Amount: 60 * cent},
		{At: start.Add(-24 * time.Hour), Amount: 7 * cent},                      // not of this day, though fed
		{At: start.Add(-time.Minute), Amount: 30 * cent, Call: "crashed", N: 1}, // its hold
		{At: tomorrow, Amount: 5 * cent},                                        // by a clock that was ahead
	}, start)
	checkMoney(t, l, "day", start, 90*cent, 0)
	checkMoney(t, l, "total", start, 3*dollar+102*cent, 0)
	if got := spend(t, l, Scope{}, cent, start); got.Warnings != nil {
		t.Errorf("warned again after a restart: %+v", got.Warnings)
	}
	checkMoney(t, l, "day", tomorrow, 5*cent, 0)
	checkMoney(t, l, "day", start.Add(-24*time.Hour), 91*cent, 0) // the first window known
}

// What the ledger counted before is replaced, and a rolling window shows at
// once what is in slots before the present one.
func TestRestoreReplaces(t *testing.T) {
	l := newLedger(t, newCap("day", dollar), newCap("roll", dollar, func(c *Config) { c.Per, c.Window = PerRolling, time.Hour }))
	spend(t, l, Scope{}, 90*cent, start)
	h, _ := l.Reserve(Scope{}, ask(cent), start)
	l.Restore([]Entry{{At: start.Add(-30 * time.Minute), Amount: 10 * cent}, {At: start.Add(-2 * time.Hour), Amount: 20 * cent}}, start)
	checkMoney(t, l, "day", start, 30*cent, cent)
	checkMoney(t, l, "roll", start, 10*cent, cent)
	h.Release(start)
	checkMoney(t, l, "roll", start, 10*cent, 0)
}

func TestReconfigure(t *testing.T) {
	day := newCap("day", dollar)
	l := newLedger(t, day)
	spend(t, l, Scope{}, 40*cent, start)
	h, _ := l.Reserve(Scope{Model: "opus"}, Ask{Call: "A", N: 1, Bound: price.Of(10 * cent)}, start)

	// The same money under another limit is not read anew.
	if err := l.Reconfigure([]Config{newCap("day", 2*dollar)}, start, nil); err != nil {
		t.Fatal(err)
	}
	checkMoney(t, l, "day", start, 40*cent, 10*cent)

	// A new cap reads the record, where the running call is unfinished and
	// another has settled without being on record yet.
	settled, _ := l.Reserve(Scope{Model: "opus"}, Ask{Call: "B", N: 2, Bound: price.Of(10 * cent)}, start)
	settled.Settle(price.Of(cent), start)
	load := func(since time.Time, total bool) ([]Entry, error) {
		if !since.Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)) || total {
			t.Errorf("asked since %s, total %v", since, total)
		}
		opus := Scope{Model: "opus"}
		return []Entry{
			{Scope: opus, At: since, Amount: 25 * cent},
			{Scope: opus, At: start, Amount: 10 * cent, Call: "A", N: 1},
			{Scope: opus, At: start, Amount: 10 * cent, Call: "B", N: 2},
			{Scope: Scope{Model: "haiku"}, At: start, Amount: 40 * cent},
		}, nil
	}
	month := newCap("month", dollar, func(c *Config) { c.Per, c.Match.Model = PerMonth, "opus" })
	if err := l.Reconfigure([]Config{month, day}, start, load); err != nil {
		t.Fatal(err)
	}
	checkMoney(t, l, "day", start, 41*cent, 10*cent)
	checkMoney(t, l, "month", start, 26*cent, 10*cent)

	h.Settle(price.Of(2*cent), start)
	checkMoney(t, l, "day", start, 43*cent, 0)
	checkMoney(t, l, "month", start, 28*cent, 0)
}

func TestReconfigureKeepsTheOldOnErrors(t *testing.T) {
	l := newLedger(t, newCap("day", dollar))
	spend(t, l, Scope{}, cent, start)
	broken := errors.New("disk")
	err := l.Reconfigure([]Config{newCap("other", dollar)}, start, func(time.Time, bool) ([]Entry, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := l.Reconfigure([]Config{newCap("", dollar)}, start, nil); err == nil {
		t.Error("a cap without a name is in force")
	}
	checkMoney(t, l, "day", start, cent, 0)
}

// A hold moves to caps that it does not fit, and lowering a limit refuses the
// next call, not the running one.
func TestReconfigureUnderRunningCalls(t *testing.T) {
	l := newLedger(t, newCap("day", dollar))
	h, _ := l.Reserve(Scope{}, ask(dollar), start)
	waiting := l.Queue(Scope{}, ask(dollar), start)
	if err := l.Reconfigure([]Config{newCap("day", 50*cent)}, start, nil); err != nil {
		t.Fatal(err)
	}
	checkMoney(t, l, "day", start, 0, dollar)
	if _, r := waiting.Leave(start); r == nil || r.CanWait || r.Limit != 50*cent {
		t.Errorf("who waited got %+v", r)
	}
	if err := l.Reconfigure(nil, start, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.Settle(price.Of(dollar), start); got.Charged != dollar || got.Overruns != nil {
		t.Errorf("got %+v", got)
	}
}

// Accounts that were dropped while a free call of theirs ran.
func TestReconfigureWithFreeCallsRunning(t *testing.T) {
	caps := []Config{newCap("c", 0, func(c *Config) { c.Each = "session" })}
	l := newLedger(t, caps...)
	h, _ := l.Reserve(Scope{Session: "s"}, ask(0), start)
	l.limits[0].sweep(start)
	if err := l.Reconfigure(caps, start, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.Settle(price.Of(cent), start); len(got.Overruns) != 1 {
		t.Errorf("a free call that cost money: %+v", got)
	}
	if s := l.Snapshot(start); len(s) != 1 || s[0].Spent != cent {
		t.Errorf("got %+v", s)
	}
}

// The caps that matched a call before a reload are not those that match it after.
func TestNewCapHoldsTheNextCall(t *testing.T) {
	l := newLedger(t, newCap("day", dollar))
	spend(t, l, Scope{Project: "shop"}, cent, start)
	nothing := func(time.Time, bool) ([]Entry, error) { return nil, nil }
	if err := l.Reconfigure([]Config{newCap("small", cent), newCap("day", dollar)}, start, nothing); err != nil {
		t.Fatal(err)
	}
	if _, r := l.Reserve(Scope{Project: "shop"}, ask(2*cent), start); r == nil || r.Cap != "small" {
		t.Errorf("two cents under a new cap of one: %+v", r)
	}
}
