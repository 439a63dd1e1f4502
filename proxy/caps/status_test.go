package caps

import (
	"slices"
	"testing"
	"time"

	"llmgw/providers/price"
)

func TestStates(t *testing.T) {
	warn := func(c *Config) { c.Action = ActionWarn }
	for _, tc := range []struct {
		name   string
		cap    Config
		spent  price.Money
		state  State
		warned []float64
	}{
		{"nothing spent", newCap("c", dollar), 0, StateOK, []float64{}},
		{"just below half", newCap("c", dollar), 50*cent - 1, StateOK, []float64{}},
		{"half", newCap("c", dollar), 50 * cent, StateWarn, []float64{0.5}},
		{"just below all", newCap("c", dollar), dollar - 1, StateWarn, []float64{0.5, 0.8}},
		{"all", newCap("c", dollar), dollar, StateBlocked, []float64{0.5, 0.8}},
		{"a cap of 0", newCap("c", 0), 0, StateBlocked, []float64{}},
		{"one that only warns", newCap("c", dollar, warn), 2 * dollar, StateWarn, []float64{0.5, 0.8}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLedger(t, tc.cap)
			l.Restore([]Entry{{At: start, Amount: tc.spent}}, start)
			s := status(t, l, "c", start)
			if s.State != tc.state || !slices.Equal(s.Warned, tc.warned) {
				t.Errorf("got %s, warned %v, want %s, %v", s.State, s.Warned, tc.state, tc.warned)
			}
		})
	}
}

func TestHolders(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	l.Reserve(Scope{}, Ask{Call: "B", N: 2, Bound: price.Of(cent)}, start.Add(time.Second))
	l.Reserve(Scope{}, Ask{Call: "A", N: 1, Bound: price.Of(2 * cent)}, start)
	l.Reserve(Scope{}, Ask{Call: "free", N: 1, Bound: price.Of(0)}, start)
	want := []Holder{{"A", 1, 2 * cent, start}, {"B", 2, cent, start.Add(time.Second)}}
	if got := status(t, l, "c", start).HeldBy; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := status(t, l, "c", start.Add(24*time.Hour)).HeldBy; len(got) != 0 {
		t.Errorf("the next day is held by %+v", got)
	}
}

func TestBurn(t *testing.T) {
	l := newLedger(t, newCap("c", 10*dollar))
	if s := status(t, l, "c", start); s.BurnPerHour.Known {
		t.Errorf("a rate from nothing: %+v", s.BurnPerHour)
	}
	now := start
	for range 60 { // $0.60 in an hour, evenly
		spend(t, l, Scope{}, cent, now)
		now = now.Add(time.Minute)
		s := status(t, l, "c", now)
		known := now.Sub(start) >= 5*time.Minute
		if s.BurnPerHour.Known != known {
			t.Fatalf("after %s the rate is known: %v", now.Sub(start), s.BurnPerHour.Known)
		}
		if r := s.BurnPerHour.Money; known && (r < 55*cent || r > 65*cent) {
			t.Fatalf("after %s: %s an hour, want about 0.6", now.Sub(start), r)
		}
	}
	if s := status(t, l, "c", now); !s.ExhaustedAt.IsZero() {
		t.Errorf("$9.40 at $0.60 an hour is not spent within the day, got %s", s.ExhaustedAt)
	}
	spend(t, l, Scope{}, 5*dollar, now)
	if s := status(t, l, "c", now); s.ExhaustedAt.Before(now) || s.ExhaustedAt.After(now.Add(20*time.Minute)) {
		t.Errorf("$4.40 at $20 an hour: spent at %s, now is %s", s.ExhaustedAt, now)
	}
	if s := status(t, l, "c", now.Add(time.Hour)); s.BurnPerHour != price.Of(0) || !s.ExhaustedAt.IsZero() {
		t.Errorf("after an idle hour: %+v", s)
	}
}
