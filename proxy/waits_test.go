package proxy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/sim"
	"llmgw/store"
)

const (
	keyOne = "sk-first-key-number-one"
	keyTwo = "sk-first-key-number-two"
)

// twoKeys gives the first provider of a chain two credentials.
func twoKeys(specs []upstreamSpec) []upstreamSpec {
	specs[0].keys = []string{keyOne, keyTwo}
	return specs
}

// ask makes one call of the model "m" and says who served it.
func (r *rig) ask(path string, stream bool, headers ...string) (reply, store.CallRow) {
	r.t.Helper()
	got := r.post(path, asking(path, stream), headers...)
	return got, r.last()
}

// gaps are the times between arrivals at a provider.
func (r *rig) gaps(name string) []time.Duration {
	var gaps []time.Duration
	all := r.sims[name].Ledger()
	for i := 1; i < len(all); i++ {
		gaps = append(gaps, all[i].Time.Sub(all[i-1].Time))
	}
	return gaps
}

// A provider that says when to come back is not called before then, in
// whatever way it says so, and is called again after it.
func TestToldWaitIsKept(t *testing.T) {
	for _, sh := range shapes {
		if !sh.stream {
			continue
		}
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 2), routed())
				defer r.close()
				for _, order := range sample([]string{
					"429:retry-after=60", "429:retry-after-date=60", "429:retry-after-ms=60000", "429:reset=60",
					"503:retry-after=60", "529:retry-after-ms=60000", "402:retry-after=60",
				}) {
					r.fresh()
					r.sims["first"].Script(parse(t, order))
					start := time.Now()
					for _, at := range []time.Duration{0, 15 * time.Second, 56900 * time.Millisecond} {
						time.Sleep(time.Until(start.Add(at)))
						if _, rec := r.ask(sh.path, true); rec.Provider != "second" || r.arrivals("first") != 1 {
							t.Errorf("%s: after %s: %d arrivals, %s", order, at, r.arrivals("first"), outcomes(rec))
						}
					}
					if rec := r.last(); outcomes(rec) != "first=skipped:cooldown second=ok" || rec.Attempts[0].Error == "" {
						t.Errorf("%s: a skip on record as %s, %q", order, outcomes(rec), rec.Attempts[0].Error)
					}
					// What is left now is short enough to wait out on the asked model.
					time.Sleep(time.Until(start.Add(57 * time.Second)))
					if got, rec := r.ask(sh.path, true); rec.Provider != "first" || got.took != 3*time.Second {
						t.Errorf("%s: three seconds before the end: %s after %s", order, outcomes(rec), got.took)
					}
					if _, rec := r.ask(sh.path, true); rec.Provider != "first" {
						t.Errorf("%s: after the wait: %s", order, outcomes(rec))
					}
				}
			})
		})
	}
}

// Twenty calls a second for a minute, and not one of them reaches a target that
// asked to be left alone for that minute.
func TestNoCallDuringAToldWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/chat/completions"
		r := newRig(t, chain(path, 2), func(c *Config) {
			routed()(c)
			c.Store.Bodies = store.BodiesNone
		})
		defer r.close()
		r.order("first", "429:retry-after=60")
		start := time.Now()
		var calls sync.WaitGroup
		for n := range 1200 {
			time.Sleep(time.Until(start.Add(time.Duration(n) * 50 * time.Millisecond)))
			calls.Go(func() {
				if got := r.post(path, asking(path, false)); got.status != 200 {
					t.Errorf("call %d: status %d", n, got.status)
				}
			})
			if n == 0 {
				calls.Wait()
			}
		}
		calls.Wait()
		for _, a := range r.sims["first"].Ledger()[1:] {
			if a.Time.Before(start.Add(time.Minute)) {
				t.Errorf("arrival %d at the target that asked for a minute came after %s", a.Seq, a.Time.Sub(start))
			}
		}
	})
}

