package proxy

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/proxy/cache"
	"llmgw/store"
)

// SF-C1, SF-C7: every change of every member of a body, however deep, is
// another question, and so is every other way to write it.
func TestC1EveryMemberCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		body := `{"model":"gpt-4o","messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"hello"}]}],
 "temperature":0.2,"top_p":1,"max_tokens":50,"seed":12345678901234567890,"stop":["x"],"logit_bias":{"50256":-100},"user":"u",
 "tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}],
 "response_format":{"type":"text"},"thinking":{"budget":1},"reasoning_effort":"none","num_ctx":4096,"top_k":3,"metadata":{"k":null}}`
		r.post("/v1/chat/completions", body)
		if got := r.state(r.post("/v1/chat/completions", body)); !strings.HasPrefix(got, "hit") {
			t.Fatalf("the same call again: %s", got)
		}
		mutated := mutations(t, body)
		if len(mutated) < 50 {
			t.Fatalf("only %d changes", len(mutated))
		}
		for _, m := range append(mutated, strings.Replace(body, `"top_p":1,`, `"top_p": 1,`, 1), body+"\n",
			strings.Replace(body, `"top_p":1,"max_tokens":50`, `"max_tokens":50,"top_p":1`, 1), strings.Replace(body, `"top_p":1,`, `"top_p":1.0,`, 1),
			strings.Replace(body, `"user":"u"`, `"\u0075ser":"u"`, 1), strings.Replace(body, `"user":"u"`, `"user":"u","user":"u"`, 1)) {
			got := r.post("/v1/chat/completions", m)
			if row := r.last(); row.Cache == store.CacheHit || got.header.Get("X-Llmgw-Cache") == "hit" {
				t.Errorf("a hit for another question: %s", m)
			}
		}
	})
}

// mutations are the text with one value or name changed, each in turn.
func mutations(t *testing.T, text string) (all []string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		end := int(dec.InputOffset())
		switch tok.(type) {
		case string:
			all = append(all, text[:end-1]+"x"+text[end-1:])
		case json.Number:
			all = append(all, text[:end]+"1"+text[end:])
		case bool:
			word := fmt.Sprint(tok)
			all = append(all, text[:end-len(word)]+fmt.Sprint(word != "true")+text[end:])
		case nil:
			all = append(all, text[:end-len("null")]+"0"+text[end:])
		}
	}
}

// SF-C1: the bodies of recorded traffic, where it stands beside the project:
// no change of one leads to the key of another.
func TestC1RecordedBodies(t *testing.T) {
	r := newRig(t, bothDialects, cached(nil))
	defer r.close()
	for name, path := range map[string]string{"openai-chat": "/v1/chat/completions", "anthropic-messages": "/v1/messages", "openai-embeddings": "/v1/embeddings"} {
		t.Run(name, func(t *testing.T) {
			seen := map[cache.Key]string{}
			tried := 0
			bodies := requestBodies(t, name)
			for i, body := range bodies {
				if i%(1+len(bodies)/40) != 0 || len(body) > 20_000 {
					continue // each has some hundred changes
				}
				for _, m := range append(mutations(t, body), body) {
					key, ok := r.keyOf(path, m)
					if !ok {
						continue // no call any more
					}
					tried++
					if old, known := seen[key]; known && old != m {
						t.Fatalf("%s\nand\n%s\nhave one key", old, m)
					}
					seen[key] = m
				}
			}
			if tried < 20 {
				t.Errorf("only %d bodies were tried", tried)
			}
		})
	}
}

// requestBodies are those of the recorded traffic of that name.
func requestBodies(t *testing.T, name string) (all []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "shared", "corpus", name+".jsonl.gz"))
	if err != nil {
		t.Skip("no recorded traffic beside the project")
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(zr); dec.More(); {
		var x recording
		if err := dec.Decode(&x); err != nil {
			t.Fatal(err)
		}
		if x.RequestBody != nil {
			all = append(all, *x.RequestBody)
		}
	}
	return all
}

// keyOf is the key of a call that is not made; false where it would be refused.
func (r *rig) keyOf(path, body string, headers ...string) (cache.Key, bool) {
	r.t.Helper()
	req := r.request(path, body, headers...)
	ep, _ := dialect.Detect("POST", path, req.Header)
	c := r.gw.newCall(httptest.NewRecorder(), req, ep)
	if c.read() != nil || c.route() != nil {
		return cache.Key{}, false
	}
	c.repeat.use = c.set.cacheFor(c.plan.route)
	q, why := c.question()
	if why != "" {
		return cache.Key{}, false
	}
	return q.Key(), true
}

