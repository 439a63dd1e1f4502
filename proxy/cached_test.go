package proxy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/price"
	"llmgw/proxy/cache"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// The cases of SILENT-FAILURES part C that need the whole engine; the others
// are in proxy/cache and store.

// cached switches the cache on for every call.
func cached(change func(*cache.Config)) func(*Config) {
	return func(c *Config) {
		c.Cache = cache.DefaultConfig()
		c.Cache.Enabled = true
		if change != nil {
			change(&c.Cache)
		}
	}
}

// both applies two changes of a configuration.
func both(one, two func(*Config)) func(*Config) {
	return func(c *Config) { one(c); two(c) }
}

// state is what a call's header and row say of the cache; they must agree.
func (r *rig) state(got reply) string {
	r.t.Helper()
	row := r.last()
	if said := got.header.Get("X-Llmgw-Cache"); said != row.Cache || row.ID != got.header.Get("X-Llmgw-Call-Id") {
		r.t.Errorf("x-llmgw-cache %q, on record %q (%s)", said, row.Cache, row.CacheNote)
	}
	return row.Cache + ": " + row.CacheNote
}

// same fails unless two answers are the same bytes.
func same(t *testing.T, one, two reply) {
	t.Helper()
	if sha256.Sum256(one.body) != sha256.Sum256(two.body) || len(two.body) == 0 || two.err != nil || one.err != nil {
		t.Errorf("%d bytes the first time (%v), %d the second (%v), or others", len(one.body), one.err, len(two.body), two.err)
	}
	if one.status != two.status || one.header.Get("Content-Type") != two.header.Get("Content-Type") {
		t.Errorf("first %d %s, then %d %s", one.status, one.header.Get("Content-Type"), two.status, two.header.Get("Content-Type"))
	}
}

// SF-C5, SF-C6: the same call twice, in every shape, is one call upstream and
// the same bytes; header and record say what it was, when, and what it saved.
func TestC6HitIsTheSameBytes(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, cached(nil))
				defer r.close()
				body := limited(sh.model, 4000, "[[usage in=1000 out=500]]", sh.stream)
				first := r.post(sh.path, body)
				if got := r.state(first); got != "miss: first time" {
					t.Errorf("first: %s", got)
				}
				one := r.last()
				time.Sleep(90 * time.Second)
				second := r.post(sh.path, body)
				if got := r.state(second); got != "hit: "+sh.provider+"/"+sh.model+" had answered 1m30s before" {
					t.Errorf("second: %s", got)
				}
				same(t, first, second)
				if n := r.arrivals(sh.provider); n != 1 {
					t.Errorf("%d calls upstream", n)
				}
				two := r.last()
				if two.CachedFrom != one.ID || two.Provider != "cache" || two.Model != one.Model || two.Status != store.StatusOK || len(two.Attempts) != 0 {
					t.Errorf("from %s, served by %s/%s, %s, %d attempts", two.CachedFrom, two.Provider, two.Model, two.Status, len(two.Attempts))
				}
				if two.Usage.Input != one.Usage.Input || two.Usage.Output != one.Usage.Output || two.FinishReason != one.FinishReason || two.ModelReported != one.ModelReported {
					t.Errorf("usage %+v, finish %s, want %+v, %s", two.Usage, two.FinishReason, one.Usage, one.FinishReason)
				}
				if two.Cost != price.Of(0) || two.CostSource != store.CostCache || two.Worth != one.Cost || one.Cost.Money == 0 {
					t.Errorf("cost %+v (%s), worth %+v; it had cost %+v", two.Cost, two.CostSource, two.Worth, one.Cost)
				}
				h := second.header
				if h.Get("Age") != "90" || h.Get("X-Llmgw-Provider") != "cache" || h.Get("X-Llmgw-Model") != sh.model || h.Get("X-Llmgw-Attempts") != "" {
					t.Errorf("headers %v", h)
				}
				if cost := h.Get("X-Llmgw-Cost-Usd"); !sh.stream && cost != "0" {
					t.Errorf("x-llmgw-cost-usd %q", cost)
				}
				for _, name := range []string{"X-Request-Id", "Request-Id", "X-Ratelimit-Remaining-Requests", "Anthropic-Ratelimit-Requests-Remaining", "Set-Cookie"} {
					if h.Get(name) != "" {
						t.Errorf("%s: %s was replayed", name, h.Get(name))
					}
				}
				rd := r.reader()
				defer rd.Close()
				if problems, err := rd.Check(t.Context()); err != nil || len(problems) > 0 {
					t.Errorf("check: %q, %v", problems, err)
				}
			})
		})
	}
}