// Each wait is the one just told, not the first one told.
func TestGrowingWaitsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		r := newRig(t, chain(path, 1), func(c *Config) {
			routed()(c)
			c.Failover.Retries, c.Failover.RetryAfterWait = 3, 10*time.Second
		})
		defer r.close()
		r.order("first", "429:retry-after=1,grow=1")
		got, rec := r.ask(path, true)
		if gaps := fmt.Sprint(r.gaps("first")); gaps != "[1s 2s 4s]" {
			t.Errorf("gaps %s", gaps)
		}
		if got.status != 429 || got.header.Get("Retry-After") != "8" || !r.sentBy("first", got) {
			t.Errorf("status %d, retry-after %q: %s", got.status, got.header.Get("Retry-After"), got.body)
		}
		if got.header.Get("X-Llmgw-Waited") != "7.000s" || rec.Attempts[3].Waited != 4*time.Second {
			t.Errorf("x-llmgw-waited %q, before the last attempt %s", got.header.Get("X-Llmgw-Waited"), rec.Attempts[3].Waited)
		}
	})
}

// However often a target refuses, one call asks it once and retries more times.
func TestRefusalsAreBoundedByRetries(t *testing.T) {
	for retries := range 3 {
		t.Run(fmt.Sprint(retries), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 1), func(c *Config) {
					routed()(c)
					c.Failover.Retries = retries
				})
				defer r.close()
				for _, order := range []string{"429", "429:retry-after=0", "429:retry-after-ms=1", "429:retry-after-date=0", "529:retry-after-ms=0", "529:retry-after-ms=1", "500", "reset-before-headers"} {
					r.fresh()
					r.order("first", order)
					if _, rec := r.ask(path, true); r.arrivals("first") != retries+1 || len(rec.Attempts) != retries+1 {
						t.Errorf("%s: %d arrivals, %d attempts, want %d", order, r.arrivals("first"), len(rec.Attempts), retries+1)
					}
				}
			})
		})
	}
}

// Nobody waits 18 days: after max_cooldown one real call at a time tries.
func TestAbsurdWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		r := newRig(t, chain(path, 2), routed())
		defer r.close()
		r.order("first", "429:retry-after=1555200")
		start := time.Now()
		for _, at := range []time.Duration{0, time.Minute, 4*time.Minute + 56*time.Second} {
			time.Sleep(time.Until(start.Add(at)))
			if _, rec := r.ask(path, false); r.arrivals("first") != 1 || rec.Provider != "second" {
				t.Fatalf("after %s: %d arrivals, %s", at, r.arrivals("first"), outcomes(rec))
			}
		}
		time.Sleep(5 * time.Second)
		r.order("first", "slow-first-byte:ms=3000")
		probe := make(chan reply)
		go func() { probe <- r.post(path, asking(path, false)) }()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.sims["first"].WaitArrived(ctx, 2); err != nil {
			t.Error("five minutes later nobody tried")
		}
		if _, rec := r.ask(path, false); outcomes(rec) != "first=skipped:cooldown second=ok" {
			t.Errorf("beside the probe: %s", outcomes(rec))
		}
		if got := <-probe; got.header.Get("X-Llmgw-Provider") != "first" {
			t.Errorf("the probe was served by %q", got.header.Get("X-Llmgw-Provider"))
		}
		r.order("first", "ok")
		if _, rec := r.ask(path, false); outcomes(rec) != "first=ok" {
			t.Errorf("after a good probe: %s", outcomes(rec))
		}
	})
}

// While the only target cools down the caller is told until when, in the error
// and as a Retry-After, and the target is left alone.
func TestCoolingTargetIsToldToTheCaller(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 1), routed())
				defer r.close()
				r.order("first", "429:retry-after=42")
				r.ask(sh.path, sh.stream)
				time.Sleep(2 * time.Second)
				got, rec := r.ask(sh.path, sh.stream)
				checkOwnError(t, got, sh.path, "all_targets_failed", 503, "first/one")
				if got.header.Get("Retry-After") != "40" || r.arrivals("first") != 1 || outcomes(rec) != "first=skipped:cooldown" {
					t.Errorf("retry-after %q, %d arrivals, %s", got.header.Get("Retry-After"), r.arrivals("first"), outcomes(rec))
				}
			})
		})
	}
}

