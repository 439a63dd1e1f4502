package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/proxy/breaker"
	"llmgw/store"
)

// The limit of an attempt is exact, and bites only while another target could
// still serve: the last usable one gets all that is left.
func TestLimitOfAnAttempt(t *testing.T) {
	for _, tc := range []struct {
		name, order string // of the first target
		second      string // what is wrong with the second one
		want        string
		took        time.Duration
	}{
		{"just in time", "slow-first-byte:ms=9999", "", "first=ok", 9999 * time.Millisecond},
		{"just too late", "slow-first-byte:ms=10001", "", "first=timeout second=ok", 10 * time.Second},
		{"the second's breaker is open", "slow-first-byte:ms=100000", "disabled", "first=ok", 100 * time.Second},
		{"the second cools down", "slow-first-byte:ms=100000", "cooling", "first=ok", 100 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/messages"
				r := newRig(t, chain(path, 2), routed())
				defer r.close()
				switch tc.second {
				case "disabled":
					r.gw.health.breakers.Disable("second/two", time.Now())
				case "cooling":
					key := r.cfg.Providers[1].Keys[0].ID() + " second/two"
					r.gw.health.cooldowns.Hold(key, breaker.Wait{Told: true, For: time.Minute, Max: time.Hour}, time.Now())
				}
				r.order("first", tc.order)
				got, rec := r.ask(path, true)
				if got.status != 200 || outcomes(rec) != tc.want || got.took != tc.took {
					t.Errorf("status %d, %s after %s, want %s after %s", got.status, outcomes(rec), got.took, tc.want, tc.took)
				}
			})
		})
	}
}

// dripping is a chat stream whose events come from say, each after a pause,
// until the client leaves, the stream is done or there is no more to say.
func dripping(pause time.Duration, say func(n int) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for n := 0; ; n++ {
			event := say(n)
			if _, err := io.WriteString(w, event); err != nil || event == done || event == "" {
				return
			}
			http.NewResponseController(w).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
	})
}

