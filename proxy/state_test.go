package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// reader reads the rig's record as another process does.
func (r *rig) reader() *store.Reader {
	r.t.Helper()
	rd, err := store.OpenReader(r.db)
	if err != nil {
		r.t.Fatal(err)
	}
	return rd
}

// The transaction that records a call records what is left of the caps, too.
func TestReadersSeeTheCapsOfTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("100", func(c *caps.Config) { c.Match.Provider = "*" }))
		defer r.close()
		rd := r.reader()
		defer rd.Close()
		for range 3 {
			r.post("/v1/chat/completions", limited("gpt-4o", 4000, "[[usage in=1000 out=500]]", true))
			row := r.last()
			list, at, err := rd.Caps(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			got, want := list[0], r.gw.ledger.Snapshot(time.Now())[0]
			if got.Spent != want.Spent || got.Held != 0 || got.Spent < row.Cost.Money || row.Cost.Money == 0 || at.After(row.FinishedAt.Add(time.Second)) {
				t.Errorf("the file says %s spent and %s held at %v, the ledger %s; the call cost %s", got.Spent, got.Held, at, want.Spent, row.Cost.Money)
			}
			if got.Scope != "provider *" || got.Per != "day" || got.Timezone != "UTC" || got.Limit != want.Limit {
				t.Errorf("%+v", got)
			}
			time.Sleep(time.Minute)
		}
	})
}

// What a target did wrong is there in its words, with its strikes, until it
// answers; a restart keeps it.
func TestReadersSeeFaultsAndStrikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain("/v1/chat/completions", 2), routed())
		defer r.close()
		rd := r.reader()
		defer rd.Close()
		settled := func() store.Targets {
			time.Sleep(time.Second)
			got, _, err := rd.Targets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		r.order("first", "500")
		r.ask("/v1/chat/completions", true)
		id := r.last().ID
		for _, restart := range []bool{false, true} {
			if restart {
				r.restart()
			}
			got := settled()
			if len(got.Faults) != 1 || len(got.Breakers) != 1 {
				t.Fatalf("after a fault (restarted: %v): %+v", restart, got)
			}
			f, b := got.Faults[0], got.Breakers[0]
			if f.Target != "first/one" || f.Fault != string(llm.ServerError) || f.HTTPStatus != 500 || f.Said == "" || f.Call != id || f.At.IsZero() {
				t.Errorf("%+v", f)
			}
			if b.Target != "first/one" || b.State != store.BreakerClosed || b.Consecutive != 1 || b.Failures != 5 {
				t.Errorf("%+v", b)
			}
		}
		r.order("first", "")
		r.ask("/v1/chat/completions", true)
		if got := settled(); len(got.Faults)+len(got.Breakers)+len(got.Cooldowns) != 0 {
			t.Errorf("after an answer: %+v", got)
		}
	})
}

// A call that waits says what for and until when, and one that streams how
// much has come.
func TestLiveRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain("/v1/chat/completions", 1), routed())
		defer r.close()
		rd := r.reader()
		defer rd.Close()
		r.order("first", "429:retry-after=2")
		done := make(chan reply)
		go func() { done <- r.post("/v1/chat/completions", asking("/v1/chat/completions", true)) }()
		time.Sleep(time.Second)
		list, err := rd.Live(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		if l := list[0]; l.Phase != store.LiveWaiting || l.Note != "rate limited by first" || time.Until(l.Until) <= 0 || time.Until(l.Until) > 2*time.Second {
			t.Errorf("%+v", l)
		}
		<-done
	})
}
