package store

import (
	"reflect"
	"testing"
	"time"

	"llmgw/providers/price"
)

// What a server leaves comes back as it was, with the time it was said; what
// it never left is empty and no error.
func TestStateComesBack(t *testing.T) {
	s := openStore(t, Options{Now: func() time.Time { return epoch }})
	r := openReader(t, s.Path())
	if list, at, err := r.Caps(t.Context()); err != nil || list != nil || !at.IsZero() {
		t.Errorf("caps before any were said: %v at %v, %v", list, at, err)
	}
	caps := []Cap{{Name: "daily", Scope: "all", State: CapWarn, Limit: 10 * price.USD, Spent: 6 * price.USD, Held: 1,
		HeldBy: []CapHold{{Call: "01", N: 1, Amount: 1, Since: epoch}}, Per: "day", Timezone: "UTC", WindowStart: epoch, ResetsAt: epoch,
		Warned: []float64{0.5}, BurnPerHour: price.Of(price.USD), ExhaustedAt: epoch}}
	targets := Targets{
		Breakers:  []Breaker{{Target: "a/b", State: BreakerOpen, Since: epoch, Until: epoch, Reason: "why", Consecutive: 5, Failures: 5, Bad: 5, Cooldown: time.Minute}},
		Cooldowns: []Cooldown{{Key: "k_1 a/b", Since: epoch, Until: epoch, Reason: "rate_limited", Count: 2, Single: true, Step: time.Second}},
		Faults:    []TargetFault{{Target: "a/b", At: epoch, Fault: "server_error", HTTPStatus: 500, Said: "no", Call: "01"}},
	}
	setup := Setup{BaseURL: "http://127.0.0.1:4747", Bodies: "all", Providers: []SetupProvider{{Name: "a", Keys: []string{"k_1"}, Key: KeyConfigured}},
		Routes: []SetupRoute{{Model: "gpt-*", Targets: []string{"a/b"}}}, Caps: []string{"daily"}}
	reload := Reload{At: epoch, Error: "line 3: no"}
	s.SetCaps(caps)
	s.SetTargets(targets)
	s.SetSetup(setup)
	s.SetReload(reload)
	c, _ := begun(1)
	commit(t, s, Change{Call: c})
	gotCaps, at, err := r.Caps(t.Context())
	if err != nil || !at.Equal(epoch) || !reflect.DeepEqual(gotCaps, caps) {
		t.Errorf("caps %+v at %v, %v", gotCaps, at, err)
	}
	gotTargets, _, err := r.Targets(t.Context())
	if err != nil || !reflect.DeepEqual(gotTargets, targets) {
		t.Errorf("targets %+v, %v", gotTargets, err)
	}
	gotSetup, _, err := r.Setup(t.Context())
	if err != nil || !reflect.DeepEqual(gotSetup, setup) {
		t.Errorf("setup %+v, %v", gotSetup, err)
	}
	if got, err := r.Reloaded(t.Context()); err != nil || got != reload {
		t.Errorf("reload %+v, %v", got, err)
	}
}

// A window that has ended is a new one, at the local boundary.
func TestCapAt(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(month time.Month, day, hour, minute int) time.Time {
		return time.Date(2026, month, day, hour, minute, 0, 0, berlin)
	}
	for _, c := range []struct {
		per         string
		resets, now time.Time
		start, next time.Time // zero start: nothing changes
	}{
		{"day", at(11, 3, 0, 0), at(11, 2, 23, 59), time.Time{}, at(11, 3, 0, 0)},
		{"day", at(11, 3, 0, 0), at(11, 3, 0, 0), at(11, 3, 0, 0), at(11, 4, 0, 0)},
		{"day", at(10, 24, 0, 0), at(10, 25, 12, 0), at(10, 25, 0, 0), at(10, 26, 0, 0)}, // 25 hours long
		{"hour", at(11, 3, 5, 0), at(11, 3, 7, 30), at(11, 3, 7, 0), at(11, 3, 8, 0)},
		{"week", at(11, 2, 0, 0), at(11, 3, 0, 0), at(11, 2, 0, 0), at(11, 9, 0, 0)},
		{"month", at(11, 1, 0, 0), at(12, 24, 0, 0), at(12, 1, 0, 0), time.Date(2027, 1, 1, 0, 0, 0, 0, berlin)},
		{"rolling", at(11, 2, 0, 0), at(11, 3, 0, 0), time.Time{}, at(11, 2, 0, 0)},
		{"total", time.Time{}, at(11, 3, 0, 0), time.Time{}, time.Time{}},
	} {
		was := Cap{Limit: 10, Spent: 9, Held: 1, State: CapWarn, Per: c.per, Timezone: "Europe/Berlin", ResetsAt: c.resets, BurnPerHour: price.Of(1), ExhaustedAt: c.now}
		got := was.At(c.now)
		if c.start.IsZero() {
			if !reflect.DeepEqual(got, was) {
				t.Errorf("%s at %v: %+v", c.per, c.now, got)
			}
			continue
		}
		if !got.WindowStart.Equal(c.start) || !got.ResetsAt.Equal(c.next) {
			t.Errorf("%s at %v: window %v to %v, want %v to %v", c.per, c.now, got.WindowStart, got.ResetsAt, c.start, c.next)
		}
		if got.Spent != 0 || got.Left() != 9 || got.State != CapOK || got.BurnPerHour.Known || !got.ExhaustedAt.IsZero() {
			t.Errorf("%s at %v: %+v", c.per, c.now, got)
		}
	}
}

func TestBreakerStateAt(t *testing.T) {
	b := Breaker{State: BreakerOpen, Until: epoch}
	if b.StateAt(epoch.Add(-1)) != BreakerOpen || b.StateAt(epoch) != BreakerHalfOpen {
		t.Error("an open breaker is open until its time is over")
	}
	if (&Breaker{State: BreakerDisabled, Until: epoch}).StateAt(epoch) != BreakerDisabled {
		t.Error("a disabled target stays disabled")
	}
}