// SF-C3: no answer crosses from one identity to another: another client key,
// project, account or upstream credential, a header that changes answers.
func TestC3NothingCrossesIdentities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		base := []string{"Authorization", "Bearer client-key-number-one"}
		with := func(more ...string) []string { return append(slices.Clone(base), more...) }
		const path = "/v1/chat/completions"
		body := chat("gpt-4o", false)
		r.post(path, body, base...)
		if got := r.state(r.post(path, body, base...)); !strings.HasPrefix(got, "hit") {
			t.Fatalf("the same caller: %s", got)
		}
		long := strings.Repeat("p", MaxName-1)
		for i, other := range []struct {
			path    string
			headers []string
		}{
			{path, nil},
			{path, []string{"Authorization", "Bearer client-key-number-two"}},
			{path, []string{"X-Api-Key", "client-key-number-one"}},
			{path, with("X-Llmgw-Key", "llmgw_0123456789abcdef")},
			{path, with("X-Llmgw-Project", "other")},
			{"/p/third" + path, base},
			{path, with("X-Llmgw-Project", long+"1")},
			{path, with("X-Llmgw-Project", long+"2")},
			{path, with("Openai-Organization", "org-1")},
			{path, with("Openai-Project", "proj-1")},
			{path, with("Openai-Beta", "assistants=v2")},
			{path, with("Anthropic-Beta", "x")},
			{"/provider/openai" + path, base},
			{path + "?x=1", base},
		} {
			if got := r.state(r.post(other.path, body, other.headers...)); got != "miss: first time" {
				t.Errorf("%d: %s", i, got)
			}
		}
		if got := r.state(r.post(path, body, with("X-Llmgw-Session", "s9", "User-Agent", "another/1.0", "X-Llmgw-Tags", "a=1")...)); !strings.HasPrefix(got, "hit") {
			t.Errorf("what only labels a call: %s", got)
		}
	})
}

// SF-C3: another key, address or added header of the provider is another
// question, also after a reload.
func TestC3ProvidersAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		post := func() string { return r.state(r.post("/v1/chat/completions", chat("gpt-4o", false))) }
		post()
		for _, change := range []func(*Config){
			func(c *Config) {
				c.Providers[0] = r.provider(upstreamSpec{name: "openai", dialect: llm.OpenAIChat, keys: []string{"sk-another-key-0002"}})
			},
			func(c *Config) {
				p := *c.Providers[0]
				p.Headers = http.Header{"X-Account": {"other"}}
				c.Providers[0] = &p
			},
			func(c *Config) {
				p := *c.Providers[0]
				u := *p.Base
				u.Path = "/v2"
				p.Base = &u
				c.Providers[0] = &p
			},
			func(c *Config) { c.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"openai/gpt-5"}}} },
		} {
			cfg := r.cfg
			cfg.Providers = slices.Clone(cfg.Providers)
			change(&cfg)
			if err := r.gw.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			if got := post(); !strings.HasPrefix(got, "miss") {
				t.Errorf("after a change of the provider: %s", got)
			}
		}
		if err := r.gw.Reload(r.cfg); err != nil {
			t.Fatal(err)
		}
		if got := post(); !strings.HasPrefix(got, "hit") {
			t.Errorf("as it was: %s", got)
		}
	})
}

// ignore cuts members out of the question by name, however they are spelt and
// wherever they stand; everything else counts as before, and the record names
// what was cut.
func TestIgnoredMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(func(c *cache.Config) { c.Ignore = []string{"user", "metadata"} }))
		defer r.close()
		const path, rest = "/v1/chat/completions", `"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]`
		r.post(path, `{"user":"1",`+rest+`}`)
		if note := r.last().CacheNote; note != "first time; ignored user" {
			t.Errorf("on record: %s", note)
		}
		for _, body := range []string{
			`{"user":"2",` + rest + `}`, `{` + rest + `}`, `{` + rest + `,"user":"3","metadata":{"a":[1]}}`,
			`{"metadata":null, "\u0075ser":4,` + rest + `}`,
		} {
			if got := r.state(r.post(path, body)); !strings.HasPrefix(got, "hit") {
				t.Errorf("%s: %s", body, got)
			}
		}
		for _, body := range []string{
			`{` + rest + `,"seed":1}`, `{ ` + rest + `}`, `{` + strings.Replace(rest, "hello", `hello","user":"1`, 1) + `}`,
			`{` + strings.Replace(rest, "hello", `hello","metadata":"1`, 1) + `}`, `{"users":"1",` + rest + `}`,
		} {
			if got := r.state(r.post(path, body)); !strings.HasPrefix(got, "miss") {
				t.Errorf("%s: %s", body, got)
			}
		}
		cfg := r.cfg
		cfg.Cache.Ignore = []string{"user"}
		if err := r.gw.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		if got := r.state(r.post(path, `{`+rest+`}`)); !strings.HasPrefix(got, "miss") {
			t.Errorf("an answer that ignored more is given to a call that ignores less: %s", got)
		}
	})
}
