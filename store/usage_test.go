package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// used records a call at epoch + at with one attempt of the outcome.
func used(t testing.TB, s *Store, at time.Duration, outcome string) *Call {
	t.Helper()
	c, a := begun(0)
	c.ID, c.StartedAt = NewID(epoch.Add(at)), epoch.Add(at)
	a.CallID, a.StartedAt = c.ID, c.StartedAt
	if outcome != OutcomeRunning {
		c, a = ended(c, a)
	}
	a.Outcome = outcome
	if outcome != OutcomeOK {
		a.Cost, a.CostSource, a.Error = price.Amount{}, "", "it broke"
	}
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: outcome != OutcomeRunning})
	return c
}

func TestUseOfTargets(t *testing.T) {
	s := openStore(t, Options{})
	used(t, s, -2*time.Hour, OutcomeOK) // before the span
	used(t, s, time.Minute, OutcomeOK)
	used(t, s, 2*time.Minute, string(llm.ServerError))
	failed := used(t, s, 58*time.Minute, string(llm.Truncated))
	used(t, s, 59*time.Minute, string(llm.ClientGone)) // nobody's fault
	used(t, s, 59*time.Minute, OutcomeRunning)
	r := openReader(t, s.Path())
	now := epoch.Add(time.Hour)
	list, from, err := r.Use(t.Context(), epoch, now, 60)
	if err != nil || len(list) != 1 || !from.Equal(epoch) {
		t.Fatalf("%+v from %v, %v", list, from, err)
	}
	u := list[0]
	_, a := begun(0)
	c, good := ended(begun(0))
	if u.Provider != a.Provider || u.Model != a.Model || u.Attempts != 5 || u.Running != 1 || u.Faults != 2 {
		t.Errorf("%+v", u)
	}
	if u.OK[1] != 1 || u.Failed[2] != 1 || u.Failed[58] != 1 || u.OK[59] != 1 || u.Took.Count() != 1 {
		t.Errorf("by minute: ok %v, failed %v, %d answered", u.OK, u.Failed, u.Took.Count())
	}
	if u.Cost != good.Cost.Money || u.Unpriced != 0 || u.Output != good.Usage.Output.N || u.Writing != good.Duration-good.FirstToken {
		t.Errorf("%+v of %+v", u, c)
	}
	faults, err := r.Faults(t.Context(), a.Provider, "", epoch, 10)
	if err != nil || len(faults) != 2 || faults[0].CallID != failed.ID || faults[0].Attempt.Outcome != string(llm.Truncated) || faults[0].Attempt.Error != "it broke" {
		t.Errorf("%+v, %v", faults, err)
	}
	if none, err := r.Faults(t.Context(), a.Provider, "another", epoch, 10); err != nil || len(none) != 0 {
		t.Errorf("of another model: %+v, %v", none, err)
	}
	if list, _, err := r.Use(t.Context(), now.Add(time.Hour), now.Add(2*time.Hour), 4); err != nil || len(list) != 0 {
		t.Errorf("of an idle hour: %+v, %v", list, err)
	}
}

// A busy day is looked at as far as a person waits for.
func BenchmarkUse(b *testing.B) {
	s := openStore(b, Options{})
	for n := 0; n < UseLimit+1000; n += 500 {
		var batch sync.WaitGroup
		for i := range 500 {
			c, a := ended(begun(n + i))
			a.Model = fmt.Sprint("model-", i%7)
			batch.Go(func() { _ = s.Commit(context.Background(), Change{Call: c, Attempts: []*Attempt{a}, Final: true}) })
		}
		batch.Wait()
	}
	r := openReader(b, s.Path())
	for b.Loop() {
		list, _, err := r.Use(context.Background(), epoch, epoch.Add(24*time.Hour), 60)
		if err != nil || len(list) != 7 {
			b.Fatal(len(list), err)
		}
	}
}

// TestCapRefusals: what caps refused since an instant, newest first, by which
// cap and for which value of its each.
func TestCapRefusals(t *testing.T) {
	s := openStore(t, Options{})
	said := []string{"cap day: of 1 USD 1 are spent", "cap day of a: of 1 USD 1 are spent", "cap day lets no call pass whose model has no known price", ""}
	for i, text := range said {
		c, a := begun(i * 60)
		a.Outcome, a.Skipped, a.Error = OutcomeSkipped, "cap", text
		if text == "" {
			a.Skipped = "breaker"
		}
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
	}
	r := openReader(t, s.Path())
	for _, c := range []struct {
		since time.Time
		limit int
		want  []int
	}{{epoch, 10, []int{2, 1, 0}}, {epoch, 1, []int{2}}, {epoch.Add(time.Minute), 10, []int{2, 1}}, {epoch.Add(time.Hour), 10, nil}} {
		list, err := r.CapRefusals(t.Context(), c.since, c.limit)
		var got []int
		for _, f := range list {
			got = append(got, slices.Index(said, f.Said))
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("since %v: %v, %v; want %v", c.since, got, err, c.want)
		}
	}
	for text, want := range map[string][2]bool{said[0]: {true, false}, said[1]: {false, true}, said[2]: {true, false}, "cap day2: of 1": {}} {
		f := CapRefusal{Said: text}
		_, all := f.By(&Cap{Name: "day"})
		_, one := f.By(&Cap{Name: "day", Each: "a"})
		if all != want[0] || one != want[1] {
			t.Errorf("%q: by day %v, by day of a %v", text, all, one)
		}
	}
}
