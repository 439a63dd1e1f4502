package proxy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/proxy/caps"
	"llmgw/store"
)

// foreignPaths are the paths with a target of the other dialect, and its
// service.
var foreignPaths = []struct{ path, target, service string }{
	{"/v1/messages", gpt, "openai"},
	{"/v1/chat/completions", claude, "anthropic"},
}

// However a translated call ends, its hold ends with it, and no attempt cost
// more than was held for it.
func TestTranslationsHoldNothing(t *testing.T) {
	orders := []string{"ok", "400", "401", "429", "500", "503", "reset-before-headers", "hang-after-headers:ms=1000", "reset-mid-stream", "eof-mid-stream",
		"error-mid-stream", "error-after-start", "200-error-body", "200-empty", "200-html", "malformed-json", "malformed-chunk", "no-usage", "null-usage", "zero-usage", "no-finish", "no-done", "empty-answer", "gzip", "ping-only:after=3"}
	synctest.Test(t, func(t *testing.T) {
		for _, fp := range foreignPaths {
			r := bilingual(t, capped("1000", nil), fp.target)
			for _, order := range orders {
				for _, stream := range []bool{false, true} {
					r.gw.health.reset("", time.Now())
					if order != "ok" {
						r.sims[fp.service].Script(parse(t, order))
					}
					r.post(fp.path, limited("m", 300, "", stream), "X-Llmgw-Deadline", "20s", "X-Llmgw-Session", "s")
					if _, held := r.spentAndHeld(); held != 0 {
						t.Errorf("%s, %s stream=%v: %s stays held", order, fp.path, stream, held)
					}
					for _, a := range r.last().Attempts {
						if a.Outcome != store.OutcomeSkipped && (!a.Held.Known || a.Cost.Money > a.Held.Money) {
							t.Errorf("%s, %s stream=%v: %s cost %s, held %s", order, fp.path, stream, a.Outcome, a.Cost.Money, a.Held.Money)
						}
					}
				}
			}
			r.close()
		}
	})
}

// A cap lowers the output limit of a translation as of any call, never to where
// the thinking that was asked for has no room.
func TestCapClampsTranslations(t *testing.T) {
	for _, fp := range foreignPaths {
		for _, usd := range []string{"0.05", "0.2", "0.02"} {
			t.Run(fp.path+" "+usd, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := bilingual(t, capped(usd, nil), fp.target)
					defer r.close()
					think := map[string]string{"/v1/messages": `"thinking":{"type":"enabled","budget_tokens":9000},`, "/v1/chat/completions": `"reasoning_effort":"medium",`}[fp.path]
					ask := strings.Replace(limited("m", 20000, "[[words 20]]", false), "{", "{"+think, 1)
					got := r.post(fp.path, ask)
					sent := r.ledger(fp.service)
					if got.status == 402 && len(sent) == 0 {
						return
					}
					var body struct {
						MaxTokens int `json:"max_tokens"`
						Thinking  struct {
							Budget int `json:"budget_tokens"`
						}
					}
					if err := json.Unmarshal(sent[0].Body, &body); err != nil || got.status != 200 {
						t.Fatalf("%d %v: %s", got.status, err, got.body)
					}
					if body.MaxTokens <= body.Thinking.Budget {
						t.Errorf("%d tokens, %d of them to think", body.MaxTokens, body.Thinking.Budget)
					}
					if lowered, named := body.MaxTokens < 20000, strings.Contains(got.header.Get("X-Llmgw-Edits"), "max_tokens"); lowered != named {
						t.Errorf("limit %d, edits %q", body.MaxTokens, got.header.Get("X-Llmgw-Edits"))
					}
					if _, held := r.spentAndHeld(); held != 0 {
						t.Errorf("%s stays held", held)
					}
				})
			})
		}
	}
}