// SF-C4: off unless switched on; what a caller asks is obeyed, and shown.
func TestC4CallersAreObeyed(t *testing.T) {
	const path = "/v1/chat/completions"
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		for range 2 {
			if got := r.state(r.post(path, chat("gpt-4o", false))); got != "off: " {
				t.Errorf("without configuration: %s", got)
			}
		}
		got := r.post(path, chat("gpt-4o", false), "X-Llmgw-Cache", "only-if-cached")
		if got.status != 504 || got.header.Get("X-Llmgw-Error") != "not_cached" || r.arrivals("openai") != 2 {
			t.Errorf("only-if-cached: %d %s, %d arrivals", got.status, got.header.Get("X-Llmgw-Error"), r.arrivals("openai"))
		}
	})
	for _, tc := range sample([]struct {
		header, value string
		state         string // of the call that says it, with an answer 30 s old in the cache
		after         string // of a plain call after it, on an empty cache
		renews        bool
	}{
		{"Cache-Control", "no-store", "bypass: asked for no-store", "miss: first time", false},
		{"X-Llmgw-Cache", "no-store", "bypass: asked for no-store", "miss: first time", false},
		{"Cache-Control", "no-cache", "bypass: asked for a new answer", "hit", true},
		{"X-Llmgw-Cache", "no-cache", "bypass: asked for a new answer", "hit", true},
		{"Cache-Control", "max-age=0", "bypass: asked for a new answer", "hit", true},
		{"Cache-Control", "max-age=29", "miss: older than the max-age asked for", "hit", true},
		{"Cache-Control", "max-age=30", "hit", "hit", false},
		{"Cache-Control", "only-if-cached", "hit", "miss: first time", false},
		{"X-Llmgw-Cache", "only-if-cached", "hit", "miss: first time", false},
		{"Cache-Control", "private, max-stale", "hit", "hit", false},
	}) {
		t.Run(tc.header+" "+tc.value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, cached(nil))
				defer r.close()
				for _, sh := range shapes {
					body := bodyFor(sh.path, sh.model, sh.stream)
					first := r.post(sh.path, body, tc.header, tc.value)
					if got := r.state(r.post(sh.path, body)); !strings.HasPrefix(got, tc.after) {
						t.Errorf("%s: after a first call that said it: %s", sh.name, got)
					}
					if only := strings.Contains(tc.value, "only"); only != (first.status == 504) {
						t.Errorf("%s: status %d: %s", sh.name, first.status, first.body)
					}
					time.Sleep(30 * time.Second)
					before := r.last().StartedAt
					if got := r.state(r.post(sh.path, body, tc.header, tc.value)); !strings.HasPrefix(got, tc.state) {
						t.Errorf("%s: %s, want %s", sh.name, got, tc.state)
					}
					r.post(sh.path, body)
					if from := r.last(); tc.renews && (from.Cache != store.CacheHit || strings.Contains(from.CacheNote, "30s")) {
						t.Errorf("%s: the new answer did not replace that of %s: %s", sh.name, before, from.CacheNote)
					}
				}
			})
		})
	}
}

