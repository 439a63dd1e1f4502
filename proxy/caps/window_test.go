package caps

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"llmgw/providers/price"
)

func berlin(per string) Config {
	return newCap("c", dollar, func(c *Config) { c.Per, c.Timezone = per, "Europe/Berlin" })
}

// One reset each, at the local boundary, however long nobody looked.
func TestWindowsReset(t *testing.T) {
	for _, tc := range []struct {
		name, per      string
		spent, at, end string // money is spent, looked at, and the window then resets
		want           price.Money
	}{
		{"the same day", PerDay, "2026-11-22T00:00:00+01:00", "2026-11-22T23:59:59+01:00", "2026-11-23T00:00:00+01:00", cent},
		{"the next day", PerDay, "2026-11-22T23:59:59+01:00", "2026-11-23T00:00:00+01:00", "2026-11-24T00:00:00+01:00", 0},
		{"asleep for weeks", PerDay, "2026-11-01T12:00:00+01:00", "2026-11-22T07:00:00+01:00", "2026-11-23T00:00:00+01:00", 0},
		{"the 25th hour of a day", PerDay, "2026-10-25T00:10:00+02:00", "2026-10-25T23:59:59+01:00", "2026-10-26T00:00:00+01:00", cent},
		{"after a day of 23 hours", PerDay, "2026-03-29T00:10:00+01:00", "2026-03-30T00:00:00+02:00", "2026-03-31T00:00:00+02:00", 0},
		{"Sunday night", PerWeek, "2026-11-16T00:00:00+01:00", "2026-11-22T23:59:59+01:00", "2026-11-23T00:00:00+01:00", cent},
		{"Monday", PerWeek, "2026-11-22T23:59:59+01:00", "2026-11-23T00:00:00+01:00", "2026-11-30T00:00:00+01:00", 0},
		{"the month's 31st", PerMonth, "2026-10-01T00:00:00+02:00", "2026-10-31T23:59:59+01:00", "2026-11-01T00:00:00+01:00", cent},
		{"the month's first", PerMonth, "2026-10-31T23:59:59+01:00", "2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00", 0},
		{"the hour", PerHour, "2026-11-22T12:00:00+01:00", "2026-11-22T12:59:59+01:00", "2026-11-22T13:00:00+01:00", cent},
		{"the hour shown twice", PerHour, "2026-10-25T02:10:00+02:00", "2026-10-25T02:10:00+01:00", "2026-10-25T03:00:00+01:00", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := New([]Config{berlin(tc.per)}, instant(t, tc.spent))
			if err != nil {
				t.Fatal(err)
			}
			spend(t, l, Scope{}, cent, instant(t, tc.spent))
			s := status(t, l, "c", instant(t, tc.at))
			if s.Spent != tc.want || !s.ResetsAt.Equal(instant(t, tc.end)) {
				t.Errorf("spent %s, resets %s, want %s and %s", s.Spent, s.ResetsAt, tc.want, tc.end)
			}
		})
	}
}

func TestTotalNeverResets(t *testing.T) {
	l := newLedger(t, newCap("c", dollar, func(c *Config) { c.Per = PerTotal }))
	spend(t, l, Scope{}, cent, start)
	s := status(t, l, "c", start.AddDate(20, 0, 0))
	if s.Spent != cent || !s.ResetsAt.IsZero() || !s.WindowStart.IsZero() {
		t.Errorf("got %+v", s)
	}
}

// A call that outlives its window is charged to it, and the next one is not
// burdened: the record counts attempts by their start as well.
func TestHoldOverABoundary(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	night := time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC)
	day := night.Add(2 * time.Second)
	h, _ := l.Reserve(Scope{}, ask(60*cent), night)
	checkMoney(t, l, "c", day, 0, 0)
	if _, r := l.Reserve(Scope{}, ask(dollar), day); r != nil {
		t.Errorf("the new day refused: %v", r)
	}
	h.Settle(price.Of(55*cent), day)
	checkMoney(t, l, "c", day, 0, dollar)
	checkMoney(t, l, "c", night, 55*cent, 0) // never lost: a clock set back finds it
}

// What it then costs is news of yesterday's window, not of today's.
func TestNoWarningForAWindowThatEnded(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	h, _ := l.Reserve(Scope{}, ask(60*cent), start)
	if got := h.Settle(price.Of(60*cent), start.Add(24*time.Hour)); got.Warnings != nil {
		t.Errorf("warned: %+v", got.Warnings)
	}
}

// SF-B10: a clock set back refunds nothing, one set forth again resets nothing
// a second time.
func TestClockSetBack(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	tomorrow := start.Add(24 * time.Hour)
	spend(t, l, Scope{}, 90*cent, start)
	spend(t, l, Scope{}, 80*cent, tomorrow)
	for _, step := range []struct {
		name  string
		at    time.Time
		spent price.Money
	}{
		{"back into yesterday", start.Add(time.Hour), 90 * cent},
		{"forth again", tomorrow.Add(time.Minute), 80 * cent},
		{"back before the ledger began: its first window", start.AddDate(-1, 0, 0), 90 * cent},
		{"years ahead", start.AddDate(4, 0, 0), 0},
		{"and corrected", tomorrow, 80 * cent},
	} {
		if s := status(t, l, "c", step.at); s.Spent != step.spent {
			t.Errorf("%s: spent %s, want %s", step.name, s.Spent, step.spent)
		}
	}
	spend(t, l, Scope{}, 10*cent, start.AddDate(-1, 0, 0))
	checkMoney(t, l, "c", start, dollar, 0)
	if _, r := l.Reserve(Scope{}, ask(1), start.AddDate(-1, 0, 0)); r == nil {
		t.Error("a clock set back a year makes room")
	}
}

