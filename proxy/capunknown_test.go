package proxy

import (
	"fmt"
	"io"
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

// answering is a provider that answers every call with these bytes.
func answering(contentType, body string) []upstreamSpec {
	return []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	})}}
}

const answerHead = `{"id":"x","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}]`

// checkAgrees compares what the cap counts now, what the call has on record and
// what a next start counts.
func (r *rig) checkAgrees(row store.CallRow) {
	r.t.Helper()
	spent, held := r.spentAndHeld()
	l, err := newLedger(r.cfg.Caps, r.store, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	if again := l.Snapshot(time.Now())[0].Spent; !row.Cost.Known || spent != row.Cost.Money || again != spent || held != 0 {
		r.t.Errorf("the cap has spent %s and holds %s, the call cost %+v, after a restart %s are spent", spent, held, row.Cost, again)
	}
}

// What cannot be believed or contradicts itself is charged all the same, never
// below its parts, and carries a mark.
func TestUsageThatCannotBe(t *testing.T) {
	for _, tc := range []struct{ name, usage, why string }{
		{"absurd", `{"prompt_tokens":1000000000000000000,"completion_tokens":1000000000000000000,"total_tokens":2000000000000000000}`, "usage_not_believable"},
		{"cached above prompt", `{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":500}}`, "usage_inconsistent"},
		{"reasoning above output", `{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":50}}`, "usage_inconsistent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, answering("application/json", answerHead+`,"usage":`+tc.usage+"}"), capped("1.00", nil))
				defer r.close()
				r.post("/v1/chat/completions", limited("gpt-4o", 100, "hello", false))
				row := r.last()
				a := row.Attempts[0]
				if row.CostSource != store.CostEstimated || !strings.HasPrefix(a.Why, tc.why) || row.Cost.Money == 0 {
					t.Errorf("cost %+v (%s), %q", row.Cost, row.CostSource, a.Why)
				}
				if tc.why == "usage_not_believable" && row.Cost != a.Held {
					t.Errorf("cost %s, held %s", row.Cost.Money, a.Held.Money)
				}
				r.checkAgrees(row)
			})
		})
	}
}

// A provider that begins an answer and breaks it off has worked: what it may
// charge is estimated, within what was asked for and held. One that says no,
// or nothing, has not.
func TestBrokenBeforeContentIsEstimated(t *testing.T) {
	role := `data: {"id":"x","object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant"}}]}` + "\n\n"
	for _, tc := range []struct {
		name, kind, body string
		stream, charged  bool
	}{
		{"cut in the middle", "application/json", answerHead[:100], false, true},
		{"malformed", "application/json", answerHead + ",,,}", false, true},
		{"role only", "text/event-stream", role, true, true},
		{"nothing", "application/json", "", false, false},
		{"an error", "application/json", `{"error":{"message":"boom","type":"server_error"}}`, false, false},
		{"a page", "text/html", "<html>sign in</html>", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, answering(tc.kind, tc.body), capped("1.00", nil))
				defer r.close()
				r.post("/v1/chat/completions", limited("gpt-4o", 20, "hello "+strings.Repeat("word ", 200), tc.stream))
				row := r.last()
				for _, a := range row.Attempts {
					switch {
					case !tc.charged && a.CostSource != "":
						t.Errorf("%s cost %+v (%s)", a.Outcome, a.Cost, a.CostSource)
					case !tc.charged:
					case a.CostSource != store.CostEstimated || !a.Cost.Known || a.Cost.Money == 0 || a.Cost.Money > a.Held.Money:
						t.Errorf("%s cost %+v (%s) of %s held", a.Outcome, a.Cost, a.CostSource, a.Held.Money)
					case a.Usage.Input.N < 250 || a.Usage.Output.N > 20:
						t.Errorf("estimated %+v", a.Usage)
					}
				}
				if tc.charged {
					r.checkAgrees(row)
				}
			})
		})
	}
}

// withPrice gives a model a price and nothing more.
func withPrice(t *testing.T, target string, then func(*Config)) func(*Config) {
	book, err := price.Builtin().With(map[string]price.Override{target: {Input: price.Of(10 * price.USD), Output: price.Of(100 * price.USD)}})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) {
		c.Prices = book
		then(c)
	}
}

// A model with a price and no known output limit gets one put in, as a declared
// edit; where the cap must not, the refusal says what is missing.
func TestOpenOutput(t *testing.T) {
	for _, clamp := range []bool{true, false} {
		t.Run(fmt.Sprint("clamp=", clamp), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, withPrice(t, "openai/mine", capped("1.00", func(c *caps.Config) { c.Clamp = clamp })))
				defer r.close()
				got := r.post("/v1/chat/completions", chat("openai/mine", false))
				if clamp {
					sent := string(r.sims["openai"].Ledger()[0].Body)
					if got.status != 200 || got.header.Get("X-Llmgw-Edits") != "model, max_tokens" || !strings.Contains(sent, `"max_tokens":4096`) {
						t.Errorf("%d, edits %q, sent %s", got.status, got.header.Get("X-Llmgw-Edits"), sent)
					}
					r.checkAgrees(r.last())
					return
				}
				refused(t, got, "output nothing bounds", "max_tokens", "spent", "held", "resets", "daily")
				if got := r.post("/v1/chat/completions", limited("openai/mine", 100, "", false)); got.status != 200 {
					t.Errorf("with max_tokens: %d %s", got.status, got.body)
				}
			})
		})
	}
}

