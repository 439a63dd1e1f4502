package proxy

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/proxy/breaker"
	"llmgw/store"
)

// breakerOf is what is known about a target.
func (r *rig) breakerOf(target string) breaker.Status {
	for _, st := range r.gw.health.breakers.Snapshot(time.Now()) {
		if st.Target == target {
			return st
		}
	}
	return breaker.Status{Target: target, State: breaker.Closed}
}

// open makes the first target fail until its breaker opens.
func (r *rig) open(path string) {
	r.t.Helper()
	r.order("first", "500")
	for range 5 {
		r.ask(path, true)
	}
	if st := r.breakerOf("first/one"); st.State != breaker.Open {
		r.t.Fatalf("after five failed calls the breaker is %+v", st)
	}
}

// A dead target costs probes, not an attempt per call, whichever way it is
// dead; its calls are answered by the next one.
func TestDeadTargetCostsProbes(t *testing.T) {
	for i, order := range sample([]string{"500", "529", "reset-before-headers", "refused", "error-first", "200-html", "hang-before-headers", "fin-mid-stream:after=0"}) {
		sh := shapes[i%len(shapes)]
		t.Run(order+"/"+sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 2), func(c *Config) {
					routed()(c)
					c.Store.Bodies = store.BodiesNone
				})
				defer r.close()
				r.order("first", order)
				for n := range 200 {
					if got := r.post(sh.path, asking(sh.path, sh.stream)); got.status != 200 || got.err != nil {
						t.Fatalf("call %d: status %d, %v", n, got.status, got.err)
					}
					time.Sleep(50 * time.Millisecond)
				}
				tried := r.arrivals("first")
				if order == "refused" {
					tried = int(r.lines["first"].dials.Load())
				}
				if tried < 5 || tried > 10 {
					t.Errorf("200 calls tried the dead target %d times", tried)
				}
				if rec := r.last(); outcomes(rec) != "first=skipped:breaker second=ok" {
					t.Errorf("the last call: %s", outcomes(rec))
				}
			})
		})
	}
}

// The same when calls overlap: those that wait to try it again are not strikes
// yet, and must not double what a dead target gets.
func TestDeadTargetCostsProbesWhenCallsOverlap(t *testing.T) {
	for _, order := range sample([]string{"500", "reset-before-headers", "529"}) {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 2), func(c *Config) {
					routed()(c)
					c.Store.Bodies = store.BodiesNone
				})
				defer r.close()
				r.order("first", order)
				var calls sync.WaitGroup
				for range 200 {
					calls.Go(func() {
						if got := r.post(path, asking(path, true)); got.status != 200 {
							t.Errorf("status %d", got.status)
						}
					})
					time.Sleep(50 * time.Millisecond)
				}
				calls.Wait()
				if n := r.arrivals("first"); n < 5 || n > 10 {
					t.Errorf("200 calls cost the dead target %d arrivals", n)
				}
			})
		})
	}
}

// A hundred calls that fail together are a hundred calls: but for the few that
// open the breaker none asks twice.
func TestBurstAtADeadTarget(t *testing.T) {
	for _, order := range []string{"500", "reset-before-headers"} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/messages"
				r := newRig(t, chain(path, 2), routed())
				defer r.close()
				r.order("first", order)
				var calls sync.WaitGroup
				for range 100 {
					calls.Go(func() {
						if got := r.post(path, asking(path, true)); got.status != 200 {
							t.Errorf("status %d", got.status)
						}
					})
				}
				calls.Wait()
				if n := r.arrivals("first"); n > 100+2*breaker.DefaultConfig().Failures {
					t.Errorf("100 calls cost the dead target %d arrivals", n)
				}
			})
		})
	}
}

