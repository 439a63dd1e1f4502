package store

import (
	"context"
	"fmt"
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
