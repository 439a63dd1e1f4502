package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/sim"
	"llmgw/store"
)

// saying answers every call with the same bytes.
func saying(status int, body string, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// alone is a rig whose only target of the model "m" answers like h; a second one
// is asked with the model "two".
func alone(t *testing.T, path string, h http.Handler) *rig {
	specs := chain(path, 2)
	specs[0].handler = h
	return newRig(t, specs, func(c *Config) {
		routed("first/one")(c)
		two := DefaultRouteConfig()
		two.Model, two.Targets = "two", []string{"first/one", "second/two"}
		c.Routes = append(c.Routes, two)
	})
}

// askTwo is a call that the second target can serve.
func (r *rig) askTwo(path string, stream bool) (reply, store.CallRow) {
	got := r.post(path, strings.Replace(asking(path, stream), `"m"`, `"two"`, 1))
	return got, r.last()
}

// A client that hangs up while its call is being recorded is gone: nobody could
// not record anything, and nothing went out.
func TestClientLeavesDuringTheBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain("/v1/chat/completions", 1), routed())
		defer r.close()
		r.failing.Store(true)
		ctx, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, hangUp)
		time.AfterFunc(200*time.Millisecond, func() { r.failing.Store(false) })
		r.do(r.request("/v1/chat/completions", asking("/v1/chat/completions", true)).WithContext(ctx))
		time.Sleep(time.Minute)
		rec := r.last()
		if rec.Status != store.StatusClientGone || rec.Error != codeClientGone || outcomes(rec) != "first=skipped:client_gone" || rec.Attempts[0].Duration != 0 {
			t.Errorf("recorded %s, %s: %s, took %s", rec.Status, rec.Error, outcomes(rec), rec.Attempts[0].Duration)
		}
		if n := r.arrivals("first"); n != 0 || strings.Contains(r.said.String(), "not yet on record") {
			t.Errorf("%d arrivals, logged %s", n, r.said.String())
		}
	})
}

// Where nothing can be recorded nothing is sent, and the attempt that was not
// made has an outcome that readers know.
func TestAttemptThatCannotBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain("/v1/chat/completions", 1), routed())
		defer r.close()
		r.failing.Store(true)
		got := r.post("/v1/chat/completions", asking("/v1/chat/completions", false))
		r.failing.Store(false)
		time.Sleep(time.Minute)
		if trail := got.header.Get("X-Llmgw-Attempts"); got.status != 503 || trail != "first/one=skipped:not_recorded;0s" {
			t.Errorf("status %d, attempts %q", got.status, trail)
		}
		checkTrail(t, got, r.last())
	})
}

// An answer in an encoding that is not known here goes on as it came to a client
// that takes it, at an unknown cost. To another one it is no answer.
func TestUnreadableEncoding(t *testing.T) {
	const path, bytesSent = "/v1/chat/completions", "\x0b\x02\x80{}\x03"
	for _, tc := range []struct {
		name, encoding, accept string
		status                 int
		stream                 bool
		want                   int // 0: the bytes as sent, under their status
	}{
		{"taken", "br", "gzip, br", 200, false, 0},
		{"taken by its wildcard", "br", "*", 200, false, 0},
		{"taken twice over", "gzip, gzip", "gzip", 200, false, 0},
		{"stream", "br", "br", 200, true, 0},
		{"error", "br", "br", 400, false, 0},
		{"not taken", "br", "gzip", 200, false, 502},
		{"forbidden beside a wildcard", "br", "br;q=0, *", 200, false, 502},
		{"nothing said", "br", "", 200, false, 502},
		{"stream not taken", "br", "", 200, true, 502},
		{"error not taken", "br", "", 400, false, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kind := map[bool]string{true: "text/event-stream", false: "application/json"}[tc.stream]
				r := alone(t, path, saying(tc.status, bytesSent, "Content-Encoding", tc.encoding, "Content-Type", kind))
				defer r.close()
				got, rec := r.ask(path, tc.stream, "Accept-Encoding", tc.accept)
				switch {
				case tc.want > 0:
					if got.status != tc.want || got.header.Get("Content-Encoding") != "" || !bytes.Contains(got.body, []byte(`"br\"`)) && !bytes.Contains(got.body, []byte(`\"br\"`)) {
						t.Errorf("status %d, %v: %s", got.status, got.header, got.body)
					}
				case got.status != tc.status || string(got.body) != bytesSent || got.header.Get("Content-Encoding") != tc.encoding:
					t.Errorf("status %d, %v: %q", got.status, got.header, got.body)
				case tc.status == 200 && (rec.Status != store.StatusOK || rec.Usage.Known() || rec.Cost.Known || rec.CostSource != store.CostUnpriced):
					t.Errorf("recorded %s, usage %+v, cost %+v %s", rec.Status, rec.Usage, rec.Cost, rec.CostSource)
				}
				if edited := strings.Contains(got.header.Get("X-Llmgw-Edits"), "response-content-encoding"); edited != (tc.want == 400) {
					t.Errorf("edits %q", got.header.Get("X-Llmgw-Edits"))
				}
				if got, rec := r.askTwo(path, tc.stream); tc.want == 502 && (got.status != 200 || outcomes(rec) != "first=malformed second=ok") {
					t.Errorf("with a second target: status %d, %s", got.status, outcomes(rec))
				}
			})
		})
	}
}

