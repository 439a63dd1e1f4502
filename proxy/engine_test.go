package proxy

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/sim"
	"llmgw/store"
)

var bothDialects = []upstreamSpec{
	{name: "openai", dialect: llm.OpenAIChat},
	{name: "anthropic", dialect: llm.Anthropic},
}

// shapes are the calls that everything must hold for alike: half of the known
// silent failures of gateways exist because one of two code paths was fixed
// and its twin was not.
var shapes = []struct {
	name, provider, path, model string
	stream                      bool
}{
	{"chat", "openai", "/v1/chat/completions", "gpt-4o", false},
	{"chat stream", "openai", "/v1/chat/completions", "gpt-4o", true},
	{"messages", "anthropic", "/v1/messages", "claude-sonnet-4-5", false},
	{"messages stream", "anthropic", "/v1/messages", "claude-sonnet-4-5", true},
}

func bodyFor(path, model string, stream bool) string {
	if strings.HasPrefix(path, "/v1/messages") {
		return messages(model, stream)
	}
	return chat(model, stream)
}

// parse reads a fault as --fault spells it.
func parse(t *testing.T, s string) sim.Fault {
	t.Helper()
	f, err := sim.ParseFault(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCallIsRelayedAndRecorded(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, nil)
				defer r.close()
				got := r.post(sh.path, bodyFor(sh.path, sh.model, sh.stream), "X-Llmgw-Tags", "a=1,b=2", "X-Llmgw-Session", "s1")
				if got.status != 200 || got.err != nil {
					t.Fatalf("status %d, err %v: %s", got.status, got.err, got.body)
				}
				arrivals := r.sims[sh.provider].Ledger()
				if len(arrivals) != 1 {
					t.Fatalf("%d arrivals at the provider, want 1", len(arrivals))
				}
				row := r.last()
				if row.Status != store.StatusOK || outcomes(row) != sh.provider+"=ok" {
					t.Errorf("recorded %s, %s", row.Status, outcomes(row))
				}
				if row.Provider != sh.provider || got.header.Get("X-Llmgw-Provider") != sh.provider {
					t.Errorf("served by %q on record, %q in the header", row.Provider, got.header.Get("X-Llmgw-Provider"))
				}
				if got.header.Get("X-Llmgw-Call-Id") != row.ID {
					t.Errorf("call id %q in the header, %q on record", got.header.Get("X-Llmgw-Call-Id"), row.ID)
				}
				if u := arrivals[0].Usage; row.Usage.Input != u.Input || row.Usage.Output != u.Output {
					t.Errorf("recorded usage %+v, the provider reported %+v", row.Usage, u)
				}
				if row.Session != "s1" || row.Tags["a"] != "1" || row.Tags["b"] != "2" {
					t.Errorf("session %q, tags %v", row.Session, row.Tags)
				}
				if id := row.UpstreamRequestID; id == "" || row.FinishReason == "" || row.ModelReported == "" {
					t.Errorf("request id %q, finish %q, model %q", id, row.FinishReason, row.ModelReported)
				}
			})
		})
	}
}

// A cut, a reset, a silence, an error event: whatever breaks an answer after
// the client saw content, its reader must not see a whole one, and the record
// says truncated with the cause.
func TestBrokenStreamsNeverLookFinished(t *testing.T) {
	for _, sh := range shapes {
		if !sh.stream {
			continue
		}
		for _, fault := range []string{"reset-mid-stream", "fin-mid-stream", "eof-mid-stream", "error-mid-stream", "hang-mid-stream"} {
			t.Run(sh.name+"/"+fault, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, bothDialects, nil)
					defer r.close()
					r.sims[sh.provider].Script(parse(t, fault))
					got := r.post(sh.path, bodyFor(sh.path, sh.model, true))
					if got.status != 200 || got.err == nil {
						t.Errorf("status %d, and the body ended without an error:\n%s", got.status, got.body)
					}
					if !bytes.Contains(got.body, []byte(`"error"`)) {
						t.Errorf("no error event in\n%s", got.body)
					}
					for _, end := range []string{"[DONE]", "message_stop"} {
						if bytes.Contains(got.body, []byte(end)) {
							t.Errorf("a broken stream shows %s", end)
						}
					}
					row := r.last()
					if row.Status != store.StatusTruncated || outcomes(row) != sh.provider+"=truncated" || row.ErrorText == "" {
						t.Errorf("recorded %s (%s), %s", row.Status, row.ErrorText, outcomes(row))
					}
				})
			})
		}
	}
}

