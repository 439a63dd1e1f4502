package proxy

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// capped configures one hard cap of so many dollars a day.
func capped(usd string, change func(*caps.Config)) func(*Config) {
	return func(c *Config) {
		cp := caps.DefaultConfig()
		m, err := price.ParseUSD(usd)
		if err != nil {
			panic(err)
		}
		cp.Name, cp.USD, cp.Timezone = "daily", price.Of(m), "UTC"
		if change != nil {
			change(&cp)
		}
		c.Caps = []caps.Config{cp}
	}
}

// spentAndHeld is how the first cap stands.
func (r *rig) spentAndHeld() (spent, held price.Money) {
	r.t.Helper()
	all := r.gw.ledger.Snapshot(time.Now())
	if len(all) == 0 {
		r.t.Fatal("no cap")
	}
	return all[0].Spent, all[0].Held
}

func limited(model string, maxTokens int, directive string, stream bool) string {
	return body(fmt.Sprintf(`{"model":%q,"max_tokens":%d,"messages":[{"role":"user","content":"hello %s"}]`, model, maxTokens, directive), stream)
}

// What the record says a call cost is what its reported usage costs at the
// frozen price, streamed or not, in both dialects; and caps are charged just
// that.
func TestCostIsUsageTimesPrice(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, capped("100", nil))
				defer r.close()
				got := r.post(sh.path, limited(sh.model, 4000, "[[usage in=1000 out=500]]", sh.stream))
				if got.status != 200 {
					t.Fatalf("status %d: %s", got.status, got.body)
				}
				row := r.last()
				a := row.Attempts[0]
				p, err := price.ParsePrice(a.Price)
				if err != nil {
					t.Fatalf("frozen price %q: %v", a.Price, err)
				}
				want, err := p.Cost(a.Usage, a.StartedAt)
				if err != nil || !want.Amount.Known || want.Amount.Money == 0 {
					t.Fatalf("cost by the frozen price: %+v, %v", want, err)
				}
				if row.Cost != want.Amount || a.Cost != want.Amount || row.CostSource != store.CostReported {
					t.Errorf("call %+v (%s), attempt %+v, want %s", row.Cost, row.CostSource, a.Cost, want.Amount.Money)
				}
				if spent, held := r.spentAndHeld(); spent != want.Amount.Money || held != 0 {
					t.Errorf("the cap has spent %s and holds %s, want %s and 0", spent, held, want.Amount.Money)
				}
				if !sh.stream && got.header.Get("X-Llmgw-Cost-Usd") != want.Amount.Money.String() {
					t.Errorf("x-llmgw-cost-usd %q", got.header.Get("X-Llmgw-Cost-Usd"))
				}
				if !a.Held.Known || a.Held.Money < want.Amount.Money {
					t.Errorf("held %s for a call that cost %s", a.Held.Money, want.Amount.Money)
				}
			})
		})
	}
}

// SF-B1, SF-B9: a cap that is spent refuses before any byte goes upstream, in
// the caller's dialect, and says what it would take.
func TestCapRefuses(t *testing.T) {
	for _, sh := range shapes {
		for _, usd := range []string{"0", "0.00001"} {
			t.Run(sh.name+"/"+usd, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, bothDialects, capped(usd, nil))
					defer r.close()
					got := r.post(sh.path, limited(sh.model, 4000, "", sh.stream))
					if got.status != 402 || got.header.Get("X-Llmgw-Error") != "cap_exceeded" || got.header.Get("X-Should-Retry") != "false" {
						t.Errorf("status %d, headers %v: %s", got.status, got.header, got.body)
					}
					for _, word := range []string{"daily", "spent", "held", "would fit", "resets"} {
						if !bytes.Contains(got.body, []byte(word)) {
							t.Errorf("the refusal does not say %q: %s", word, got.body)
						}
					}
					if n := len(r.sims[sh.provider].Ledger()); n != 0 {
						t.Errorf("%d calls reached the provider", n)
					}
					if row := r.last(); row.Status != store.StatusBlocked || outcomes(row) != sh.provider+"=skipped:cap" {
						t.Errorf("recorded %s, %s", row.Status, outcomes(row))
					}
				})
			})
		}
	}
}

// SF-B1: fifty calls at once over a cap that a few fit into: at no moment more
// is spent and held than the cap, and afterwards nothing is held.
func TestCapHoldsUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("0.10", func(c *caps.Config) { c.Clamp = false }))
		defer r.close()
		r.sims["openai"].Default(parse(t, "slow-first-byte:ms=2000"))
		var wg sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		for i := range 50 {
			wg.Go(func() {
				got := r.post("/v1/chat/completions", limited("gpt-4o", 2000, "[[usage in=1000 out=1900]]", i%2 == 0))
				mu.Lock()
				statuses[got.status]++
				mu.Unlock()
			})
		}
		wg.Wait()
		spent, held := r.spentAndHeld()
		if limit, _ := price.ParseUSD("0.10"); spent > limit || held != 0 {
			t.Errorf("spent %s, held %s of 0.10", spent, held)
		}
		if statuses[200] == 0 || statuses[402] == 0 || statuses[200]+statuses[402] != 50 {
			t.Errorf("answers by status: %v", statuses)
		}
		if n := len(r.sims["openai"].Ledger()); n != statuses[200] {
			t.Errorf("%d calls reached the provider, %d were answered", n, statuses[200])
		}
	})
}