const (
	word = `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}` + "\n\n"
	ping = ": ping\n\n"
	done = `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
)

// How long a running stream may go on, be silent, or say nothing: pings reach
// the client and keep a stream that thinks alive, but not for ever.
func TestLimitsOfARunningStream(t *testing.T) {
	for _, tc := range sample([]struct {
		name  string
		pause time.Duration
		say   func(n int) string
		body  string
		took  time.Duration
		whole bool
	}{
		{"a word every 29 s for half an hour", 29 * time.Second, upTo(60, word), "", 29 * time.Minute, true},
		{"a word, then silence", 31 * time.Second, upTo(60, word), "", 30 * time.Second, false},
		{"a word, then pings for nine minutes", 10 * time.Second, between(1, 54, ping), "", 9 * time.Minute, true},
		{"a word, then pings for ever", 10 * time.Second, between(1, 1<<30, ping), "", 10 * time.Minute, false},
		{"words for ever", 7 * time.Second, upTo(1<<30, word), "", time.Hour, false},
		{"four minutes of silence where it reasons", 4 * time.Minute, upTo(3, word), `"reasoning_effort":"high",`, 12 * time.Minute, true},
		{"six minutes of silence where it reasons", 6 * time.Minute, upTo(3, word), `"reasoning_effort":"high",`, 5 * time.Minute, false},
		{"four minutes of silence where it has tools", 4 * time.Minute, upTo(3, word), `"tools":[{"type":"function","function":{"name":"f"}}],`, 12 * time.Minute, true},
	}) {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				specs := chain(path, 2)
				specs[0].handler = dripping(tc.pause, tc.say)
				r := newRig(t, specs, routed())
				defer r.close()
				got := r.post(path, strings.Replace(asking(path, true), "{", "{"+tc.body, 1))
				if (got.err == nil) != tc.whole || bytes.Contains(got.body, []byte("[DONE]")) != tc.whole || got.took != tc.took {
					t.Errorf("error %v after %s, want %s:\n%s", got.err, got.took, tc.took, got.body[max(0, len(got.body)-100):])
				}
				if bytes.Contains(got.body, []byte(`"error"`)) == tc.whole {
					t.Errorf("an error event: %v", !tc.whole)
				}
				rec, status := r.last(), map[bool]store.Status{true: store.StatusOK, false: store.StatusTruncated}[tc.whole]
				if rec.Status != status || len(rec.Attempts) != 1 {
					t.Errorf("recorded %s (%s), %s", rec.Status, rec.ErrorText, outcomes(rec))
				}
				t.Logf("%s: %s", rec.Status, rec.ErrorText)
			})
		})
	}
}

// upTo says event n times and then the end.
func upTo(n int, event string) func(int) string { return between(0, n, event) }

// between says a word, then event until n things were said, then the end.
func between(from, n int, event string) func(int) string {
	return func(i int) string {
		switch {
		case i < from:
			return word
		case i < n:
			return event
		case i == n:
			return done
		}
		return ""
	}
}

// The head of a stream is held back until its first content, up to 1 MiB: what
// fails before leaves no trace, what is larger is let go and arrives whole.
func TestHeadIsHeldBack(t *testing.T) {
	const failure = `data: {"error":{"message":"The server had an error","type":"server_error"}}` + "\n\n"
	for _, tc := range []struct {
		name  string
		pings int // of 10 KB
		then  string
		want  string
	}{
		{"700 KB, then an error", 70, failure, "first=error_in_body second=ok"},
		{"700 KB, then content", 70, word + done, "first=ok"},
		{"2 MB, then content", 200, word + done, "first=ok"},
		{"2 MB, then an error", 200, failure, "first=truncated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				specs := chain(path, 2)
				pings := strings.Repeat(": "+strings.Repeat("x", 10_000)+"\n\n", tc.pings)
				specs[0].handler = dripping(0, func(n int) string { return []string{pings, tc.then, ""}[n] })
				r := newRig(t, specs, routed())
				defer r.close()
				got, rec := r.ask(path, true)
				if outcomes(rec) != tc.want {
					t.Errorf("status %d, %s, want %s", got.status, outcomes(rec), tc.want)
				}
				if rec.Provider == "first" && string(got.body) != pings+tc.then {
					t.Errorf("%d bytes of %d", len(got.body), len(pings)+len(tc.then))
				}
				if rec.Provider == "second" && !r.sentBy("second", got) {
					t.Errorf("a trace of the first target in\n%s", short(got.body))
				}
			})
		})
	}
}

// Some providers answer a call that is none with a stream: what comes decides how
// it is read, and it passes as it is.
func TestStreamInsteadOfABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/chat/completions"
		specs := chain(path, 1)
		specs[0].handler = http.HandlerFunc(streamAnswer)
		r := newRig(t, specs, routed())
		defer r.close()
		got, rec := r.ask(path, false)
		if got.err != nil || !bytes.Equal(got.body, streamed()) || rec.Status != store.StatusOK || rec.Usage.Input.N != 9 {
			t.Errorf("error %v, recorded %s with usage %+v:\n%s", got.err, rec.Status, rec.Usage, got.body)
		}
	})
}

// A 400 that follows an edit of llmgw's own is repeated once without it.
func TestEditIsTakenBack(t *testing.T) {
	for _, tc := range []struct {
		name, order, body string
		want              string
		edits             string
	}{
		{"it was the edit", "reject-field:code=stream_options", bodyFor("/v1/chat/completions", "m", true), "first=bad_request first=ok", "model"},
		{"it was not", "400", bodyFor("/v1/chat/completions", "m", true), "first=bad_request first=bad_request", "model"},
		{"there was none", "reject-field:code=stream_options", asking("/v1/chat/completions", true), "first=bad_request", "model"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 2), routed())
				defer r.close()
				r.order("first", tc.order)
				got := r.post(path, tc.body)
				rec := r.last()
				if outcomes(rec) != tc.want || !r.sentBy("first", got) || got.header.Get("X-Llmgw-Edits") != tc.edits {
					t.Errorf("status %d, %s, edits %q: %s", got.status, outcomes(rec), got.header.Get("X-Llmgw-Edits"), short(got.body))
				}
				if all := r.ledger("first"); len(all) == 2 && (!bytes.Contains(all[0].Body, []byte("include_usage")) || bytes.Contains(all[1].Body, []byte("include_usage"))) {
					t.Errorf("asked first with\n%s\nthen with\n%s", all[0].Body, all[1].Body)
				}
			})
		})
	}
}

// A target that cannot speak the call's dialect is passed over, with the
// reason; one alone is an error of the caller's.
func TestTargetOfAnotherDialect(t *testing.T) {
	for _, tc := range []struct {
		targets []string
		status  int
		want    string
	}{
		{[]string{"anthropic/claude", "openai/gpt"}, 200, "anthropic=skipped:unsupported openai=ok"},
		{[]string{"anthropic/claude"}, 400, "anthropic=skipped:unsupported"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, bothDialects, routed(tc.targets...))
			defer r.close()
			got, rec := r.ask("/v1/chat/completions", true)
			if got.status != tc.status || outcomes(rec) != tc.want || rec.Attempts[0].Error == "" || r.arrivals("anthropic") > 0 {
				t.Errorf("status %d, %s (%s)", got.status, outcomes(rec), rec.Attempts[0].Error)
			}
			checkTrail(t, got, rec)
		})
	}
}

// Same-target retries stay within their share of the calls, however many calls
// fail; the floor lets a quiet gateway retry at all.
func TestRetryBudget(t *testing.T) {
	for _, perSecond := range []int{1, 20} {
		t.Run(fmt.Sprint(perSecond, " calls a second"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 1), func(c *Config) {
					routed()(c)
					c.Breaker.Failures, c.Breaker.MinCalls = 100_000, 100_000
					c.Store.Bodies = store.BodiesNone
				})
				defer r.close()
				r.order("first", "reset-before-headers")
				calls := 30 * perSecond
				for range calls {
					r.post(path, asking(path, true))
					time.Sleep(time.Second / time.Duration(perSecond))
				}
				retries := r.arrivals("first") - calls
				share := int(0.2 * float64(10*perSecond)) // of the calls in any ten seconds
				if most := 3 * max(budgetFloor, share); retries > most+budgetFloor || retries < most/2 {
					t.Errorf("%d retries of %d calls, want about %d", retries, calls, most)
				}
			})
		})
	}
}

// A call whose whole answer was read is finished, even though its client left
// while the outcome was being recorded.
func TestClientLeavesAfterTheEndWasRead(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, nil)
				defer r.close()
				r.sims[sh.provider].Default(parse(t, "slow-first-byte:ms=1000"))
				time.AfterFunc(500*time.Millisecond, func() { r.failing.Store(true) })
				time.AfterFunc(4*time.Second, func() { r.failing.Store(false) })
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				if got := r.do(r.request(sh.path, bodyFor(sh.path, sh.model, sh.stream)).WithContext(ctx)); got.err == nil {
					t.Fatal("the end came before the outcome was on record")
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				row, told := r.last(), r.ledger(sh.provider)[0].Usage
				if row.Status != store.StatusOK || row.Usage.Output != told.Output || row.Usage.Input != told.Input {
					t.Errorf("recorded %s, usage %+v, told was %+v", row.Status, row.Usage, told)
				}
			})
		})
	}
}

// A call that cannot be recorded is refused by its own deadline, not after all
// the waits of the store.
func TestDeadlineHoldsWhenNothingCanBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/chat/completions"
		r := newRig(t, chain(path, 1), routed())
		defer r.close()
		r.failing.Store(true)
		got := r.post(path, asking(path, true), "X-Llmgw-Deadline", "1s")
		if got.status < 500 || got.took > 1250*time.Millisecond || r.arrivals("first") > 0 {
			t.Errorf("status %d %s after %s, %d arrivals", got.status, got.header.Get("X-Llmgw-Error"), got.took, r.arrivals("first"))
		}
		r.failing.Store(false)
	})
}