// On a path that is not known every answer passes as it came, whatever the
// client says that it takes.
func TestUnreadableEncodingPassesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := alone(t, "/v1/chat/completions", saying(200, "\x0b\x02", "Content-Encoding", "br", "Content-Type", "application/json"))
		defer r.close()
		if got := r.get("/provider/first/v1/files"); got.status != 200 || string(got.body) != "\x0b\x02" || got.header.Get("Content-Encoding") != "br" {
			t.Errorf("status %d, %v: %q", got.status, got.header, got.body)
		}
	})
}

// What holds no answer is none, however it is dressed up: the next target is
// asked, and without one the caller gets an error that its SDK raises.
func TestNoAnswerIsNone(t *testing.T) {
	const message = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"one\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"
	const stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	const whole = `{"id":"msg_1","type":"message","role":"assistant","model":"one","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`
	for _, tc := range []struct {
		name, path, kind, body, fault string
	}{
		{"only the end", "/v1/chat/completions", "text/event-stream", "data: [DONE]\n\n", "empty"},
		{"comments and the end", "/v1/chat/completions", "text/event-stream", ": x\n\n: y\n\ndata: [DONE]\n\n", "empty"},
		{"comments", "/v1/chat/completions", "text/event-stream", ": x\n\n: y\n\n", "empty"},
		{"empty events", "/v1/chat/completions", "text/event-stream", "data: {}\n\ndata: [DONE]\n\n", "empty"},
		{"no choices", "/v1/chat/completions", "text/event-stream", "data: {\"choices\":[]}\n\ndata: [DONE]\n\n", "empty"},
		{"a whole answer", "/v1/chat/completions", "application/json", string(wholeBody), "malformed"},
		{"only the end", "/v1/messages", "text/event-stream", stop, "empty"},
		{"start and end", "/v1/messages", "text/event-stream", message + stop, "empty"},
		{"a whole answer", "/v1/messages", "application/json", whole, "malformed"},
	} {
		t.Run(tc.path[4:]+"/"+tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := alone(t, tc.path, saying(200, tc.body, "Content-Type", tc.kind))
				defer r.close()
				got, rec := r.ask(tc.path, true)
				checkOwnError(t, got, tc.path, "all_targets_failed", 502, "first/one: "+tc.fault)
				if outcomes(rec) != "first="+tc.fault {
					t.Errorf("alone: %s", outcomes(rec))
				}
				if got, rec := r.askTwo(tc.path, true); got.status != 200 || outcomes(rec) != "first="+tc.fault+" second=ok" {
					t.Errorf("status %d, %s", got.status, outcomes(rec))
				}
			})
		})
	}
}

