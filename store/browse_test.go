package store

import (
	"slices"
	"strings"
	"testing"
	"time"

	"llmgw/providers/price"
)

// browsed is a record of six calls a minute apart, newest first in what is
// asserted: 0 and 3 went well, 1 failed, 2 was served by the second target, 4
// came from the cache, 5 runs.
func browsed(t *testing.T) (*Reader, []string) {
	t.Helper()
	s := openStore(t, Options{})
	var ids []string
	for i := range 6 {
		c, a := begun(i * 60)
		attempts := []*Attempt{a}
		if i != 5 {
			c, a = ended(c, a)
			attempts = []*Attempt{a}
			c.Cost = price.Of(price.Money(10-i) * price.USD)
		}
		switch i {
		case 1:
			c.Status, a.Outcome, c.Cost = StatusError, "overloaded", price.Amount{}
		case 2:
			first := *a
			first.Outcome, first.Provider = "timeout", "openai"
			a.N, attempts = 2, []*Attempt{&first, a}
		case 4:
			c.Cache = CacheHit
		}
		commit(t, s, Change{Call: c, Attempts: attempts, Final: i != 5})
		ids = append(ids, c.ID)
	}
	return openReader(t, s.Path()), ids
}

// TestTopCalls puts calls in other orders; what is unknown comes last.
func TestTopCalls(t *testing.T) {
	r, all := browsed(t)
	for _, c := range []struct {
		by        SortKey
		ascending bool
		q         Query
		want      []int
	}{
		{SortCost, false, Query{Limit: 10}, []int{0, 2, 3, 4, 5, 1}},
		{SortCost, true, Query{Limit: 10}, []int{4, 3, 2, 0, 5, 1}},
		{SortTries, false, Query{Limit: 2}, []int{2, 5}},
		{SortTime, true, Query{Limit: 2}, []int{0, 1}},
		{SortCost, false, Query{Limit: 10, Faults: true}, []int{2, 1}},
	} {
		list, err := r.TopCalls(t.Context(), c.q, c.by, c.ascending)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, id := range ids(list) {
			got = append(got, slices.Index(all, id))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("by %q, ascending %v: %v, want %v", c.by, c.ascending, got, c.want)
		}
		for _, call := range list {
			if len(call.Attempts) == 0 {
				t.Errorf("by %q: a call without its attempts", c.by)
			}
		}
	}
	for by := range sortColumns {
		if list, err := r.TopCalls(t.Context(), Query{Limit: 10}, by, false); err != nil || len(list) != 6 {
			t.Errorf("by %q: %d calls, %v", by, len(list), err)
		}
	}
}

// TestCount counts with and without a filter.
func TestCount(t *testing.T) {
	r, _ := browsed(t)
	ok, err := ParseFilter("status:ok")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    Query
		want int64
	}{{Query{}, 6}, {Query{Filter: ok}, 4}, {Query{Faults: true}, 2}, {Query{Filter: ok, Faults: true}, 1}} {
		if n, err := r.Count(t.Context(), c.q); err != nil || n != c.want {
			t.Errorf("%+v: %d, %v, want %d", c.q, n, err, c.want)
		}
	}
	if n, err := openReader(t, openStore(t, Options{}).Path()).Count(t.Context(), Query{}); err != nil || n != 0 {
		t.Errorf("of nothing: %d, %v", n, err)
	}
}

// TestOlder steps back over calls.
func TestOlder(t *testing.T) {
	r, all := browsed(t)
	for _, c := range []struct {
		id   string
		n    int64
		want string
	}{{"", 0, all[5]}, {"", 2, all[3]}, {"", 6, ""}, {all[3], 1, all[1]}, {all[0], 0, ""}, {all[3][:25], 0, all[2]}} {
		if got, err := r.Older(t.Context(), c.id, c.n); err != nil || got != c.want {
			t.Errorf("%d before %q: %q, %v, want %q", c.n, c.id, got, err, c.want)
		}
	}
}

// TestRetryIsNoSwitch: a call that its first choice served counts as switched
// neither after failures of that target nor beside another one's.
func TestRetryIsNoSwitch(t *testing.T) {
	type try struct{ target, outcome string }
	for name, c := range map[string]struct {
		tries []try
		want  int64
	}{
		"at once":               {[]try{{"a/m", "ok"}}, 0},
		"asked again":           {[]try{{"a/m", "overloaded"}, {"a/m", "overloaded"}, {"a/m", "ok"}}, 0},
		"and others between":    {[]try{{"a/m", "overloaded"}, {"b/m", "overloaded"}, {"a/m", "ok"}}, 0},
		"another provider":      {[]try{{"a/m", "overloaded"}, {"a/m", "overloaded"}, {"b/m", "ok"}}, 1},
		"another model of it":   {[]try{{"a/m", "overloaded"}, {"a/n", "ok"}}, 1},
		"the first was skipped": {[]try{{"a/m", "skipped"}, {"b/m", "ok"}}, 1},
	} {
		s := openStore(t, Options{})
		call, a := ended(begun(0))
		var attempts []*Attempt
		for i, try := range c.tries {
			one := *a
			one.N, one.Outcome = i+1, try.outcome
			one.Provider, one.Model, _ = strings.Cut(try.target, "/")
			if try.outcome == OutcomeSkipped {
				one.Skipped = "breaker"
			}
			call.Provider, call.Model = one.Provider, one.Model
			attempts = append(attempts, &one)
		}
		commit(t, s, Change{Call: call, Attempts: attempts, Final: true})
		p, err := openReader(t, s.Path()).Pulse(t.Context(), epoch.Add(time.Minute), 1)
		if err != nil || p.Sample != 1 || p.Switched != c.want {
			t.Errorf("%s: %+v, %v; want %d switched", name, p, err, c.want)
		}
	}
}

// TestPulse adds up the hour before a moment.
func TestPulse(t *testing.T) {
	r, _ := browsed(t)
	p, err := r.Pulse(t.Context(), epoch.Add(5*time.Minute+time.Second), 12)
	if err != nil {
		t.Fatal(err)
	}
	if p.Calls != 6 || p.Sample != 6 || p.Failed != 1 || p.Switched != 1 || p.Cached != 1 || p.Running != 1 {
		t.Errorf("%+v", p)
	}
	if !slices.Equal(p.Columns[9:], []int64{0, 1, 5}) {
		t.Errorf("by five minutes: %v", p.Columns)
	}
	// An hour after the second call only the four after it are left.
	p, err = r.Pulse(t.Context(), epoch.Add(61*time.Minute+time.Second), 1)
	if err != nil || p.Calls != 4 || p.Failed != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestValues are those of the last 30 days, for completion.
func TestValues(t *testing.T) {
	r, _ := browsed(t)
	got, err := r.Values(t.Context(), epoch.Add(time.Hour))
	if err != nil || !slices.Equal(got["provider"], []string{"anthropic", "openai"}) || !slices.Equal(got["model"], []string{"claude-sonnet-4-5"}) ||
		!slices.Equal(got["target"], []string{"anthropic/claude-sonnet-4-5", "openai/claude-sonnet-4-5"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err = r.Values(t.Context(), epoch.AddDate(0, 0, 31)); err != nil || len(got["provider"]) != 0 {
		t.Errorf("a month later: %v, %v", got, err)
	}
}