// With the model's own limit in the configuration, that is what is held.
func TestConfiguredOutputLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, err := price.Builtin().With(map[string]price.Override{"openai/mine": {Input: price.Of(10 * price.USD), Output: price.Of(100 * price.USD), MaxOutput: 2000}})
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, bothDialects, func(c *Config) {
			capped("1.00", noClamp)(c)
			c.Prices = book
		})
		defer r.close()
		got := r.post("/v1/chat/completions", chat("openai/mine", false))
		held := r.last().Attempts[0].Held.Money
		if got.status != 200 || held < price.USD/5 || held > price.USD*22/100 {
			t.Errorf("%d, held %s for 2,000 tokens at $100 a million: %s", got.status, held, got.body)
		}
	})
}

func refused(t *testing.T, got reply, words ...string) {
	t.Helper()
	if got.status != 402 {
		t.Errorf("status %d", got.status)
	}
	for _, word := range words {
		if !strings.Contains(string(got.body), word) {
			t.Errorf("the refusal does not say %q: %s", word, got.body)
		}
	}
}

// A refusal for what cannot be bounded or priced names the part, and how the cap
// stands.
func TestRefusalNamesThePart(t *testing.T) {
	image := `{"model":"gpt-4o","max_tokens":100,"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`
	for _, tc := range []struct {
		name, body string
		words      []string
	}{
		{"remote image", image, []string{"image_url at messages[1].content[1].image_url.url", "of 1 USD 0 are spent", "resets"}},
		{"service", `{"model":"gpt-4o","max_tokens":100,"service_tier":"priority","messages":[{"role":"user","content":"x"}]}`, []string{"priority of openai/gpt-4o", "of 1 USD 0 are spent"}},
		{"no price", limited("openai/no-such-model-x", 100, "", false), []string{"no known price (openai/no-such-model-x)", "of 1 USD 0 are spent"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, capped("1.00", nil))
				defer r.close()
				refused(t, r.post("/v1/chat/completions", tc.body), tc.words...)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("1.00", nil))
		defer r.close()
		for _, tier := range []string{"auto", "default", "flex"} {
			if got := r.post("/v1/chat/completions", `{"model":"gpt-4o","max_tokens":100,"service_tier":"`+tier+`","messages":[{"role":"user","content":"x"}]}`); got.status != 200 {
				t.Errorf("%s: %d %s", tier, got.status, got.body)
			}
		}
	})
}

// A limit that is lowered or put in is declared under the name of the member.
func TestClampNamesTheMember(t *testing.T) {
	for _, tc := range []struct{ model, member, edits string }{
		{"gpt-4o", `"max_tokens":16000,`, "max_tokens"},
		{"gpt-4o", `"max_completion_tokens":16000,`, "max_completion_tokens"},
		{"gpt-4o", `"max_tokens":16000,"max_completion_tokens":15000,`, "max_tokens, max_completion_tokens"},
		{"gpt-5", ``, "max_completion_tokens"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, bothDialects, capped("0.05", nil))
			defer r.close()
			got := r.post("/v1/chat/completions", `{"model":"`+tc.model+`",`+tc.member+`"messages":[{"role":"user","content":"x [[words 3]]"}]}`)
			if got.status != 200 || got.header.Get("X-Llmgw-Edits") != tc.edits {
				t.Errorf("%s %s: %d, edits %q: %s", tc.model, tc.member, got.status, got.header.Get("X-Llmgw-Edits"), got.body)
			}
		})
	}
}

// A cap with enforce = "expected" holds what a call will likely cost: by four
// bytes a token and a usual answer, then by what the session's calls had.
func TestExpectedHoldsTheLikelyCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, withPrice(t, "openai/mine", capped("1", func(c *caps.Config) { c.Enforce = caps.EnforceExpected })))
		defer r.close()
		held := func() price.Money { return r.last().Attempts[0].Held.Money }
		text := strings.Repeat("word ", 8000) // 40 KB: 10,000 tokens
		ask := func() {
			got := r.post("/v1/chat/completions", limited("openai/mine", 5000, text+"[[usage in=8000 out=20]]", false), "X-Llmgw-Session", "S")
			if got.status != 200 {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		ask()
		if got := held(); got < price.USD/5 || got > price.USD*21/100 {
			t.Errorf("held %s for the first, about 0.2 is likely", got)
		}
		ask()
		if got := held(); got < price.USD*8/100 || got > price.USD*9/100 {
			t.Errorf("held %s for the second, about 0.082 is likely", got)
		}
	})
}

// A rolling window that has forgotten money does not remember it after a restart.
func TestRollingCapForgetsOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("1", func(c *caps.Config) { c.Per, c.Window = caps.PerRolling, 20*time.Second }))
		defer r.close()
		spend := func() { r.post("/v1/chat/completions", limited("gpt-4o", 1000, "[[usage in=10 out=900]]", false)) }
		spend()
		time.Sleep(22 * time.Second)
		if spent, _ := r.spentAndHeld(); spent != 0 {
			t.Fatalf("%s are spent after 22 s", spent)
		}
		r.restart()
		if spent, _ := r.spentAndHeld(); spent != 0 {
			t.Errorf("%s are spent again after the restart", spent)
		}
		spend()
		before, _ := r.spentAndHeld()
		r.restart()
		if after, _ := r.spentAndHeld(); after != before || before == 0 {
			t.Errorf("%s spent before a restart, %s after it", before, after)
		}
		time.Sleep(22 * time.Second)
		if spent, _ := r.spentAndHeld(); spent != 0 {
			t.Errorf("22 s later %s are spent", spent)
		}
	})
}
