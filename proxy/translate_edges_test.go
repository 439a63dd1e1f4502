package proxy

import (
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/proxy/cache"
)

// An answer in translation is kept and given again to the byte where its target
// was the first; one of a fallback is not kept.
func TestTranslationsAreKept(t *testing.T) {
	for _, fp := range foreignPaths {
		for _, stream := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				r := bilingual(t, cached(func(c *cache.Config) { c.MaxTemperature = 1 }), fp.target)
				defer r.close()
				ask := limited("m", 300, "[[say "+odd+"]]", stream)
				first, second := r.post(fp.path, ask), reply{}
				kept := r.last()
				second = r.post(fp.path, ask)
				if got := r.state(second); !strings.HasPrefix(got, "hit: ") {
					t.Errorf("%s stream=%v: %s, at first %s", fp.path, stream, got, kept.CacheNote)
				}
				same(t, first, second)
				if n := r.arrivals(fp.service); n != 1 {
					t.Errorf("%d calls arrived", n)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				own := paths[fp.path][0]
				r := bilingual(t, cached(func(c *cache.Config) { c.MaxTemperature = 1 }), own, fp.target)
				defer r.close()
				r.order(service(own), "503")
				for range 2 {
					got := r.post(fp.path, limited("m", 300, "", stream))
					if state := r.state(got); state != "miss: not stored: fallback" {
						t.Errorf("%s stream=%v: %s", fp.path, stream, state)
					}
				}
			})
		}
	}
}

// Calls that no other dialect has are passed over by its targets with a reason,
// and are errors of the caller's where none is left.
func TestCallsThatAreNotTranslated(t *testing.T) {
	tests := []struct{ path, body string }{
		{"/v1/messages/count_tokens", `{"model":"m","messages":[{"role":"user","content":"hello"}]}`},
		{"/v1/completions", `{"model":"m","prompt":"hello"}`},
		{"/v1/embeddings", `{"model":"m","input":"hello"}`},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			own, foreign := gpt, claude
			if test.path == "/v1/messages/count_tokens" {
				own, foreign = claude, gpt
			}
			for _, targets := range [][]string{{foreign, own}, {foreign}} {
				synctest.Test(t, func(t *testing.T) {
					r := bilingual(t, capped("1", nil), targets...)
					defer r.close()
					got := r.post(test.path, test.body)
					row, want, status := r.last(), service(foreign)+"=skipped:unsupported", 400
					if len(targets) > 1 {
						want, status = want+" "+service(own)+"=ok", 200
					}
					why := row.Attempts[0].Error
					if outcomes(row) != want || got.status != status || !strings.Contains(why, service(foreign)+" speaks") || len(r.ledger(service(foreign))) > 0 {
						t.Errorf("%d %s (%s), want %d %s: %s", got.status, outcomes(row), why, status, want, got.body)
					}
					if status == 400 && (got.header.Get("X-Llmgw-Error") != codeUnsupported || got.header.Get("X-Should-Retry") != "false") {
						t.Errorf("%v", got.header)
					}
				})
			}
		})
	}
}

// The models are listed in the caller's dialect, whoever serves them.
func TestModelsOfEitherDialect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bilingual(t, nil, gpt, claude)
		defer r.close()
		if got := r.get("/v1/models"); !strings.Contains(string(got.body), `"object":"list"`) {
			t.Errorf("%s", got.body)
		}
		req := r.request("/v1/models", "", "Anthropic-Version", "2023-06-01")
		req.Method = "GET"
		if got := r.do(req); !strings.Contains(string(got.body), `"has_more":false`) {
			t.Errorf("%s", got.body)
		}
	})
}

// Each key of a target gets the same words.
func TestKeysShareTheWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: "openai-chat", keys: []string{"sk-first-key-00000001", "sk-second-key-0000002"}}}, routed(gpt))
		defer r.close()
		r.sims["openai"].Script(parse(t, "401"))
		got := r.post("/v1/messages", limited("m", 77, "", true))
		arrived := r.ledger("openai")
		if row := r.last(); got.err != nil || outcomes(row) != "openai=auth openai=ok" || len(arrived) != 2 {
			t.Fatalf("%v, %s", got.err, outcomes(row))
		}
		if string(arrived[0].Body) != string(arrived[1].Body) || arrived[0].Header.Get("Authorization") == arrived[1].Header.Get("Authorization") {
			t.Errorf("%s\nthen %s", arrived[0].Body, arrived[1].Body)
		}
	})
}