// A value of x-llmgw-cache that nobody knows is refused, in the caller's
// dialect; routing errors come first.
func TestC4UnknownWishIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		for _, sh := range shapes {
			got := r.post(sh.path, bodyFor(sh.path, sh.model, sh.stream), "X-Llmgw-Cache", "refresh")
			if got.status != 400 || got.header.Get("X-Llmgw-Error") != "unsupported" || !bytes.Contains(got.body, []byte("only-if-cached")) || r.arrivals(sh.provider) != 0 {
				t.Errorf("%s: status %d, %d arrivals: %s", sh.name, got.status, r.arrivals(sh.provider), got.body)
			}
		}
		if got := r.post("/v1/chat/completions", chat("nobody/x", false), "X-Llmgw-Cache", "refresh"); got.header.Get("X-Llmgw-Error") == "" || r.arrivals("openai") > 1 {
			t.Errorf("an unknown model: %d", got.status)
		}
	})
}

// SF-C5: hits come back after a restart, and a wiped cache works again.
func TestC5HitsAfterRestartAndWipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		post := func() (reply, string) {
			got := r.post("/v1/chat/completions", chat("gpt-4o", true))
			return got, r.state(got)
		}
		first, _ := post()
		r.restart()
		second, got := post()
		if !strings.HasPrefix(got, "hit") {
			t.Fatalf("after a restart: %s", got)
		}
		same(t, first, second)
		if text, err := r.gw.Command("cache", []string{"rm", r.last().CachedFrom}); err != nil || !strings.Contains(text, `"answers":1`) {
			t.Fatalf("rm: %s, %v", text, err)
		}
		if _, got := post(); got != "miss: removed" {
			t.Errorf("after rm: %s", got)
		}
		if text, err := r.gw.Command("cache", []string{"clear"}); err != nil || !strings.Contains(text, `"answers":1`) {
			t.Fatalf("clear: %s, %v", text, err)
		}
		if _, got := post(); got != "miss: removed" {
			t.Errorf("after clear: %s", got)
		}
		if _, got := post(); !strings.HasPrefix(got, "hit") {
			t.Errorf("once it is kept again: %s", got)
		}
		for _, wrong := range [][]string{nil, {"rm"}, {"clear", "all"}, {"forget"}} {
			if _, err := r.gw.Command("cache", wrong); err == nil {
				t.Errorf("cache %q was done", wrong)
			}
		}
	})
}

// Each route has the values it sets: on or off, its own life, its own room.
func TestRoutesHaveCachesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, func(c *Config) {
			cached(nil)(c)
			c.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"openai/gpt-4o"}}, {Model: "gpt-5", Targets: []string{"openai/gpt-5"}}, {Model: "o3", Targets: []string{"openai/o3"}}}
			shared := c.Cache
			c.CacheFor = func(route string) cache.Config {
				use := shared
				switch route {
				case "gpt-4o":
					use.TTL = time.Minute
				case "gpt-5":
					use.Enabled = false
				case "o3":
					use.MaxSize = 1 << 20
				}
				return use
			}
		})
		defer r.close()
		post := func(model string) string { return r.state(r.post("/v1/chat/completions", chat(model, false))) }
		for _, model := range []string{"gpt-4o", "gpt-5", "o3", "gpt-4.1"} {
			post(model)
		}
		for model, want := range map[string]string{"gpt-4o": "hit", "gpt-5": "off", "o3": "hit", "gpt-4.1": "hit"} {
			if got := post(model); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s", model, got)
			}
		}
		time.Sleep(time.Minute)
		for model, want := range map[string]string{"gpt-4o": "miss: expired", "o3": "hit", "gpt-4.1": "hit"} {
			if got := post(model); !strings.HasPrefix(got, want) {
				t.Errorf("%s a minute later: %s", model, got)
			}
		}
		pools, rd := map[string]int{}, r.reader()
		defer rd.Close()
		if err := rd.EachCached(t.Context(), func(e *store.Cached) error { pools[e.Pool]++; return nil }); err != nil || pools[""] != 2 || pools["o3"] != 1 {
			t.Errorf("answers by pool: %v, %v", pools, err)
		}
		off := r.cfg
		off.Cache.Enabled, off.CacheFor = false, nil
		if err := r.gw.Reload(off); err != nil {
			t.Fatal(err)
		}
		if got := post("gpt-4.1"); got != "off: " {
			t.Errorf("switched off by a reload: %s", got)
		}
		short := r.cfg
		short.CacheFor, short.Cache.TTL = nil, 30*time.Second
		if err := r.gw.Reload(short); err != nil {
			t.Fatal(err)
		}
		if got := post("gpt-4.1"); got != "miss: expired" {
			t.Errorf("past a shortened ttl: %s", got)
		}
	})
}