// SF-B2: however a call ends, its hold ends with it.
func TestNothingStaysHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("1000", nil))
		defer r.close()
		for _, order := range []string{"ok", "400", "401", "429", "500", "503", "reset-before-headers", "hang-after-headers:ms=1000", "reset-mid-stream", "eof-mid-stream", "error-mid-stream", "200-empty", "200-html", "malformed-json", "no-usage", "zero-usage"} {
			for _, sh := range shapes {
				r.gw.health.reset("", time.Now())
				if order != "ok" {
					r.sims[sh.provider].Script(parse(t, order))
				}
				r.post(sh.path, limited(sh.model, 300, "", sh.stream), "X-Llmgw-Deadline", "20s")
				if _, held := r.spentAndHeld(); held != 0 {
					t.Errorf("%s, %s: %s stays held", order, sh.name, held)
				}
			}
		}
	})
}

// SF-D2: a restart remembers what was spent.
func TestCapsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("100", nil))
		defer r.close()
		for range 3 {
			r.post("/v1/chat/completions", limited("gpt-4o", 2000, "[[usage in=1000 out=1900]]", true))
		}
		before, _ := r.spentAndHeld()
		l, err := newLedger(r.cfg.Caps, r.store, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if after := l.Snapshot(time.Now())[0]; after.Spent != before || before == 0 || after.Held != 0 {
			t.Errorf("spent %s before and %s after, held %s", before, after.Spent, after.Held)
		}
	})
}

// A smaller answer is better than none: where the whole output does not fit,
// the limit is lowered to what does, as a declared edit.
func TestCapClamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("0.05", nil))
		defer r.close()
		got := r.post("/v1/chat/completions", limited("gpt-4o", 16000, "[[words 20]]", false))
		if got.status != 200 || got.header.Get("X-Llmgw-Edits") != "max_tokens" {
			t.Fatalf("status %d, edits %q: %s", got.status, got.header.Get("X-Llmgw-Edits"), got.body)
		}
		sent := string(r.sims["openai"].Ledger()[0].Body)
		if strings.Contains(sent, "16000") || !strings.Contains(sent, `"max_tokens":`) {
			t.Errorf("the provider got %s", sent)
		}
		if _, held := r.spentAndHeld(); held != 0 {
			t.Errorf("%s stays held", held)
		}
	})
}

// SF-B3: a model whose price nobody knows is never counted as free: refused
// under a hard cap, served and shown as unknown without one.
func TestUnpricedModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("100", nil))
		defer r.close()
		got := r.post("/v1/chat/completions", limited("openai/no-such-model-x", 100, "", false))
		if got.status != 402 || !bytes.Contains(got.body, []byte("price")) {
			t.Errorf("under a cap: status %d: %s", got.status, got.body)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		got := r.post("/v1/chat/completions", limited("openai/no-such-model-x", 100, "", false))
		row := r.last()
		if got.status != 200 || row.Cost.Known || row.CostSource != store.CostUnpriced {
			t.Errorf("without a cap: status %d, cost %+v (%s)", got.status, row.Cost, row.CostSource)
		}
	})
}

// SF-B4, SF-B6: what was cut or abandoned is charged by an estimate that says
// so and never exceeds what was asked for.
func TestCutStreamsAreEstimated(t *testing.T) {
	for _, sh := range shapes {
		if !sh.stream {
			continue
		}
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, capped("100", nil))
				defer r.close()
				r.sims[sh.provider].Script(parse(t, "reset-mid-stream:after=5"))
				r.post(sh.path, limited(sh.model, 50, "[[words 40]]", true))
				row := r.last()
				if row.Status != store.StatusTruncated || row.CostSource != store.CostEstimated || !row.Cost.Known || row.Cost.Money == 0 {
					t.Errorf("recorded %s, cost %+v (%s)", row.Status, row.Cost, row.CostSource)
				}
				if out := row.Usage.Output; !out.Known || out.N == 0 || out.N > 50 {
					t.Errorf("estimated output %+v of 50 asked for", out)
				}
				if spent, _ := r.spentAndHeld(); spent != row.Cost.Money {
					t.Errorf("the cap was charged %s, the record says %s", spent, row.Cost.Money)
				}
			})
		})
	}
}

// TestAbsurdUsage: a provider that reports more tokens than there are does not
// make the record unsummable; they are unknown, and what was held is charged.
func TestAbsurdUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := `{"id":"x","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}],` +
			`"usage":{"prompt_tokens":4611686018427387904,"completion_tokens":4611686018427387904,"total_tokens":9223372036854775807}}`
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer))
		})}}, capped("1.00", nil))
		defer r.close()
		for range 3 {
			if got := r.post("/v1/chat/completions", limited("gpt-4o", 100, "hello", false)); got.status != 200 || string(got.body) != answer {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		row := r.last()
		if row.Usage.Input.Known || row.Cost != row.Attempts[0].Held || row.CostSource != store.CostEstimated || !strings.Contains(string(row.Attempts[0].Usage.Raw), "4611686018427387904") {
			t.Errorf("on record: %+v", row)
		}
		rd, err := store.OpenReader(r.db)
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		sums, err := rd.Sums(t.Context(), store.SumQuery{By: []string{"model"}, WithoutLatency: true})
		if err != nil || len(sums) != 1 || sums[0].Calls != 3 || sums[0].Estimated != 3*row.Cost.Money {
			t.Errorf("%+v, %v", sums, err)
		}
		if spent, held := r.spentAndHeld(); spent == 0 || held != 0 {
			t.Errorf("spent %s, held %s", spent, held)
		}
	})
}

// noClamp makes a cap take a call as it is or not at all.
func noClamp(c *caps.Config) { c.Clamp = false }