// A stream that stops for a reason has said all that it had to.
func TestFinishedWithoutContentIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
		r := alone(t, "/v1/chat/completions", saying(200, body, "Content-Type", "text/event-stream"))
		defer r.close()
		if got, rec := r.ask("/v1/chat/completions", true); got.status != 200 || string(got.body) != body || rec.Status != store.StatusOK {
			t.Errorf("status %d, recorded %s: %s", got.status, rec.Status, got.body)
		}
	})
}

// An error in a 200 gets the status that it names as its own, else 502: the
// official SDKs take whatever comes with 200 for the answer.
func TestErrorInsideASuccess(t *testing.T) {
	for body, status := range map[string]int{
		`{"error":{"message":"boom","code":503}}`:                     503,
		`{"error":{"message":"boom","code":"429"}}`:                   429,
		`{"error":{"message":"boom","code":200}}`:                     502,
		`{"error":"boom"}`:                                            502,
		`{"type":"error","error":{"type":"api_error","message":"x"}}`: 502,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := alone(t, "/v1/chat/completions", saying(200, body, "Content-Type", "application/json"))
			defer r.close()
			got, rec := r.ask("/v1/chat/completions", false)
			if got.status != status || string(got.body) != body || got.header.Get("X-Llmgw-Error") != codeAllFailed || got.header.Get("Retry-After") != "1" {
				t.Errorf("status %d, %v: %s", got.status, got.header, got.body)
			}
			if rec.Status != store.StatusError || rec.HTTPStatus != status || rec.Attempts[0].HTTPStatus != 200 || strings.Join(rec.Edits, " ") != "model response-status" {
				t.Errorf("recorded %s %d, edits %q", rec.Status, rec.HTTPStatus, rec.Edits)
			}
			if got := r.post("/v1/messages", messages("first/one", false)); got.status != status || !bytes.HasPrefix(got.body, []byte(`{"type":"error"`)) {
				t.Errorf("across dialects: status %d: %s", got.status, got.body)
			}
		})
	}
}

// Nothing follows an error event, above all no end.
func TestNothingFollowsAnError(t *testing.T) {
	const failed = `data: {"error":{"message":"boom","code":500}}` + "\n\n"
	for _, split := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			content := string(streamEvents[0]) + string(streamEvents[1])
			parts := []string{content, failed, "data: [DONE]\n\n", ""}
			if !split {
				parts = []string{content, failed + "data: [DONE]\n\n", ""}
			}
			r := alone(t, "/v1/chat/completions", dripping(0, func(n int) string { return parts[n] }))
			defer r.close()
			got, rec := r.ask("/v1/chat/completions", true)
			if got.err == nil || string(got.body) != content+failed || rec.Status != store.StatusTruncated {
				t.Errorf("recorded %s, error %v:\n%s", rec.Status, got.err, got.body)
			}
		})
	}
}

// What a call on an unknown path did before it failed nobody knows: it is not
// made twice, unless it asks only, or the provider refused it until later.
func TestUnknownCallsAreNotRepeated(t *testing.T) {
	reset := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for _, tc := range []struct {
		method string
		h      http.Handler
		want   string
	}{
		{"POST", saying(500, "{}"), "first=server_error"},
		{"PUT", saying(500, "{}", "Retry-After", "1"), "first=server_error"},
		{"DELETE", saying(503, "{}"), "first=overloaded"},
		{"PATCH", saying(429, "{}"), "first=rate_limited"},
		{"POST", reset, "first=reset"},
		{"POST", saying(503, "{}", "Retry-After", "1"), "first=overloaded first=overloaded"},
		{"POST", saying(429, "{}", "Retry-After", "1"), "first=rate_limited first=rate_limited"},
		{"GET", saying(500, "{}"), "first=server_error first=server_error"},
		{"GET", reset, "first=reset first=reset"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := alone(t, "/v1/chat/completions", tc.h)
			defer r.close()
			req := r.request("/provider/first/v1/batches", "{}")
			req.Method = tc.method
			got := r.do(req)
			if rec := r.last(); outcomes(rec) != tc.want {
				t.Errorf("%s: status %d, %s, want %s", tc.method, got.status, outcomes(rec), tc.want)
			}
		})
	}
}

