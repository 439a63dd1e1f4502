package proxy

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// The cases of SILENT-FAILURES parts B and U that need the whole engine; the
// others are in caps_test.go, proxy/caps, providers/price and
// providers/dialect, under the same numbers.

// twoTargets routes gpt-4o to a first and a second provider of the dialect.
func twoTargets(change func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"first/gpt-4o", "second/gpt-4o"}, Strategy: StrategyOrdered, Sticky: StickyNone}}
		if change != nil {
			change(c)
		}
	}
}

var twoProviders = []upstreamSpec{{name: "first", dialect: llm.OpenAIChat}, {name: "second", dialect: llm.OpenAIChat}}

// SF-B5: the cost of an answer that was cut recomputes from the row's own
// tokens and price; it is not that of the placeholder in message_start.
func TestB5RecoveredTokensAreCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		r.sims["anthropic"].Script(parse(t, "reset-mid-stream:after=50"))
		r.post("/v1/messages", limited("claude-sonnet-4-5", 900, "[[words 80]]", true))
		a := r.last().Attempts[0]
		p, err := price.ParsePrice(a.Price)
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.Cost(a.Usage, a.StartedAt)
		if err != nil || a.Cost != want.Amount || a.Usage.Output.N < 50 {
			t.Errorf("cost %+v for %+v, the row's own tokens cost %+v (%v)", a.Cost, a.Usage, want.Amount, err)
		}
	})
}

// SF-B7: when the free first target fails, the paid fallback is not called past
// a spent cap; the caller gets the first one's error.
func TestB7FallbackDoesNotEscapeTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, twoProviders, twoTargets(func(c *Config) {
			capped("0", func(c *caps.Config) { c.Match.Provider = "second" })(c)
			c.Providers[0].Free = true
		}))
		defer r.close()
		r.sims["first"].Default(parse(t, "500"))
		got := r.post("/v1/chat/completions", chat("gpt-4o", false))
		if got.status != 500 || len(r.sims["second"].Ledger()) != 0 {
			t.Errorf("status %d, %d calls to the paid fallback: %s", got.status, len(r.sims["second"].Ledger()), got.body)
		}
		if o := outcomes(r.last()); !strings.HasSuffix(o, "second=skipped:cap") {
			t.Errorf("recorded %s", o)
		}
		if trail := got.header.Get("X-Llmgw-Attempts"); !strings.Contains(trail, "second/gpt-4o=skipped:cap") {
			t.Errorf("x-llmgw-attempts %q", trail)
		}
	})
}

// SF-B8: no endpoint goes past a cap: it is metered and refused, or free, or
// refused because it cannot be metered.
func TestB8NoEndpointEscapesTheCap(t *testing.T) {
	for _, tc := range []struct {
		method, path, body string
		free               bool
	}{
		{"POST", "/v1/chat/completions", chat("gpt-4o", false), false},
		{"POST", "/v1/chat/completions", chat("gpt-4o", true), false},
		{"POST", "/v1/completions", `{"model":"gpt-3.5-turbo-instruct","prompt":"hi","max_tokens":9}`, false},
		{"POST", "/v1/embeddings", `{"model":"text-embedding-3-small","input":"hi"}`, false},
		{"POST", "/v1/messages", messages("claude-sonnet-4-5", true), false},
		{"POST", "/v1/messages/count_tokens", messages("claude-sonnet-4-5", false), true},
		{"POST", "/v1/images/generations", `{"model":"gpt-image-1","prompt":"a cat"}`, false},
		{"POST", "/v1/something/new", `{}`, false},
		{"POST", "/provider/openai/v1/chat/completions", chat("gpt-4o", false), false},
		{"POST", "/provider/openai/v1/unknown", `{}`, false},
		{"POST", "/v1/responses", `{"model":"gpt-4o","input":"hi"}`, false},
		{"GET", "/v1/models", "", true},
		{"GET", "/v1/files", "", true},
		{"DELETE", "/v1/files/file-1", "", true},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, capped("0", nil))
				defer r.close()
				req, err := http.NewRequest(tc.method, "http://127.0.0.1:4747"+tc.path, strings.NewReader(tc.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				if strings.Contains(tc.path, "messages") {
					req.Header.Set("Anthropic-Version", "2023-06-01")
				}
				got := r.do(req)
				arrived := len(r.sims["openai"].Ledger()) + len(r.sims["anthropic"].Ledger())
				if tc.free && (arrived != 1 || got.header.Get("X-Llmgw-Error") != "") {
					t.Errorf("free, but status %d (%s), %d arrivals", got.status, got.header.Get("X-Llmgw-Error"), arrived)
				}
				refusal := 402
				if strings.HasSuffix(tc.path, "/responses") {
					refusal = 429 // Codex stops on it and retries a 402
				}
				if !tc.free && (arrived != 0 || got.status != refusal || got.header.Get("X-Llmgw-Error") != "cap_exceeded") {
					t.Errorf("status %d (%s), %d arrivals: %s", got.status, got.header.Get("X-Llmgw-Error"), arrived, got.body)
				}
			})
		})
	}
}