// Identical calls at once all go upstream; each gets a whole answer, and a
// later one gets one of theirs.
func TestIdenticalCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		r.sims["openai"].Default(parse(t, "slow-first-byte:ms=500"))
		var wg sync.WaitGroup
		answers := make([]reply, 12)
		for i := range answers {
			wg.Go(func() { answers[i] = r.post("/v1/chat/completions", chat("gpt-4o", i%2 == 0)) })
		}
		wg.Wait()
		if n := r.arrivals("openai"); n != len(answers) {
			t.Errorf("%d calls upstream for %d", n, len(answers))
		}
		for _, stream := range []bool{true, false} {
			got := r.post("/v1/chat/completions", chat("gpt-4o", stream))
			if !slices.ContainsFunc(answers, func(a reply) bool { return bytes.Equal(a.body, got.body) }) || r.last().Cache != store.CacheHit {
				t.Errorf("streamed %v: none of the answers was given again (%s)", stream, r.last().CacheNote)
			}
		}
	})
}

// A hit spends and holds nothing, and is served with the cap spent, the
// provider down and its breaker open.
func TestHitsNeedNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, both(cached(nil), capped("0.02", func(c *caps.Config) { c.Clamp = false })))
		defer r.close()
		const path = "/v1/chat/completions"
		body := limited("gpt-4o", 1000, "[[usage in=1000 out=900]]", false)
		first := r.post(path, body)
		spent, _ := r.spentAndHeld()
		for i := range 20 { // until the cap is spent
			r.post(path, limited("gpt-4o", 1000, fmt.Sprintf("%d [[usage in=1000 out=900]]", i), false))
		}
		if got := r.post(path, limited("gpt-4o", 1000, "another", false)); got.status != 402 || spent == 0 {
			t.Fatalf("the cap lets more through: %d", got.status)
		}
		r.sims["openai"].Default(parse(t, "reset-before-headers"))
		before, _ := r.spentAndHeld()
		for range 5 {
			got := r.post(path, body)
			if state := r.state(got); !strings.HasPrefix(state, "hit") {
				t.Errorf("with the cap spent and the provider down: %s", state)
			}
			same(t, first, got)
		}
		if after, held := r.spentAndHeld(); after != before || held != 0 {
			t.Errorf("hits spent %s and hold %s", after-before, held)
		}
		if _, err := r.gw.Command("targets", []string{"disable", "openai"}); err != nil {
			t.Fatal(err)
		}
		if state := r.state(r.post(path, body)); !strings.HasPrefix(state, "hit") {
			t.Errorf("with the target disabled: %s", state)
		}
		rd := r.reader()
		defer rd.Close()
		sums, err := rd.Sums(t.Context(), store.SumQuery{})
		if err != nil || sums[0].CacheHits != 6 || sums[0].Saved != 6*spent {
			t.Errorf("%d hits saved %s, %v; one call cost %s", sums[0].CacheHits, sums[0].Saved, err, spent)
		}
		byProvider, err := rd.Sums(t.Context(), store.SumQuery{By: []string{"provider"}})
		at := slices.IndexFunc(byProvider, func(s store.Sum) bool { return s.By[0] == "cache" })
		if err != nil || at < 0 || byProvider[at].InputTokens != 0 || byProvider[at].Calls != 6 || byProvider[at].Saved != 6*spent {
			t.Errorf("the cache's row is number %d of %d, %v", at, len(byProvider), err)
		}
	})
}