// An error that says that nobody serves says from when on somebody may, and the
// record whom it was that was asked last.
func TestAllFailedSaysWhenAndWho(t *testing.T) {
	for _, tc := range []struct {
		order, wait string
		status      int
	}{
		{"200-empty", "1", 502},
		{"429:retry-after=60", "60", 503},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chain("/v1/chat/completions", 2), routed())
			defer r.close()
			for name := range r.sims {
				r.order(name, tc.order)
			}
			path := "/v1/chat/completions"
			if tc.status == 503 {
				r.ask(path, false) // its own 429 is the answer
			}
			got, rec := r.ask(path, false)
			if got.status != tc.status || got.header.Get("X-Llmgw-Error") != codeAllFailed || got.header.Get("Retry-After") != tc.wait {
				t.Errorf("%s: status %d, retry-after %q: %s", tc.order, got.status, got.header.Get("Retry-After"), got.body)
			}
			want := map[int]string{502: "second/two", 503: "/"}[tc.status] // nobody was asked
			if failed := r.failedCalls(want); failed != 1 {
				t.Errorf("%s: %d failed calls of %s in the sums", tc.order, failed, want)
			}
			if rec.Provider+"/"+rec.Model != want || got.header.Get("X-Llmgw-Provider") != "" {
				t.Errorf("%s: recorded %s/%s, want %s; header %q", tc.order, rec.Provider, rec.Model, want, got.header.Get("X-Llmgw-Provider"))
			}
		})
	}
}

// failedCalls is how many failed calls the sums have for a target.
func (r *rig) failedCalls(target string) (n int64) {
	r.t.Helper()
	rd, err := store.OpenReader(r.db)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rd.Close()
	sums, err := rd.Sums(context.Background(), store.SumQuery{By: []string{"provider", "model"}})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range sums {
		if s.By[0]+"/"+s.By[1] == target {
			n += int64(s.FailedCalls)
		}
	}
	return n
}

// What still runs when llmgw ends is told so, each in its own way, and so is the
// record.
func TestStop(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, nil)
				defer r.close()
				fault := "hang-before-headers"
				if sh.stream {
					fault = "hang-mid-stream:after=2"
				}
				r.sims[sh.provider].Default(parse(t, fault))
				time.AfterFunc(3*time.Second, r.gw.Stop)
				got := r.post(sh.path, bodyFor(sh.path, sh.model, sh.stream))
				synctest.Wait()
				rec := r.last()
				if got.took != 3*time.Second || !bytes.Contains(got.body, []byte(stopped)) || outcomes(rec) != sh.provider+"=interrupted" || rec.Attempts[0].Error != stopped || rec.Error != codeShutdown || !strings.Contains(rec.ErrorText, stopped) {
					t.Errorf("after %s, recorded %s (%s): %s\n%s", got.took, rec.Error, rec.ErrorText, outcomes(rec), got.body)
				}
				if sh.stream && (got.err == nil || rec.Status != store.StatusTruncated) || !sh.stream && (got.status != 503 || rec.Status != store.StatusError || got.header.Get("X-Should-Retry") == "false") {
					t.Errorf("status %d, error %v, recorded %s", got.status, got.err, rec.Status)
				}
				if n := r.gw.running.len(); n != 0 {
					t.Errorf("%d calls run on", n)
				}
			})
		})
	}
}

// A client that only closed its sending half counts as gone, and must not take
// what it reads for a whole answer.
func TestHalfClosedClientSeesNoEnd(t *testing.T) {
	_, gw, _ := overSockets(t, sim.HangMidStream)
	body := chat("first/one", true)
	dialed, err := net.Dial("tcp", gw.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := dialed.(*net.TCPConn)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a cut stream ends like a whole one:\n%s", got)
	}
}