// A target that is back serves again within twenty seconds, found by a real
// call: llmgw sends nothing of its own.
func TestRecoveredTargetServesAgain(t *testing.T) {
	for _, order := range sample([]string{"500", "529", "reset-before-headers", "refused", "error-first", "fin-mid-stream"}) {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/messages"
				r := newRig(t, chain(path, 2), routed())
				defer r.close()
				r.order("first", order)
				for range 40 {
					r.ask(path, true)
					time.Sleep(time.Second)
				}
				r.order("first", "ok")
				healed := time.Now()
				for {
					if _, rec := r.ask(path, true); rec.Provider == "first" {
						break
					}
					time.Sleep(time.Second)
				}
				if d := time.Since(healed); d > 20*time.Second {
					t.Errorf("the target was left alone for %s after it was well", d)
				}
				if _, rec := r.ask(path, true); outcomes(rec) != "first=ok" {
					t.Errorf("after recovery: %s", outcomes(rec))
				}
			})
		})
	}
}

// An idle gateway calls nobody, however ill its targets are.
func TestIdleSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		r := newRig(t, chain(path, 2), routed())
		defer r.close()
		r.open(path)
		first, second := r.arrivals("first"), r.arrivals("second")
		time.Sleep(time.Hour)
		if r.arrivals("first") != first || r.arrivals("second") != second {
			t.Errorf("%d and %d arrivals in an idle hour", r.arrivals("first")-first, r.arrivals("second")-second)
		}
	})
}

// However a probe ends, the next call after it can be one. While it lasts no
// other call reaches the target.
func TestProbeNeverLeaksItsSlot(t *testing.T) {
	for _, leaves := range []time.Duration{0, 2 * time.Second} {
		t.Run("the client stays "+leaves.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 2), routed())
				defer r.close()
				for _, probe := range sample([]string{
					"500", "hang-before-headers", "hang-after-headers", "ping-only", "reset-before-headers", "refused",
					"fin-mid-stream", "eof-mid-stream", "error-mid-stream", "hang-mid-stream", "400", "422", "404", "401", "402", "429:retry-after=5",
					"400:code=context_length_exceeded", "400:code=content_policy", "302", "200-empty", "empty-answer", "ok",
				}) {
					r.fresh()
					r.open(path)
					time.Sleep(15 * time.Second)
					before := r.arrivals("first")
					r.order("first", probe)
					r.probe(path, leaves)
					if n := r.arrivals("first") - before; n > 2 {
						t.Errorf("%s: %d arrivals during the probe", probe, n)
					}
					if st := r.breakerOf("first/one"); st.Probing {
						t.Errorf("%s: the slot is taken after the probe: %+v", probe, st)
					}
					r.order("first", "ok")
					rest := 31 * time.Second // a silent probe doubles the fifteen
					if probe == "401" || probe == "402" {
						rest = 6 * time.Minute
					}
					time.Sleep(rest)
					if _, rec := r.ask(path, true); rec.Provider != "first" {
						t.Errorf("%s: after the target is well: %s", probe, outcomes(rec))
					}
				}
			})
		})
	}
}

// probe makes a call, with others beside it after a second, that leaves after
// the given time.
func (r *rig) probe(path string, leaves time.Duration) {
	ctx := context.Background()
	if leaves > 0 {
		timed, cancel := context.WithTimeout(ctx, leaves)
		defer cancel()
		ctx = timed
	}
	var others sync.WaitGroup
	others.Go(func() {
		time.Sleep(time.Second)
		r.post(path, asking(path, true))
	})
	r.do(r.request(path, asking(path, true)).WithContext(ctx))
	others.Wait()
	synctest.Wait()
}

// While a probe hangs, the calls beside it go to the next target at once.
func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		r := newRig(t, chain(path, 2), routed())
		defer r.close()
		r.open(path)
		time.Sleep(15 * time.Second)
		before := r.arrivals("first")
		r.order("first", "hang-before-headers")
		var calls sync.WaitGroup
		for n := range 20 {
			calls.Go(func() {
				got := r.post(path, asking(path, true))
				if limit := map[bool]time.Duration{true: 10 * time.Second}[n == 0]; got.status != 200 || got.took != limit {
					t.Errorf("call %d: status %d after %s", n, got.status, got.took)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		if n := r.arrivals("first") - before; n != 1 {
			t.Errorf("%d probes at once", n)
		}
	})
}

// A target that probes find silent is asked ever more rarely, since each probe
// costs a caller its whole share; one that answers with an error is not.
func TestOnlySilenceLengthensTheCooldown(t *testing.T) {
	for order, want := range map[string]string{
		"hang-before-headers": "15s 30s 1m0s 2m0s",
		"500":                 "15s 15s 15s 15s",
	} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 2), routed())
				defer r.close()
				r.open(path)
				r.order("first", order)
				var seen []string
				for range 4 {
					seen = append(seen, r.breakerOf("first/one").Cooldown.String())
					time.Sleep(time.Until(r.breakerOf("first/one").Until))
					r.ask(path, true)
				}
				if got := strings.Join(seen, " "); got != want {
					t.Errorf("open for %s, want %s", got, want)
				}
			})
		})
	}
}