// A short wait stays on the model that was asked for, where it serves: another
// credential or provider of that model comes before the wait, another model
// after it.
func TestShortWait(t *testing.T) {
	for _, tc := range []struct {
		name    string
		targets []string
		keys    bool
		headers []string
		want    string
		took    time.Duration
	}{
		{"another model", []string{"first/one", "second/two"}, false, nil, "first=rate_limited first=ok", 2 * time.Second},
		{"the same model elsewhere", []string{"first/one", "second/one"}, false, nil, "first=rate_limited second=ok", 0},
		{"the same model last", []string{"first/one", "second/two", "third/one"}, false, nil, "first=rate_limited third=ok", 0},
		{"another key", []string{"first/one", "second/two"}, true, nil, "first=rate_limited first=ok", 0},
		{"no time for it", []string{"first/one", "second/two"}, false, []string{"X-Llmgw-Deadline", "1500ms"}, "first=rate_limited second=ok", 0},
		{"no fallback", []string{"first/one"}, false, nil, "first=rate_limited first=ok", 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				specs := chain(path, len(tc.targets))
				if tc.keys {
					specs = twoKeys(specs)
				}
				r := newRig(t, specs, routed(tc.targets...))
				defer r.close()
				r.sims["first"].Script(parse(t, "429:retry-after=2"))
				got, rec := r.ask(path, true, tc.headers...)
				if got.status != 200 || outcomes(rec) != tc.want || got.took != tc.took {
					t.Errorf("status %d after %s: %s, want %s after %s", got.status, got.took, outcomes(rec), tc.want, tc.took)
				}
			})
		})
	}
}

// A later call that finds the wait short waits too, and one that leaves while
// it waits asks nobody any more.
func TestLeavingDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/chat/completions"
		r := newRig(t, chain(path, 2), routed())
		defer r.close()
		r.order("first", "429:retry-after=2")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if got := r.do(r.request(path, asking(path, true)).WithContext(ctx)); got.err == nil {
			t.Fatalf("status %d although the target asked for two seconds", got.status)
		}
		time.Sleep(time.Minute)
		if r.arrivals("first") != 1 || r.arrivals("second") != 0 {
			t.Errorf("%d and %d arrivals", r.arrivals("first"), r.arrivals("second"))
		}
		if rec := r.last(); rec.Status != store.StatusClientGone {
			t.Errorf("recorded %s, %s", rec.Status, outcomes(rec))
		}
	})
}

// A credential that is refused gives way to the next at once, and is left alone
// for as long as its fault says: told seconds, or max_cooldown.
func TestSeveralKeys(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, twoKeys(chain(sh.path, 2)), routed())
				defer r.close()
				one, two := r.cfg.Providers[0].Keys[0].ID(), r.cfg.Providers[0].Keys[1].ID()
				for _, tc := range sample([]struct {
					order, fault string
					rest         time.Duration // until the first key is used again
				}{
					{"429:retry-after=60", "rate_limited", time.Minute},
					{"401", "auth", 5 * time.Minute},
					{"403", "auth", 5 * time.Minute},
					{"402", "quota", 5 * time.Minute},
					{"429:code=insufficient_quota", "quota", 5 * time.Minute},
				}) {
					t.Log(tc.order)
					r.fresh()
					r.sims["first"].Script(parse(t, tc.order))
					start := time.Now()
					got, rec := r.ask(sh.path, sh.stream)
					if want := "first=" + tc.fault + " first=ok"; got.status != 200 || outcomes(rec) != want || got.took > 0 {
						t.Fatalf("status %d after %s: %s, want %s", got.status, got.took, outcomes(rec), want)
					}
					if rec.Attempts[0].Key != one || rec.Attempts[1].Key != two {
						t.Errorf("recorded keys %s and %s, want %s and %s", rec.Attempts[0].Key, rec.Attempts[1].Key, one, two)
					}
					checkKeys(t, r.ledger("first"), one, two)
					time.Sleep(time.Until(start.Add(tc.rest - time.Second)))
					r.ask(sh.path, sh.stream)
					time.Sleep(2 * time.Second)
					r.ask(sh.path, sh.stream)
					checkKeys(t, r.ledger("first"), one, two, two, one)
				}
			})
		})
	}
}

// checkKeys compares the credentials that arrived with those expected.
func checkKeys(t *testing.T, arrivals []sim.Arrival, want ...string) {
	t.Helper()
	var keys []string
	for _, a := range arrivals {
		keys = append(keys, a.Key)
	}
	if fmt.Sprint(keys) != fmt.Sprint(want) {
		t.Errorf("keys that arrived: %v, want %v", keys, want)
	}
}

