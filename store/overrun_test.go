package store

import (
	"testing"
	"time"

	"llmgw/providers/price"
)

// Overruns are found by when and where their attempts were made, and stay what
// they were.
func TestOverruns(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	for i := range 4 {
		c, a := ended(begun(i * 60))
		a.Held = price.Of(5)
		b := *a
		b.N, b.Provider = 2, "bedrock"
		if i%2 == 1 {
			a.Overrun, b.Overrun = price.Of(7), price.Of(100)
		}
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a, &b}, Final: true})
	}
	for _, tc := range []struct {
		filter       string
		since, until time.Time
		want         Overruns
	}{
		{"", time.Time{}, time.Time{}, Overruns{2, 214}},
		{"provider:bedrock", time.Time{}, time.Time{}, Overruns{2, 200}},
		{"!provider:bedrock", time.Time{}, time.Time{}, Overruns{2, 14}},
		{"status:error", time.Time{}, time.Time{}, Overruns{}},
		{"", epoch.Add(2 * time.Minute), time.Time{}, Overruns{1, 107}},
		{"", epoch, epoch.Add(2 * time.Minute), Overruns{1, 107}},
		{"", epoch.Add(time.Hour), time.Time{}, Overruns{}},
	} {
		f, err := ParseFilter(tc.filter)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Overruns(t.Context(), SumQuery{Since: tc.since, Until: tc.until, Filter: f})
		if err != nil || got != tc.want {
			t.Errorf("%q from %v until %v: %+v, %v; want %+v", tc.filter, tc.since, tc.until, got, err, tc.want)
		}
	}
	list, err := r.Calls(t.Context(), Query{Limit: 2})
	if err != nil || list[0].Overrun() != price.Of(107) || list[1].Overrun().Known {
		t.Errorf("on the calls: %v, %v, %v", list[0].Overrun(), list[1].Overrun(), err)
	}
}