// What is not reported is estimated of what was really asked: a translation has
// one answer, whatever was asked for at first.
func TestEstimatesOfTranslations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bilingual(t, func(c *Config) { c.Failover.OnUnsupported = UnsupportedDrop }, claude)
		defer r.close()
		r.order("anthropic", "reset-mid-stream:after=300")
		r.post("/v1/chat/completions", strings.Replace(limited("m", 50, "[[words 400]]", true), "{", `{"n":3,`, 1))
		if row := r.last(); row.CostSource != store.CostEstimated || row.Usage.Output.N != 50 {
			t.Errorf("%s, %+v (%s)", row.Status, row.Usage.Output, row.CostSource)
		}
	})
}

// A cap on one provider, or one that names another target, leads across
// dialects as within one; a call that can cost anything is held for the model's
// window.
func TestCapsAcrossDialects(t *testing.T) {
	image := `{"model":"m","max_tokens":50,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`
	tests := []struct {
		name, ask string
		targets   []string
		change    func(*caps.Config)
		usd, want string
	}{
		{"one provider", "", []string{claude, gpt}, func(c *caps.Config) { c.Match.Provider = "anthropic" }, "0", "200 anthropic=skipped:cap openai=ok"},
		{"the other", "", []string{claude, gpt}, func(c *caps.Config) { c.Match.Provider = "openai" }, "0", "200 anthropic=ok"},
		{"substitute", "", []string{claude}, func(c *caps.Config) {
			c.Match.Provider, c.Action, c.Substitute = "anthropic", caps.ActionSubstitute, gpt
		}, "0", "200 anthropic=skipped:cap openai=ok"},
		{"both", "", []string{claude, gpt}, nil, "0", "402 anthropic=skipped:cap openai=skipped:cap"},
		{"image", image, []string{claude}, nil, "50", "402 anthropic=skipped:cap"},
		{"image, by the window", image, []string{claude}, func(c *caps.Config) { c.Unbounded = caps.UnboundedWindow }, "9", "200 anthropic=ok"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.name, test.usd), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bilingual(t, capped(test.usd, test.change), test.targets...)
				defer r.close()
				path, ask := "/v1/chat/completions", test.ask
				if ask == "" {
					path, ask = "/v1/messages", limited("m", 100, "", false)
				}
				got := r.post(path, ask)
				if row := r.last(); fmt.Sprint(got.status, " ", outcomes(row)) != test.want {
					t.Errorf("%d %s, want %s: %s", got.status, outcomes(row), test.want, got.body)
				}
				if _, held := r.spentAndHeld(); held != 0 {
					t.Errorf("%s stays held", held)
				}
			})
		})
	}
}

// What a session's last call counted bounds the next one, of a translation by
// the bytes that were sent; what an agent's growing conversation costs stays
// within what is held, which does not grow with its square.
func TestSessionsBoundTranslations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, fp := range foreignPaths {
			r := bilingual(t, capped("1000", nil), fp.target)
			long, turns := strings.Repeat("All happy families are alike. ", 4000), ""
			var first, last store.CallRow
			for i := range 4 {
				turns += fmt.Sprintf(`{"role":"user","content":"%d %s"},`, i, long)
				long = "short"
				got := r.post(fp.path, `{"model":"m","max_tokens":100,"messages":[`+strings.TrimSuffix(turns, ",")+`]}`, "X-Llmgw-Session", "s")
				if got.status != 200 {
					t.Fatalf("%d %s", got.status, got.body)
				}
				turns += `{"role":"assistant","content":"yes"},`
				if last = r.last(); i == 0 {
					first = last
				}
				if a := last.Attempts[0]; a.Cost.Money > a.Held.Money {
					t.Errorf("cost %s, held %s", a.Cost.Money, a.Held.Money)
				}
			}
			if one, two := first.Attempts[0].Held.Money, last.Attempts[0].Held.Money; two >= one/2 {
				t.Errorf("%s: held %s first and %s last", fp.path, one, two)
			}
			r.close()
		}
	})
}