// A rate limit is of one model; spent credit and a bad key are of the whole
// credential.
func TestWidthOfACooldown(t *testing.T) {
	for order, wide := range map[string]bool{"429:retry-after=60": false, "529:retry-after=60": false, "402": true, "429:code=insufficient_quota": true, "401": true} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 1), nil)
				defer r.close()
				r.sims["first"].Script(parse(t, order))
				r.post(path, chat("first/one", false))
				got := r.post(path, chat("first/two", false))
				if (got.status != 200) != wide || r.arrivals("first") != map[bool]int{true: 1, false: 2}[wide] {
					t.Errorf("another model with the same credential: status %d, %d arrivals", got.status, r.arrivals("first"))
				}
			})
		})
	}
}

// A key that stays bad costs one real call each max_cooldown, not one a call,
// and the log says so each time.
func TestBadKeyIsTriedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		r := newRig(t, chain(path, 2), routed())
		defer r.close()
		r.order("first", "401")
		for range 31 * 2 { // half an hour
			if got, _ := r.ask(path, false); got.status != 200 {
				t.Fatalf("status %d", got.status)
			}
			time.Sleep(30 * time.Second)
		}
		if n := r.arrivals("first"); n < 6 || n > 7 {
			t.Errorf("%d arrivals with a bad key in 31 minutes, want one each five minutes", n)
		}
		if rec := r.last(); outcomes(rec) != "first=skipped:auth second=ok" {
			t.Errorf("between: %s", outcomes(rec))
		}
		key := r.cfg.Providers[0].Keys[0].ID()
		if said := r.said.String(); strings.Count(said, "refuses a configured key") != r.arrivals("first") || !strings.Contains(said, key) {
			t.Errorf("the log says\n%s", said)
		}
	})
}

// A refused credential that the client itself brought is the client's business:
// answered unchanged, with nothing held against anybody.
func TestClientsOwnKeyIsItsOwnBusiness(t *testing.T) {
	for _, order := range []string{"401", "403"} {
		for _, sh := range shapes {
			t.Run(sh.name+"/"+order, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					specs := chain(sh.path, 2)
					specs[0].own = true
					r := newRig(t, specs, routed())
					defer r.close()
					r.order("first", order)
					for n := range 10 {
						got, rec := r.ask(sh.path, sh.stream, "Authorization", "Bearer my-own-key")
						if got.status/100 != 4 || !r.sentBy("first", got) || outcomes(rec) != "first=auth" || r.arrivals("first") != n+1 {
							t.Fatalf("call %d: status %d, %s, %d arrivals", n, got.status, outcomes(rec), r.arrivals("first"))
						}
					}
					if known := r.gw.health.report(nil, time.Now()); len(known) != 1 || known[0].State != "closed" || known[0].Strikes+known[0].Failed > 0 {
						t.Errorf("held against the target: %+v", known)
					}
					r.order("first", "ok")
					if got, _ := r.ask(sh.path, sh.stream, "Authorization", "Bearer my-own-key"); got.status != 200 {
						t.Errorf("status %d with a good key", got.status)
					}
				})
			})
		}
	}
}

// TestPassedOverForTheSameModel: a target that cools down is on record as
// skipped also where another with the same model is simply the better choice.
func TestPassedOverForTheSameModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain("/v1/chat/completions", 2), routed("first/one", "second/one"))
		defer r.close()
		r.order("first", "429:retry-after=60")
		for _, want := range []string{"first=rate_limited second=ok", "first=skipped:cooldown second=ok"} {
			got := r.post("/v1/chat/completions", asking("/v1/chat/completions", true))
			if story := outcomes(r.last()); got.status != 200 || story != want {
				t.Errorf("%d %s, want %s", got.status, story, want)
			}
		}
		if why := r.last().Attempts[0].Error; !strings.Contains(why, "second/one") {
			t.Errorf("the record says: %s", why)
		}
		// With the other gone the one that was passed over has one row, not two.
		r.order("second", "refused")
		got := r.post("/v1/chat/completions", asking("/v1/chat/completions", true))
		if story := outcomes(r.last()); got.status != 502 || story != "first=skipped:cooldown second=connect" {
			t.Errorf("%d %s", got.status, story)
		}
	})
}