// SF-B11: what costs nothing is served although the cap is spent, and says so.
func TestB11FreeModelsPassASpentCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, func(c *Config) {
			capped("0", nil)(c)
			c.Providers[0].Free = true
		})
		defer r.close()
		got := r.post("/v1/chat/completions", chat("llama-local", false))
		if row := r.last(); got.status != 200 || row.CostSource != store.CostFree || !row.Cost.Known || row.Cost.Money != 0 {
			t.Errorf("status %d, cost %+v (%s)", got.status, row.Cost, row.CostSource)
		}
	})
}

// A cap with action = "substitute" answers from the target it names.
func TestCapSubstitutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, twoProviders, func(c *Config) {
			capped("0", func(c *caps.Config) {
				c.Match.Provider, c.Action, c.Substitute = "first", caps.ActionSubstitute, "second/local"
			})(c)
			c.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"first/gpt-4o"}}}
			c.Providers[1].Free = true
		})
		defer r.close()
		got := r.post("/v1/chat/completions", chat("gpt-4o", false))
		row := r.last()
		if got.status != 200 || row.Provider != "second" || row.Model != "local" || outcomes(row) != "first=skipped:cap second=ok" {
			t.Errorf("status %d, served by %s/%s, %s: %s", got.status, row.Provider, row.Model, outcomes(row), got.body)
		}
	})
}

// A call that does not fit now waits for running ones to settle, up to ten
// seconds, and says that it waited.
func TestCapWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("0.05", func(c *caps.Config) { c.Clamp = false }))
		defer r.close()
		r.sims["openai"].Script(parse(t, "slow-first-byte:ms=3000"))
		first := make(chan reply)
		go func() {
			first <- r.post("/v1/chat/completions", limited("gpt-4o", 4000, "[[usage in=10 out=10]]", false))
		}()
		time.Sleep(time.Second)
		second := r.post("/v1/chat/completions", limited("gpt-4o", 4000, "[[usage in=10 out=10]]", false))
		if second.status != 200 || second.took < 2*time.Second || second.header.Get("X-Llmgw-Waited") == "" {
			t.Errorf("status %d after %s, waited %q: %s", second.status, second.took, second.header.Get("X-Llmgw-Waited"), second.body)
		}
		if got := <-first; got.status != 200 {
			t.Errorf("the first call: status %d", got.status)
		}
	})
}

// SF-U6, SF-U7: a stream's usage is recorded where nobody asked for it and
// wherever it stands, and the same call costs the same streamed or not (SF-U3).
func TestU6U7StreamedUsageIsFound(t *testing.T) {
	for _, order := range []string{"ok", "cumulative-usage", "finish-usage", "no-final-newline", "crlf"} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, nil)
				defer r.close()
				var cost [2]price.Amount
				for i, stream := range []bool{false, true} {
					if stream && order != "ok" {
						r.sims["openai"].Script(parse(t, order))
					}
					r.post("/v1/chat/completions", limited("gpt-4o", 900, "[[usage in=1234 out=567 cached=1000]]", stream))
					row := r.last()
					if row.Usage.Input.N != 1234 || row.Usage.Output.N != 567 || row.Usage.CachedInput.N != 1000 {
						t.Errorf("stream %v: recorded %+v", stream, row.Usage)
					}
					cost[i] = row.Cost
				}
				if cost[0] != cost[1] || !cost[0].Known {
					t.Errorf("not streamed %+v, streamed %+v", cost[0], cost[1])
				}
			})
		})
	}
}

// SF-U2: Anthropic's cumulative counts replace, they never add.
func TestU2CumulativeUsageReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		r.sims["anthropic"].Script(parse(t, "cumulative-usage"))
		r.post("/v1/messages", limited("claude-sonnet-4-5", 900, "[[usage in=900 out=100 cached=300 write=200]]", true))
		if u := r.last().Usage; u.Input.N != 900 || u.Output.N != 100 || u.CachedInput.N != 300 || u.CacheWrite.N != 200 {
			t.Errorf("recorded %+v", u)
		}
	})
}

// SF-U11, SF-U12: a call that fell over is one call with a row for each
// attempt, each at its own price.
func TestU11U12OneCallManyAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, twoProviders, func(c *Config) {
			c.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"first/gpt-4o", "second/gpt-4o-mini"}}}
		})
		defer r.close()
		r.sims["first"].Default(parse(t, "hang-before-headers"))
		got := r.post("/v1/chat/completions", limited("gpt-4o", 100, "[[usage in=1000 out=50]]", true))
		row := r.last()
		if got.status != 200 || len(row.Attempts) != 2 {
			t.Fatalf("status %d, %s", got.status, outcomes(row))
		}
		left, served := row.Attempts[0], row.Attempts[1]
		if left.CostSource != store.CostEstimated || served.CostSource != store.CostReported || bytes.Equal([]byte(left.Price), []byte(served.Price)) {
			t.Errorf("bases %q and %q, prices %q and %q", left.CostSource, served.CostSource, left.Price, served.Price)
		}
		if row.Cost.Money != left.Cost.Money+served.Cost.Money {
			t.Errorf("the call costs %s, its attempts %s and %s", row.Cost.Money, left.Cost.Money, served.Cost.Money)
		}
	})
}
