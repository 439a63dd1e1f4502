package proxy

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// firstCapped is a cap of the first provider only, which one call of a thousand tokens
// fits in and a second does not.
func firstCapped(targets ...string) func(*Config) {
	return func(c *Config) {
		capped("0.015", func(cp *caps.Config) { cp.Clamp, cp.Match.Provider = false, "first" })(c)
		c.Routes = []RouteConfig{{Model: "gpt-4o", Targets: targets, Strategy: StrategyOrdered, Sticky: StickyNone}}
	}
}

var twoAlike = []upstreamSpec{{name: "first", dialect: llm.OpenAIChat}, {name: "second", dialect: llm.OpenAIChat}}

// occupied has the first provider's cap held by a call that answers after so long.
func occupied(r *rig, d string) (done chan reply) {
	r.sims["first"].Script(parse(r.t, "slow-first-byte:ms="+d))
	done = make(chan reply, 1)
	go func() {
		done <- r.post("/v1/chat/completions", limited("first/gpt-4o", 1000, "[[usage in=10 out=20]]", false))
	}()
	synctest.Wait()
	return done
}

// A call that waits for a cap is seen at once: running on record, and what it
// waits for and until when on the screen.
func TestWaitingForACapShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, twoAlike, firstCapped("first/gpt-4o"))
		defer r.close()
		before := occupied(r, "4000")
		waits := make(chan reply, 1)
		go func() {
			waits <- r.post("/v1/chat/completions", limited("gpt-4o", 1000, "[[usage in=10 out=20]]", true))
		}()
		time.Sleep(time.Second)
		rd, err := store.OpenReader(r.db)
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		row := r.last()
		live, err := rd.Live(t.Context())
		if err != nil || row.Status != store.StatusRunning || len(row.Attempts) != 0 {
			t.Errorf("a second into the wait the newest call is %s with %s, %v", row.Status, outcomes(row), err)
		}
		var note string
		for _, l := range live {
			if l.CallID == row.ID && l.Phase == store.LiveWaiting && l.Until.After(time.Now()) {
				note = l.Note
			}
		}
		if note != "cap daily" {
			t.Errorf("the live rows say %+v", live)
		}
		if got := <-waits; got.status != 200 || got.header.Get("X-Llmgw-Waited") != "4.000s" {
			t.Errorf("then %d after %q", got.status, got.header.Get("X-Llmgw-Waited"))
		}
		if row := r.last(); row.Attempts[0].Waited != 4*time.Second {
			t.Errorf("on record it waited %s", row.Attempts[0].Waited)
		}
		<-before
	})
}

// All targets together are waited for ten seconds, and a call that is refused
// then has its wait on record.
func TestWaitsForCapsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, twoAlike, firstCapped("first/gpt-4o", "first/gpt-4o-mini", "first/gpt-4.1"))
		defer r.close()
		before := occupied(r, "25000")
		got := r.post("/v1/chat/completions", limited("gpt-4o", 10000, "", false))
		if got.status != 402 || got.took != caps.MaxWait || got.header.Get("X-Llmgw-Waited") != "10.000s" {
			t.Errorf("%d after %s, waited %q: %s", got.status, got.took, got.header.Get("X-Llmgw-Waited"), got.body)
		}
		var waited time.Duration
		for _, a := range r.last().Attempts {
			waited += a.Waited
		}
		if waited != caps.MaxWait {
			t.Errorf("on record the attempts waited %s", waited)
		}
		<-before
	})
}

// Nobody waits for the money of one target while another can take the call; the
// one passed over comes again where the other fails.
func TestNoWaitWhereAnotherHasRoom(t *testing.T) {
	for _, sh := range []struct{ fault, outcomes string }{
		{"", "first=skipped:cap second=ok"},
		{"401", "first=skipped:cap second=auth first=ok"},
	} {
		t.Run(sh.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, twoAlike, firstCapped("first/gpt-4o", "second/gpt-4o"))
				defer r.close()
				before := occupied(r, "4000")
				if sh.fault != "" {
					r.sims["second"].Default(parse(t, sh.fault))
				}
				got := r.post("/v1/chat/completions", limited("gpt-4o", 1000, "[[usage in=10 out=20]]", false))
				row := r.last()
				if got.status != 200 || outcomes(row) != sh.outcomes {
					t.Errorf("%d, %s: %s", got.status, outcomes(row), got.body)
				}
				if sh.fault == "" && got.took != 0 {
					t.Errorf("it waited %s", got.took)
				}
				if said := row.Attempts[0].Error; !strings.Contains(said, "cap daily: of ") {
					t.Errorf("on record it was passed over for %q", said)
				}
				<-before
			})
		})
	}
}
