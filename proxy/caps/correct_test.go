package caps

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"llmgw/providers/price"
)

// A corrected ledger has spent what one that was told the right amounts in the
// first place has, whatever the windows are and however late the correction.
func TestCorrectedLedgerIsTheOneToldTheTruth(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	caps := []Config{
		newCap("day", 1000*dollar), newCap("total", 1000*dollar, func(c *Config) { c.Per = PerTotal }),
		newCap("hour", 1000*dollar, func(c *Config) { c.Per = PerHour }),
		newCap("each", 1000*dollar, func(c *Config) { c.Per, c.Each = PerMonth, "project" }), rolling(6 * time.Hour),
	}
	for range 200 {
		told, corrected := newLedger(t, caps...), newLedger(t, caps...)
		var changes []Correction
		now := start
		for range 30 {
			now = now.Add(time.Duration(random.IntN(40)) * time.Minute)
			s := Scope{Project: fmt.Sprint(random.IntN(3))}
			was, is := price.Money(random.IntN(100))*cent, price.Money(random.IntN(100))*cent
			spend(t, corrected, s, was, now)
			spend(t, told, s, is, now)
			changes = append(changes, Correction{s, now, is - was})
		}
		now = now.Add(time.Duration(random.IntN(10)) * time.Hour)
		if err := corrected.Correct(now, func() ([]Correction, error) { return changes, nil }); err != nil {
			t.Fatal(err)
		}
		checkSame(t, corrected, told, now)
	}
}

func checkSame(t *testing.T, got, want *Ledger, now time.Time) {
	t.Helper()
	spent := func(l *Ledger) string {
		text := ""
		for _, s := range l.Snapshot(now) {
			if s.Spent != 0 {
				text += fmt.Sprintf("%s %s: %s, ", s.Name, s.Each, s.Spent)
			}
		}
		return text
	}
	if spent(got) != spent(want) {
		t.Fatalf("spent %s, want %s", spent(got), spent(want))
	}
}

func TestCorrect(t *testing.T) {
	day := newCap("day", dollar)
	roll := rolling(6 * time.Hour)
	quarterEnd := start.Add(15*time.Minute - time.Microsecond)
	yesterday := start.Add(-10 * time.Hour) // 23:00
	for _, tc := range []struct {
		name     string
		cap      Config
		restored []Entry
		change   Correction
		spent    price.Money
	}{
		{"more", day, []Entry{{At: start, Amount: 10 * cent}}, Correction{At: start, Delta: 5 * cent}, 15 * cent},
		{"less", day, []Entry{{At: start, Amount: 10 * cent}}, Correction{At: start, Delta: -5 * cent}, 5 * cent},
		{"never below nothing", day, []Entry{{At: start, Amount: 10 * cent}}, Correction{At: start, Delta: -dollar}, 0},
		{"of another window", day, []Entry{{At: start, Amount: 10 * cent}}, Correction{At: yesterday, Delta: 5 * cent}, 10 * cent},
		{"less of another window", day, []Entry{{At: start, Amount: 10 * cent}}, Correction{At: yesterday, Delta: -5 * cent}, 10 * cent},
		{"of another scope", newCap("day", dollar, func(c *Config) { c.Match.Model = "opus" }), nil, Correction{At: start, Delta: 5 * cent}, 0},
		{"read back from a quarter's sum", roll, []Entry{{At: quarterEnd, Amount: 10 * cent}}, Correction{At: start, Delta: -5 * cent}, 5 * cent},
		{"past every window", roll, nil, Correction{At: start.Add(-24 * time.Hour), Delta: 5 * cent}, 0},
		{"total", newCap("day", dollar, func(c *Config) { c.Per = PerTotal }), []Entry{{Amount: 10 * cent}}, Correction{At: start.AddDate(-3, 0, 0), Delta: -3 * cent}, 7 * cent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLedger(t, tc.cap)
			now := start.Add(20 * time.Minute)
			l.Restore(tc.restored, now)
			if err := l.Correct(now, func() ([]Correction, error) { return []Correction{tc.change}, nil }); err != nil {
				t.Fatal(err)
			}
			checkMoney(t, l, tc.cap.Name, now, tc.spent, 0)
		})
	}
}

// Money that is given back goes to those who wait; a failed correction changes
// nothing.
func TestCorrectServesWhoWaits(t *testing.T) {
	l := newLedger(t, newCap("day", dollar))
	spend(t, l, Scope{}, 90*cent, start)
	running, _ := l.Reserve(Scope{}, Ask{Call: "running", N: 1, Bound: price.Of(10 * cent)}, start)
	ticket := l.Queue(Scope{}, Ask{Call: "waiting", N: 1, Bound: price.Of(10 * cent)}, start)
	failed := errors.New("disk full")
	if err := l.Correct(start, func() ([]Correction, error) { return []Correction{{At: start, Delta: -dollar}}, failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	checkMoney(t, l, "day", start, 90*cent, 10*cent)
	if err := l.Correct(start, func() ([]Correction, error) { return []Correction{{At: start, Delta: -20 * cent}}, nil }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ticket.Ready():
	default:
		t.Error("the money is not given to the call that waits")
	}
	if h, _ := ticket.Leave(start); h == nil {
		t.Error("it holds nothing")
	}
	running.Release(start)
	checkMoney(t, l, "day", start, 70*cent, 10*cent)
}