// The end is the last thing a client sees, and it must find the call on
// record then: while the outcome cannot be committed the end stays back, here
// for the three seconds that the disk is full.
func TestEndIsHeldForTheRecord(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, nil)
				defer r.close()
				r.sims[sh.provider].Default(parse(t, "slow-first-byte:ms=1000"))
				time.AfterFunc(500*time.Millisecond, func() { r.failing.Store(true) })
				time.AfterFunc(4*time.Second, func() { r.failing.Store(false) })
				got := r.post(sh.path, bodyFor(sh.path, sh.model, sh.stream))
				if got.status != 200 || got.err != nil {
					t.Fatalf("status %d, err %v: %s", got.status, got.err, got.body)
				}
				if got.took < 4*time.Second || got.took > 6*time.Second {
					t.Errorf("the end came after %s; the record could be written after 4s", got.took)
				}
				if row := r.last(); row.Status != store.StatusOK {
					t.Errorf("the client saw the end, the record says %s", row.Status)
				}
			})
		})
	}
}

// P1's exception is loud: after finish_wait the end is released, and /readyz
// says that calls are not on record; once the disk has room they are.
func TestEndIsReleasedLoudlyAfterFinishWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		r.sims["openai"].Default(parse(t, "slow-first-byte:ms=1000"))
		time.AfterFunc(500*time.Millisecond, func() { r.failing.Store(true) })
		got := r.post("/v1/chat/completions", chat("gpt-4o", true))
		if got.err != nil || got.took < 6*time.Second || got.took > 6500*time.Millisecond {
			t.Errorf("the end came after %s (err %v), want 1s + finish_wait", got.took, got.err)
		}
		ready := r.get("/readyz")
		if ready.status != 503 || !bytes.Contains(ready.body, []byte("no space left")) {
			t.Errorf("/readyz says %d %s", ready.status, ready.body)
		}
		refused := r.post("/v1/chat/completions", chat("gpt-4o", false))
		if refused.status != 503 || refused.header.Get("X-Llmgw-Error") != "not_recorded" {
			t.Errorf("a call that cannot be recorded: status %d %s", refused.status, refused.body)
		}
		if n := len(r.sims["openai"].Ledger()); n != 1 {
			t.Errorf("%d calls reached the provider, want only the recorded one", n)
		}
		r.failing.Store(false)
		time.Sleep(time.Minute) // virtual: the writer tries again by itself
		if ready := r.get("/readyz"); ready.status != 200 {
			t.Errorf("/readyz after the disk has room: %d %s", ready.status, ready.body)
		}
		rd, err := store.OpenReader(r.db)
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		row, err := rd.Find(context.Background(), got.header.Get("X-Llmgw-Call-Id"))
		if err != nil || row.Status != store.StatusOK || !row.Usage.Output.Known {
			t.Errorf("the call's outcome after the disk has room: %v, %+v", err, row.Call)
		}
	})
}

// The client's bytes reach the provider as they are, but for the one edit that
// metering a chat stream needs; and the chunk that the edit brings is taken
// out again.
func TestBytesPassThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		odd := "{ \"model\" : \"gpt-4o\",\t\"seed\": 9007199254740993, \"zzz_unknown\": [1.50, 1e3, \"\\u00e9é\"],\r\n \"messages\": [{\"role\":\"user\",\"content\":\"hi\"}] }"
		if got := r.post("/v1/chat/completions?x=1&y=%2F", odd, "X-Custom", "kept", "Openai-Beta", "a=b"); got.status != 200 {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		a := r.sims["openai"].Ledger()[0]
		if string(a.Body) != odd {
			t.Errorf("the provider got\n%s\nnot\n%s", a.Body, odd)
		}
		if a.Header.Get("X-Custom") != "kept" || a.Header.Get("Openai-Beta") != "a=b" {
			t.Errorf("headers %v", a.Header)
		}
		for name := range a.Header {
			if strings.HasPrefix(strings.ToLower(name), "x-llmgw") {
				t.Errorf("header %s went upstream", name)
			}
		}
		stream := strings.Replace(odd, `"seed"`, `"stream":true, "seed"`, 1)
		got := r.post("/v1/chat/completions", stream)
		if bytes.Contains(got.body, []byte(`"choices":[]`)) {
			t.Errorf("the usage chunk nobody asked for reached the client:\n%s", got.body)
		}
		if got.header.Get("X-Llmgw-Edits") != "stream_options.include_usage" {
			t.Errorf("edits %q", got.header.Get("X-Llmgw-Edits"))
		}
		if row := r.last(); !row.Usage.Input.Known || len(row.Edits) != 1 {
			t.Errorf("usage %+v, edits %v", row.Usage, row.Edits)
		}
	})
}

