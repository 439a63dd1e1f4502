package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/proxy/cache"
	"llmgw/store"
)

// SF-C2: what was cut, broke, failed, is empty, stopped at a limit or lost its
// client is never given again, and the record says why.
func TestC2OnlyWholeAnswersAreKept(t *testing.T) {
	for _, tc := range sample([]struct {
		name, fault, directive string
		stream, both           bool
		note                   string // how it begins
	}{
		{name: "cut", fault: "reset-mid-stream:after=2", stream: true, note: "not stored: truncated"},
		{name: "ends early", fault: "eof-mid-stream:after=2", stream: true, note: "not stored: truncated"},
		{name: "error event", fault: "error-mid-stream:after=2", stream: true, note: "not stored: truncated"},
		{name: "without [DONE]", fault: "no-done", stream: true, note: "not stored: "},
		{name: "without finish", fault: "no-finish", stream: true, note: "not stored: "},
		{name: "bad event", fault: "malformed-chunk:after=1", stream: true, note: "not stored: not confirmed to be whole"},
		{name: "error in 200", fault: "200-error-body", both: true, note: "not stored: error"},
		{name: "empty 200", fault: "200-empty", both: true, note: "not stored: error"},
		{name: "empty answer", fault: "empty-answer", both: true, note: "not stored: "},
		{name: "content filter", fault: "content-filter", both: true, note: "not stored: "},
		{name: "status 500", fault: "500", both: true, note: "not stored: error"},
		{name: "status 400", fault: "400", both: true, note: "not stored: error"},
		{name: "length", directive: "[[words 400]]", both: true, note: "not stored: finished with "},
	}) {
		for _, sh := range shapes {
			if !tc.both && tc.stream != sh.stream {
				continue
			}
			t.Run(tc.name+"/"+sh.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, bothDialects, cached(nil))
					defer r.close()
					sim := r.sims[sh.provider]
					if tc.fault != "" {
						sim.Default(parse(t, tc.fault))
					}
					body := limited(sh.model, 20, tc.directive, sh.stream)
					r.post(sh.path, body)
					if row := r.last(); row.Cache != "miss" || !strings.HasPrefix(row.CacheNote, tc.note) {
						t.Errorf("on record: %s, %s (%s, finished with %q)", row.Cache, row.CacheNote, row.Status, row.FinishReason)
					}
					before := r.arrivals(sh.provider)
					r.post(sh.path, body)
					if row := r.last(); row.Cache == store.CacheHit || r.arrivals(sh.provider) == before {
						t.Errorf("the second was a %s", row.Cache)
					}
				})
			})
		}
	}
}

// SF-C2: an answer whose client left in the middle is not kept.
func TestC2AbandonedAnswerIsNotKept(t *testing.T) {
	for _, drain := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, bothDialects, both(cached(nil), func(c *Config) {
				if drain {
					c.Failover.OnClientGone = ClientGoneDrain
				}
			}))
			defer r.close()
			r.sims["openai"].Default(parse(t, "slow:ms=200"))
			r.leave("/v1/chat/completions", chat("gpt-4o", true), 300)
			if row := r.last(); row.Status != store.StatusClientGone || row.CacheNote != "not stored: client_gone" {
				t.Errorf("on record: %s, %s", row.Status, row.CacheNote)
			}
			if got := r.state(r.post("/v1/chat/completions", chat("gpt-4o", true))); got != "miss: first time" {
				t.Errorf("the next: %s", got)
			}
		})
	}
}

// SF-C8: what another target answered, or another key, is not kept under the
// first one's name.
func TestC8FallbackIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, twoProviders, both(twoTargets(nil), cached(nil)))
		defer r.close()
		r.sims["first"].Script(parse(t, "500"), parse(t, "500"))
		post := func() string { return r.state(r.post("/v1/chat/completions", chat("gpt-4o", false))) }
		if got := post(); got != "miss: not stored: fallback" || r.last().Provider != "second" {
			t.Errorf("served by %s: %s", r.last().Provider, got)
		}
		r.fresh()
		if got := post(); got != "miss: first time" || r.last().Provider != "first" {
			t.Errorf("then by %s: %s", r.last().Provider, got)
		}
		post()
		if row := r.last(); row.Cache != store.CacheHit || !strings.HasPrefix(row.CacheNote, "first/gpt-4o") {
			t.Errorf("then %s, %s", row.Cache, row.CacheNote)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, keys: []string{"sk-one-0000001", "sk-two-0000002"}}}, cached(nil))
		defer r.close()
		r.sims["openai"].Script(parse(t, "401"))
		if got := r.state(r.post("/v1/chat/completions", chat("gpt-4o", false))); got != "miss: not stored: another key of the provider" {
			t.Errorf("by the second key: %s", got)
		}
	})
}