func rolling(window time.Duration) Config {
	return newCap("c", 1000*dollar, func(c *Config) { c.Per, c.Window = PerRolling, window })
}

// What a rolling cap counts is at least what was spent within its window, and
// at most what was within it and two slots.
func TestRollingNeverCountsTooLittle(t *testing.T) {
	for _, window := range []time.Duration{time.Second, time.Minute, 6 * time.Hour, 30 * 24 * time.Hour} {
		type spent struct {
			at time.Time
			m  price.Money
		}
		var all []spent
		l := newLedger(t, rolling(window))
		slot := max(window/slots, time.Millisecond)
		now := start
		for range 3000 {
			now = now.Add(rand.N(window / 100))
			m := price.Money(rand.Int64N(int64(cent)))
			spend(t, l, Scope{}, m, now)
			all = append(all, spent{now, m})
			var least, most price.Money
			for i := len(all) - 1; i >= 0 && now.Sub(all[i].at) < window+2*slot; i-- {
				most += all[i].m
				if now.Sub(all[i].at) < window {
					least += all[i].m
				}
			}
			if got := status(t, l, "c", now).Spent; got < least || got > most {
				t.Fatalf("window %s: counts %s, want %s to %s", window, got, least, most)
			}
		}
	}
}

func TestRollingLetsMoneyLeave(t *testing.T) {
	l := newLedger(t, newCap("c", dollar, func(c *Config) { c.Per, c.Window = PerRolling, 4*time.Hour }))
	spend(t, l, Scope{}, 60*cent, start)
	spend(t, l, Scope{}, 30*cent, start.Add(time.Hour))
	now := start.Add(2 * time.Hour)
	_, r := l.Reserve(Scope{}, ask(50*cent), now)
	if r == nil {
		t.Fatal("not refused")
	}
	if r.ResetsAt.Before(start.Add(4*time.Hour)) || r.ResetsAt.After(start.Add(4*time.Hour+2*time.Minute)) {
		t.Errorf("resets %s, want just after the first money is 4 h old", r.ResetsAt)
	}
	if _, early := l.Reserve(Scope{}, ask(50*cent), r.ResetsAt.Add(-1)); early == nil {
		t.Error("passes before the reset that was named")
	}
	if _, r = l.Reserve(Scope{}, ask(50*cent), r.ResetsAt); r != nil {
		t.Errorf("refused at the reset that was named: %v", r)
	}
	if _, r = l.Reserve(Scope{}, ask(2*dollar), now); !r.ResetsAt.IsZero() {
		t.Errorf("what never fits resets at %s", r.ResetsAt)
	}
}

// A running call counts however long it runs; settled, it counts from its start.
func TestRollingHold(t *testing.T) {
	l := newLedger(t, rolling(time.Hour))
	h, _ := l.Reserve(Scope{}, ask(dollar), start)
	later := start.Add(90 * time.Minute)
	checkMoney(t, l, "c", later, 0, dollar)
	h.Settle(price.Of(dollar), later)
	checkMoney(t, l, "c", later, 0, 0)
}

func TestRollingClockSetBack(t *testing.T) {
	l := newLedger(t, rolling(time.Hour))
	spend(t, l, Scope{}, cent, start.Add(10*time.Minute))
	for _, back := range []time.Duration{time.Minute, 20 * time.Minute, 24 * time.Hour} {
		checkMoney(t, l, "c", start.Add(10*time.Minute-back), cent, 0)
	}
	wrong := start.AddDate(4, 0, 0)
	checkMoney(t, l, "c", wrong, 0, 0)
	spend(t, l, Scope{}, dollar, wrong)
	checkMoney(t, l, "c", start.Add(11*time.Minute), cent, 0) // set right: it must not count for four years
}

func TestDroppedAccountIsOpenedAgain(t *testing.T) {
	l := newLedger(t, newCap("c", dollar, func(c *Config) { c.Each = "session" }))
	s := Scope{Session: "s"}
	h, _ := l.Reserve(s, ask(cent), start)
	h.Release(start)
	l.limits[0].sweep(start)
	spend(t, l, s, cent, start)
	checkMoney(t, l, "c", start, cent, 0)
}

// Sessions come and go: those with nothing in their window are dropped, those
// with money are not.
func TestIdleAccountsAreDropped(t *testing.T) {
	l := newLedger(t, newCap("c", dollar, func(c *Config) { c.Each = "session" }))
	tomorrow := start.Add(24 * time.Hour)
	spend(t, l, Scope{Session: "busy"}, cent, tomorrow)
	held, _ := l.Reserve(Scope{Session: "held"}, ask(cent), start)
	for i := range 3 * sweepFrom {
		spend(t, l, Scope{Session: fmt.Sprint(i)}, cent, start.Add(time.Duration(i)))
	}
	for i := range 3 * sweepFrom {
		spend(t, l, Scope{Session: fmt.Sprint("x", i)}, cent, tomorrow)
	}
	all := l.Snapshot(tomorrow)
	if len(all) > 4*sweepFrom+2 {
		t.Errorf("%d accounts", len(all))
	}
	held.Settle(price.Of(cent), tomorrow)
	for _, s := range all {
		if s.Each == "busy" && s.Spent == cent {
			return
		}
	}
	t.Error("an account with money was dropped")
}