// A client that hangs up must stop the provider within a second, and is no
// fault of the provider's.
func TestClientHangsUp(t *testing.T) {
	for _, fault := range []string{"hang-before-headers", "hang-after-headers", "hang-mid-stream"} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, nil)
				defer r.close()
				r.sims["openai"].Script(parse(t, fault))
				req := r.request("/v1/chat/completions", chat("gpt-4o", true))
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				got := r.do(req.WithContext(ctx))
				if got.err == nil {
					t.Fatal("the call ended although the provider hung")
				}
				left := time.Now()
				if err := r.sims["openai"].Wait(context.Background(), 1); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(left); d > time.Second {
					t.Errorf("the provider noticed %s after the client left", d)
				}
				synctest.Wait()
				row := r.last()
				if row.Status != store.StatusClientGone {
					t.Errorf("recorded %s, %s", row.Status, outcomes(row))
				}
			})
		})
	}
}

// With on_client_gone = "drain" the provider is let finish, for exact usage,
// but for no longer than thirty seconds; the call stays the client's doing.
func TestClientHangsUpAndTheAnswerIsReadOn(t *testing.T) {
	for _, tc := range []struct {
		name, fault string
		exact       bool
		within      time.Duration
	}{
		{"finishes", "slow:ms=400", true, 20 * time.Second},
		{"hangs", "hang-mid-stream", false, 31 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, func(c *Config) { c.Failover.OnClientGone = ClientGoneDrain })
				defer r.close()
				r.sims["openai"].Script(parse(t, tc.fault))
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				if got := r.do(r.request("/v1/chat/completions", chat("gpt-4o", true)).WithContext(ctx)); got.err == nil {
					t.Fatal("the call ended before the client left")
				}
				left := time.Now()
				if err := r.sims["openai"].Wait(context.Background(), 1); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if d := time.Since(left); d > tc.within {
					t.Errorf("the provider's answer was read for %s after the client left", d)
				}
				row, arrival := r.last(), r.sims["openai"].Ledger()[0]
				if row.Status != store.StatusClientGone {
					t.Errorf("recorded %s", row.Status)
				}
				if tc.exact && (row.Usage.Output != arrival.Usage.Output || row.Usage.Input != arrival.Usage.Input) {
					t.Errorf("recorded usage %+v, the provider reported %+v", row.Usage, arrival.Usage)
				}
			})
		})
	}
}

// Whatever is wrong with a request is answered in the caller's dialect, costs
// no provider call, and leaves a row.
func TestBadInput(t *testing.T) {
	for _, tc := range []struct {
		name, path, body string
		headers          []string
		status           int
		code             string
	}{
		{"broken JSON", "/v1/chat/completions", `{"model":"gpt-4o"`, nil, 400, "bad_json"},
		{"two models", "/v1/chat/completions", `{"model":"gpt-4o","model":"gpt-5","messages":[]}`, nil, 400, "bad_json"},
		{"two models, one escaped", "/v1/messages", `{"model":"claude-x","mod\u0065l":"y","messages":[]}`, nil, 400, "bad_json"},
		{"no model", "/v1/chat/completions", `{"messages":[]}`, nil, 400, "bad_json"},
		{"not an object", "/v1/messages", `[]`, nil, 400, "bad_json"},
		{"unknown provider", "/provider/nobody/v1/chat/completions", `{}`, nil, 404, "model_not_found"},
		{"foreign origin", "/v1/chat/completions", chat("gpt-4o", false), []string{"Origin", "https://evil.example"}, 403, "forbidden_origin"},
		{"too many tags", "/v1/chat/completions", chat("gpt-4o", false), []string{"X-Llmgw-Tags", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}, 400, "unsupported"},
		{"a deadline that is none", "/v1/messages", messages("claude-sonnet-4-5", true), []string{"X-Llmgw-Deadline", "20"}, 400, "unsupported"},
		{"a deadline before now", "/v1/chat/completions", chat("gpt-4o", false), []string{"X-Llmgw-Deadline", "-1s"}, 400, "unsupported"},
		{"unknown encoding", "/v1/chat/completions", "xx", []string{"Content-Encoding", "br"}, 400, "unsupported"},
		{"not the gzip it says", "/v1/messages", "xx", []string{"Content-Encoding", "gzip"}, 400, "bad_json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, nil)
				defer r.close()
				got := r.post(tc.path, tc.body, tc.headers...)
				if got.status != tc.status || got.header.Get("X-Llmgw-Error") != tc.code {
					t.Errorf("status %d, code %q: %s", got.status, got.header.Get("X-Llmgw-Error"), got.body)
				}
				if strings.Contains(tc.path, "messages") != bytes.HasPrefix(got.body, []byte(`{"type":"error"`)) {
					t.Errorf("not the caller's dialect: %s", got.body)
				}
				for name, s := range r.sims {
					if n := len(s.Ledger()); n > 0 {
						t.Errorf("%d calls reached %s", n, name)
					}
				}
				if row := r.last(); row.Error != tc.code || row.HTTPStatus != tc.status {
					t.Errorf("recorded %q, status %d", row.Error, row.HTTPStatus)
				}
			})
		})
	}
}