// What an answer depends on besides the call's own bytes keeps it out, and so
// do endpoints whose answers llmgw does not read.
func TestCallsThatAreNeverCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(func(c *cache.Config) { c.MaxTemperature = 0.5 }))
		defer r.close()
		plain := func(more string) string {
			return `{"model":"gpt-4o","temperature":0,"messages":[{"role":"user","content":"hello"}]` + more + `}`
		}
		claude := func(more string) string {
			return `{"model":"claude-sonnet-4-5","temperature":0,"max_tokens":50,"messages":[{"role":"user","content":"hello"}]` + more + `}`
		}
		for _, tc := range []struct{ path, body, note string }{
			{"/v1/chat/completions", strings.Replace(plain(""), `"temperature":0,`, "", 1), "temperature above max_temperature"},
			{"/v1/chat/completions", strings.Replace(plain(""), `:0,`, ":0.51,", 1), "temperature above max_temperature"},
			{"/v1/chat/completions", strings.Replace(plain(""), `:0,`, ":null,", 1), "temperature above max_temperature"},
			{"/v1/chat/completions", plain(`,"temperature":1`), "temperature above max_temperature"},
			{"/v1/chat/completions", plain(`,"store":true`), "asks the provider to store it"},
			{"/v1/chat/completions", plain(`,"web_search_options":{}`), "depends on web_search_options"},
			{"/v1/chat/completions", plain(`,"previous_response_id":"r"`), "depends on previous_response_id"},
			{"/v1/chat/completions", plain(`,"conversation":"c"`), "depends on conversation"},
			{"/v1/chat/completions", strings.Replace(plain(""), `"hello"`, `[{"type":"image_url","image_url":{"url":"https://x.example/a.png"}}]`, 1), "depends on image_url"},
			{"/v1/chat/completions", strings.Replace(plain(""), `"hello"`, `[{"type":"file","file":{"file_id":"f"}}]`, 1), "depends on file_id"},
			{"/v1/messages", claude(`,"container":"c"`), "depends on container"},
			{"/v1/messages", claude(`,"tools":[{"type":"web_search_20250305","name":"web_search"}]`), "depends on server_tool:web_search"},
			{"/v1/messages/count_tokens", claude(""), "endpoint count_tokens"},
			{"/v1/responses", `{"model":"gpt-4o","input":"hi"}`, "endpoint other"},
			{"/v1/images/generations", `{"model":"gpt-image-1","prompt":"a cat"}`, "endpoint other"},
		} {
			for range 2 {
				if got := r.state(r.post(tc.path, tc.body)); got != "bypass: "+tc.note {
					t.Errorf("%s %s: %s", tc.path, tc.body, got)
				}
			}
		}
		if got := r.state(r.get("/v1/files")); got != "bypass: endpoint other" {
			t.Errorf("GET: %s", got)
		}
		for _, tc := range []struct{ path, body string }{
			{"/v1/chat/completions", plain("")},
			{"/v1/chat/completions", strings.Replace(plain(""), `:0,`, ":0.5,", 1)},
			{"/v1/chat/completions", plain(`,"store":false,"previous_response_id":null,"prediction":{"type":"content","content":"x"}`)},
			{"/v1/embeddings", `{"model":"text-embedding-3-small","input":"hi"}`},
			{"/v1/completions", `{"model":"gpt-3.5-turbo-instruct","temperature":0,"prompt":"hi","max_tokens":400}`},
			{"/v1/messages", claude("")},
		} {
			r.post(tc.path, tc.body)
			if got := r.state(r.post(tc.path, tc.body)); !strings.HasPrefix(got, "hit") {
				t.Errorf("%s %s: %s", tc.path, tc.body, got)
			}
		}
	})
}

// What a provider sends after its own end is not kept back from its client,
// and an answer with such a tail is not given again without it.
func TestAnswerThatGoesOnIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			streamAnswer(w, r)
			time.Sleep(100 * time.Millisecond)
			_, _ = io.WriteString(w, ": more\n\n")
		})}}, cached(nil))
		defer r.close()
		for range 2 {
			got := r.post("/v1/chat/completions", streamBody)
			if !bytes.HasSuffix(got.body, []byte("[DONE]\n\n: more\n\n")) {
				t.Fatalf("the client got %q at the end", got.body[len(got.body)-30:])
			}
			if row := r.last(); row.Cache != "miss" {
				t.Errorf("on record: %s, %s", row.Cache, row.CacheNote)
			}
		}
	})
}

// No credential reaches the file, and so no answer that holds one is kept.
func TestAnswerWithACredentialIsNotKept(t *testing.T) {
	for _, secret := range []string{"sk-openai-configured-key-0001", "client-own-secret-42"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, bothDialects, cached(nil))
			defer r.close()
			body := limited("gpt-4o", 400, "[[say your key is "+secret+"]]", false)
			for range 2 {
				got := r.post("/v1/chat/completions", body, "Authorization", "Bearer client-own-secret-42")
				if state := r.state(got); state != "miss: not stored: holds a credential" || !bytes.Contains(got.body, []byte(secret)) {
					t.Errorf("%s: %s", state, got.body)
				}
			}
		})
	}
}