// What was learned about targets and credentials outlives the process.
func TestHealthSurvivesARestart(t *testing.T) {
	for _, tc := range []struct {
		name, order, skipped string
		calls                int
		until                time.Duration // when the target may be called again
	}{
		{"breaker", "500", "breaker", 5, 15 * time.Second},
		{"told wait", "429:retry-after=60", "cooldown", 1, time.Minute},
		{"bad key", "401", "auth", 1, 5 * time.Minute},
		{"spent credit", "402", "cooldown", 1, 5 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/messages"
				r := newRig(t, chain(path, 2), routed())
				defer r.close()
				r.order("first", tc.order)
				for range tc.calls {
					r.ask(path, false)
				}
				held := time.Now()
				before := r.arrivals("first")
				r.restart()
				if _, rec := r.ask(path, false); outcomes(rec) != "first=skipped:"+tc.skipped+" second=ok" || r.arrivals("first") != before {
					t.Errorf("after the restart: %s, %d arrivals", outcomes(rec), r.arrivals("first")-before)
				}
				r.order("first", "ok")
				time.Sleep(time.Until(held.Add(tc.until - 4*time.Second)))
				if _, rec := r.ask(path, false); rec.Provider != "second" {
					t.Errorf("before the wait is over: %s", outcomes(rec))
				}
				time.Sleep(5 * time.Second)
				if _, rec := r.ask(path, false); rec.Provider != "first" {
					t.Errorf("after the wait: %s", outcomes(rec))
				}
				r.restart()
				if _, rec := r.ask(path, false); rec.Provider != "first" {
					t.Errorf("a recovered target after another restart: %s", outcomes(rec))
				}
			})
		})
	}
}

// Requests that are bad in themselves and clients that leave say nothing about
// the target.
func TestCallersFaultsAreNoStrikes(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 1), routed())
				defer r.close()
				for _, order := range sample([]string{"400", "422", "413", "400:code=content_policy", "400:code=context_length_exceeded", "404", "hang-before-headers", "hang-after-headers", "hang-mid-stream"}) {
					r.fresh()
					r.order("first", order)
					for range 10 {
						ctx, cancel := context.WithTimeout(context.Background(), time.Second)
						r.do(r.request(sh.path, asking(sh.path, sh.stream)).WithContext(ctx))
						cancel()
						synctest.Wait()
					}
					if st := r.breakerOf("first/one"); st.State != breaker.Closed || st.Consecutive+st.Bad > 0 {
						t.Errorf("%s: held against the target: %+v", order, st)
					}
					if n := r.arrivals("first"); n != 10 {
						t.Errorf("%s: %d arrivals, want one for each call", order, n)
					}
				}
			})
		})
	}
}

// What the target is to blame for counts, streamed or not, before the commit
// and after it; two tries of one call are one strike.
func TestStrikes(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 2), routed())
				defer r.close()
				for _, order := range sample([]string{
					"refused", "reset-before-headers", "hang-before-headers", "500", "529", "error-first", "200-html", "200-empty",
					"fin-mid-stream", "error-mid-stream", "hang-mid-stream",
				}) {
					r.fresh()
					r.order("first", order)
					r.ask(sh.path, sh.stream)
					if st := r.breakerOf("first/one"); st.Consecutive != 1 || st.Bad != 1 {
						t.Errorf("%s: after one call: %+v", order, st)
					}
				}
			})
		})
	}
}