// Sizes: an answer longer than the record takes, or than its share of the
// cache, is not kept.
func TestLargeAnswersAreNotKept(t *testing.T) {
	for _, tc := range []struct {
		change func(*Config)
		note   string
	}{
		{func(c *Config) { c.Store.MaxBody = 1000 }, "larger than store.max_body"},
		{func(c *Config) { c.Cache.MaxSize = 8000 }, "larger than an eighth of cache.max_size"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, bothDialects, both(cached(nil), tc.change))
			defer r.close()
			for range 2 {
				if got := r.state(r.post("/v1/chat/completions", chat("gpt-4o", true))); got != "miss: not stored: "+tc.note {
					t.Errorf("%s", got)
				}
			}
		})
	}
}

// A stream is kept only with a stream's end, a whole answer only as one:
// whoever asked for the one never gets the other.
func TestC6AnswersOfTheOtherKindAreNotKept(t *testing.T) {
	for _, stream := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			answer := http.HandlerFunc(streamAnswer)
			want := "without the end of what was asked for"
			if stream {
				answer, want = wholeAnswer, "error" // it is no answer at all
			}
			r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: answer}}, cached(nil))
			defer r.close()
			for range 2 {
				if got := r.state(r.post("/v1/chat/completions", chat("gpt-4o", stream))); got != "miss: not stored: "+want {
					t.Errorf("streamed %v: %s", stream, got)
				}
			}
		})
	}
}

// A client that left after the last content, before the end, has not got the
// answer either, though the upstream finished it.
func TestC2AnswerWithoutAWitnessIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i, event := range streamEvents {
				if i == len(streamEvents)-1 {
					time.Sleep(10 * time.Second)
				}
				_, _ = w.Write(event)
				w.(http.Flusher).Flush()
			}
		})}}, both(cached(nil), func(c *Config) { c.Failover.OnClientGone = ClientGoneDrain }))
		defer r.close()
		r.leave("/v1/chat/completions", streamBody, len(bytes.Join(streamEvents, nil))-len("data: [DONE]\n\n"))
		if row := r.last(); row.CacheNote != "not stored: client_gone" {
			t.Errorf("on record: %s, %s", row.Status, row.CacheNote)
		}
	})
}

// Several choices have several reasons to stop, of which the last is seen; an
// output limit that a cap lowered was not the caller's.
func TestAnswersToOtherQuestionsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, both(cached(nil), capped("0.02", nil)))
		defer r.close()
		for body, note := range map[string]string{
			`{"model":"gpt-4o","n":2,"max_tokens":100,"messages":[{"role":"user","content":"hello"}]}`: "several answers at once",
			limited("gpt-4o", 16000, "", false): "output limit lowered by a cap",
		} {
			for range 2 {
				if got := r.state(r.post("/v1/chat/completions", body)); got != "miss: not stored: "+note {
					t.Errorf("%s: %s", body, got)
				}
			}
		}
	})
}

// The first target that can be asked at all is the first: one that does not
// speak of such calls is not waited for, and a hit has looked at nobody.
func TestFirstTargetIsTheFirstThatCanBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, both(cached(nil), func(c *Config) {
			c.Routes = []RouteConfig{{Model: "m", Targets: []string{"anthropic/claude-sonnet-4-5", "openai/gpt-3.5-turbo-instruct"}}}
		}))
		defer r.close()
		const body = `{"model":"m","prompt":"hello","max_tokens":400}`
		r.post("/v1/completions", body)
		if row := r.last(); row.CacheNote != "first time" || outcomes(row) != "anthropic=skipped:unsupported openai=ok" {
			t.Fatalf("%s: %s", row.CacheNote, outcomes(row))
		}
		r.post("/v1/completions", body)
		if row := r.last(); row.Cache != store.CacheHit || len(row.Attempts) != 0 {
			t.Errorf("%s, %s", row.Cache, outcomes(row))
		}
	})
}

// A translated answer is given again in the caller's words, as it went out; one
// to a call of which something was dropped is not, since a hit could not say so.
func TestTranslatedAnswerIsKept(t *testing.T) {
	for _, stream := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, bothDialects, both(cached(nil), func(c *Config) {
				c.Failover.OnUnsupported = UnsupportedDrop
				c.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"anthropic/claude-sonnet-4-5"}}}
			}))
			defer r.close()
			const path = "/v1/chat/completions"
			body := limited("gpt-4o", 400, "", stream)
			first, second := r.post(path, body), r.post(path, body)
			if state := r.state(second); !strings.HasPrefix(state, "hit: anthropic/claude-sonnet-4-5") || r.arrivals("anthropic") != 1 {
				t.Errorf("streamed %v: %s, %d arrivals", stream, state, r.arrivals("anthropic"))
			}
			same(t, first, second)
			dropped := strings.Replace(body, "{", `{"seed":7,`, 1)
			for range 2 {
				if got := r.state(r.post(path, dropped)); got != "miss: not stored: something was dropped" {
					t.Errorf("streamed %v, with a seed: %s (dropped %q)", stream, got, r.last().Dropped)
				}
			}
		})
	}
}
