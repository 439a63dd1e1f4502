package proxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/sim"
	"llmgw/store"
)

// chain is n simulated providers of one dialect, in the order of a route.
func chain(path string, n int) []upstreamSpec {
	d := llm.OpenAIChat
	if strings.HasPrefix(path, "/v1/messages") {
		d = llm.Anthropic
	}
	specs := make([]upstreamSpec, n)
	for i := range specs {
		specs[i] = upstreamSpec{name: []string{"first", "second", "third"}[i], dialect: d}
	}
	return specs
}

// routed sends the model "m" to the given targets. Without any it is a model of
// its own at each provider of the chain: first/one, second/two, third/three.
func routed(targets ...string) func(*Config) {
	return func(c *Config) {
		if len(targets) == 0 {
			for i, p := range c.Providers {
				targets = append(targets, p.Name+"/"+[]string{"one", "two", "three"}[i])
			}
		}
		rt := DefaultRouteConfig()
		rt.Model, rt.Targets = "m", targets
		c.Routes = append(c.Routes, rt)
	}
}

// asking is a minimal call of the model "m". A chat stream asks for its usage,
// so that llmgw changes no byte of it but the model.
func asking(path string, stream bool) string {
	b := bodyFor(path, "m", stream)
	if stream && !strings.HasPrefix(path, "/v1/messages") {
		b = strings.TrimSuffix(b, "}") + `,"stream_options":{"include_usage":true}}`
	}
	return b
}

// order makes a provider fail as told from now on. "refused" and "unknown" are
// connections that cannot be made, and those there were are gone.
func (r *rig) order(name, fault string) {
	r.t.Helper()
	switch fault {
	case "refused", "unknown":
		r.lines[name].cut()
		synctest.Wait()
	}
	switch fault {
	case "refused":
		r.lines[name].trip.Store(&tripwire{refuse: &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}})
	case "unknown":
		r.lines[name].trip.Store(&tripwire{refuse: &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}}})
	default:
		r.lines[name].trip.Store(nil)
		r.sims[name].Default(parse(r.t, fault))
	}
}

// short keeps a failing test readable.
func short(b []byte) []byte { return b[:min(len(b), 300)] }

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sentBy tells whether the client got exactly what one answer of the provider
// was.
func (r *rig) sentBy(name string, got reply) bool {
	for _, a := range r.ledger(name) {
		if a.SentHash == hashOf(got.body) && a.Status == got.status {
			return true
		}
	}
	return false
}

// How long a call may take until its answer begins, by what happens before it.
// In a bubble nothing but waiting takes time.
type pace int

const (
	atOnce   pace = iota
	jittered      // one pause of 100 to 500 ms
	silent        // the attempt's own limit
	second        // one untold wait of a second
)

// span is the least and the most.
func (p pace) span(path string, stream bool) (time.Duration, time.Duration) {
	switch p {
	case jittered:
		return 100 * time.Millisecond, 500 * time.Millisecond
	case second:
		return time.Second, time.Second
	case silent:
		limit := 5 * time.Minute // no output limit; half of deadline_answer is as long
		if strings.HasPrefix(path, "/v1/messages") {
			limit = time.Minute // max_tokens 200
		}
		if stream {
			limit = 10 * time.Second
		}
		return limit, limit
	}
	return 0, 0
}

// faultRow is one row of docs/failover.md's table, as the first target of two
// shows it for as long as it is asked.
type faultRow struct {
	fault, order string
	tries        int
	pace         pace
	caller       bool   // the provider's own answer is the caller's; else the second target serves
	only         string // "stream" or "whole"; "": both
	alone        int    // status the caller gets when there is no second target; 0: the provider's own
	inside       bool   // alone, the caller gets the provider's own body under that status
}

// faultTable is docs/failover.md's table, as far as it lies before the commit.
var faultTable = []faultRow{
	{fault: "connect", order: "refused", tries: 1, alone: 502},
	{fault: "connect", order: "unknown", tries: 1, alone: 502},
	{fault: "reset", order: "reset-before-headers", tries: 2, alone: 502},
	{fault: "reset", order: "close-before-headers", tries: 2, alone: 502},
	{fault: "reset", order: "reset-mid-stream:after=0", tries: 2, alone: 502},
	{fault: "reset", order: "fin-mid-stream:after=0", tries: 2, alone: 502},
	{fault: "reset", order: "eof-mid-stream:after=0", tries: 2, alone: 502, only: "stream"},
	{fault: "timeout", order: "hang-before-headers", tries: 1, pace: silent, alone: 504},
	{fault: "timeout", order: "hang-after-headers", tries: 1, pace: silent, alone: 504},
	{fault: "timeout", order: "hang-mid-stream:after=0", tries: 1, pace: silent, alone: 504},
	{fault: "timeout", order: "ping-only", tries: 1, pace: silent, alone: 504},
	{fault: "rate_limited", order: "429", tries: 2, pace: second},
	{fault: "rate_limited", order: "429:retry-after=60", tries: 1},
	{fault: "quota", order: "402", tries: 1},
	{fault: "quota", order: "429:code=insufficient_quota", tries: 1},
	{fault: "quota", order: "400:code=usage_limit", tries: 1},
	{fault: "overloaded", order: "529", tries: 2, pace: jittered},
	{fault: "overloaded", order: "503", tries: 2, pace: jittered},
	{fault: "overloaded", order: "529:retry-after=60", tries: 1},
	{fault: "server_error", order: "500", tries: 2, pace: jittered},
	{fault: "server_error", order: "502", tries: 2, pace: jittered},
	{fault: "server_error", order: "504", tries: 2, pace: jittered},
	{fault: "server_error", order: "520", tries: 2, pace: jittered},
	{fault: "server_error", order: "408", tries: 2, pace: jittered},
	{fault: "error_in_body", order: "error-first", tries: 1, only: "stream"},
	{fault: "error_in_body", order: "error-first", tries: 1, only: "whole", alone: 502, inside: true},
	{fault: "error_in_body", order: "error-after-start", tries: 1, only: "stream"},
	{fault: "error_in_body", order: "error-after-start", tries: 1, only: "whole", alone: 502, inside: true},
	{fault: "error_in_body", order: "200-error-body", tries: 1, only: "whole", alone: 502, inside: true},
	{fault: "error_in_body", order: "200-error-body", tries: 1, only: "stream", alone: 502},
	{fault: "error_in_body", order: "error-mid-stream", tries: 1, only: "whole", alone: 502, inside: true},
	{fault: "error_in_body", order: "finish-error", tries: 1, only: "whole", alone: 502, inside: true},
	{fault: "malformed", order: "malformed-json", tries: 1, alone: 502},
	{fault: "malformed", order: "truncated-json", tries: 1, only: "whole", alone: 502},
	{fault: "malformed", order: "eof-mid-stream", tries: 1, only: "whole", alone: 502},
	{fault: "malformed", order: "200-html", tries: 1, alone: 502},
	{fault: "malformed", order: "302", tries: 1, alone: 502},
	{fault: "empty", order: "200-empty", tries: 1, alone: 502},
	{fault: "auth", order: "401", tries: 1},
	{fault: "auth", order: "403", tries: 1},
	{fault: "model_not_found", order: "404", tries: 1},
	{fault: "context_length", order: "400:code=context_length_exceeded", tries: 1},
	{fault: "refused", order: "400:code=content_policy", tries: 1, caller: true},
	{fault: "bad_request", order: "400", tries: 1, caller: true},
	{fault: "bad_request", order: "413", tries: 1, caller: true},
	{fault: "bad_request", order: "422", tries: 1, caller: true},
}

// Every fault before the commit, streamed and not, in both dialects: before a
// healthy second target of another model, and at the only target. The matrix
// prints its cells with -v.
func TestFaultMatrix(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 3), func(c *Config) {
					routed("first/one", "second/two")(c)
					alone := DefaultRouteConfig()
					alone.Model, alone.Targets = "alone", []string{"third/three"}
					c.Routes = append(c.Routes, alone)
				})
				defer r.close()
				for _, row := range sample(faultTable) {
					if row.only != "" && row.only != shapeWord(sh.stream) {
						continue
					}
					r.fresh()
					r.order("first", row.order)
					r.order("third", row.order)
					row.checkFailover(t, r, sh.path, sh.stream)
					row.checkAlone(t, r, sh.path, sh.stream)
				}
			})
		})
	}
}

// checkFailover makes a call that the second target can serve: who is asked how
// often, when the answer comes, whose it is, and what the caller and the record
// are told of it.
func (row faultRow) checkFailover(t *testing.T, r *rig, path string, stream bool) {
	got := r.post(path, asking(path, stream))
	rec := r.last()
	server, want := "second", row.story("first")+" second=ok"
	if row.caller {
		server, want = "first", row.story("first")
	}
	row.log(t, path, stream, got, server)
	if outcomes(rec) != want {
		t.Errorf("outcomes %q, want %q", outcomes(rec), want)
	}
	if n := r.arrivals("first"); n != row.arrivals() {
		t.Errorf("%d arrivals at the first target, want %d", n, row.arrivals())
	}
	if n := r.arrivals("second"); (n == 0) != row.caller || n > 1 {
		t.Errorf("%d arrivals at the second target", n)
	}
	if least, most := row.pace.span(path, stream); got.took < least || got.took > most {
		t.Errorf("took %s, want %s to %s", got.took, least, most)
	}
	if got.err != nil || !r.sentBy(server, got) {
		t.Errorf("the caller got status %d, not what %s sent (err %v):\n%s", got.status, server, got.err, short(got.body))
	}
	if !row.caller && bytes.Contains(got.body, []byte(`"one"`)) {
		t.Errorf("a trace of the first target's answer:\n%s", short(got.body))
	}
	checkNamed(t, got, rec, server)
}

// checkAlone makes the same call of the only target: its own answer reaches the
// caller unchanged where it gave one, else an error in the caller's dialect
// that tells every attempt, no later than the deadline.
func (row faultRow) checkAlone(t *testing.T, r *rig, path string, stream bool) {
	got := r.post(path, strings.Replace(asking(path, stream), `"m"`, `"alone"`, 1))
	rec := r.last()
	row.log(t, path, stream, got, "third")
	if outcomes(rec) != row.story("third") || r.arrivals("third") != row.arrivals() {
		t.Errorf("alone: outcomes %q, %d arrivals", outcomes(rec), r.arrivals("third"))
	}
	if rec.Status != store.StatusError || rec.HTTPStatus != got.status {
		t.Errorf("recorded %s, status %d; the client got %d", rec.Status, rec.HTTPStatus, got.status)
	}
	checkTrail(t, got, rec)
	if row.inside {
		asSent := got
		if asSent.status = 200; !r.sentBy("third", asSent) || got.status != row.alone || got.header.Get("X-Llmgw-Error") != "all_targets_failed" {
			t.Errorf("the caller got status %d, x-llmgw-error %q:\n%s", got.status, got.header.Get("X-Llmgw-Error"), short(got.body))
		}
		return
	}
	switch row.alone {
	case 0:
		if got.err != nil || !r.sentBy("third", got) {
			t.Errorf("the caller got status %d, not what the target sent (err %v):\n%s", got.status, got.err, short(got.body))
		}
		if code := got.header.Get("X-Llmgw-Error"); code != "" {
			t.Errorf("x-llmgw-error %q on the provider's own answer", code)
		}
	case 502:
		checkOwnError(t, got, path, "all_targets_failed", 502, "third/three")
		if got.took > 0 {
			t.Errorf("the error came after %s", got.took)
		}
	case 504:
		checkOwnError(t, got, path, "deadline", 504, "third/three")
		if got.took != deadlineOf(stream) {
			t.Errorf("the error came after %s, the deadline is %s", got.took, deadlineOf(stream))
		}
	}
}

// story is what the record says of the failing target.
func (row faultRow) story(name string) string {
	return strings.TrimSuffix(strings.Repeat(name+"="+row.fault+" ", row.tries), " ")
}

// arrivals is how many calls reach the failing target.
func (row faultRow) arrivals() int {
	if row.fault == "connect" {
		return 0
	}
	return row.tries
}

// log prints the cell; what is wrong with it follows.
func (row faultRow) log(t *testing.T, path string, stream bool, got reply, from string) {
	if got.header.Get("X-Llmgw-Provider") == "" {
		from = "llmgw"
	}
	t.Logf("| %-14s | %-33s | %-6s | %-16s | %9s | %d from %-6s | %s", row.fault, row.order, shapeWord(stream), path[4:], got.took.Round(time.Millisecond), got.status, from, got.header.Get("X-Llmgw-Attempts"))
}

func shapeWord(stream bool) string {
	if stream {
		return "stream"
	}
	return "whole"
}

// checkNamed compares who the headers say served with the record, attempt for
// attempt.
func checkNamed(t *testing.T, got reply, rec store.CallRow, server string) {
	t.Helper()
	if p := got.header.Get("X-Llmgw-Provider"); p != server || rec.Provider != server {
		t.Errorf("served by %q in the header, %q on record, want %s", p, rec.Provider, server)
	}
	want := store.StatusOK
	if got.status != 200 {
		want = store.StatusError
	}
	if rec.Status != want || rec.HTTPStatus != got.status {
		t.Errorf("recorded %s, status %d; the client got %d", rec.Status, rec.HTTPStatus, got.status)
	}
	checkTrail(t, got, rec)
}

// checkTrail compares x-llmgw-attempts with the record.
func checkTrail(t *testing.T, got reply, rec store.CallRow) {
	t.Helper()
	var trail []string
	for entry := range strings.SplitSeq(got.header.Get("X-Llmgw-Attempts"), ", ") {
		what, took, _ := strings.Cut(entry, ";")
		if d, err := time.ParseDuration(took); err != nil || d < 0 {
			t.Errorf("attempt %q took %q", what, took)
		}
		trail = append(trail, what)
	}
	var recorded []string
	for _, a := range rec.Attempts {
		outcome := a.Outcome
		if a.Skipped != "" {
			outcome = "skipped:" + a.Skipped
		}
		recorded = append(recorded, a.Provider+"/"+a.Model+"="+outcome)
	}
	if strings.Join(trail, " ") != strings.Join(recorded, " ") {
		t.Errorf("x-llmgw-attempts says %v, the record %v", trail, recorded)
	}
}

func deadlineOf(stream bool) time.Duration {
	if stream {
		return DefaultFailoverConfig().Deadline
	}
	return DefaultFailoverConfig().DeadlineAnswer
}

// checkOwnError expects an error of llmgw's own, in the caller's dialect, that
// names what was tried, and x-should-retry where trying again is pointless.
func checkOwnError(t *testing.T, got reply, path, code string, status int, tried string) {
	t.Helper()
	if got.status != status || got.header.Get("X-Llmgw-Error") != code {
		t.Errorf("status %d, x-llmgw-error %q, want %d %s: %s", got.status, got.header.Get("X-Llmgw-Error"), status, code, short(got.body))
	}
	if strings.HasPrefix(path, "/v1/messages") != bytes.HasPrefix(got.body, []byte(`{"type":"error"`)) {
		t.Errorf("not the caller's dialect: %s", short(got.body))
	}
	if !bytes.Contains(got.body, []byte(tried)) {
		t.Errorf("the error does not name the attempt: %s", short(got.body))
	}
	if p := got.header.Get("X-Llmgw-Provider"); p != "" {
		t.Errorf("x-llmgw-provider is %q although nobody served", p)
	}
	if retry := got.header.Get("X-Should-Retry"); (retry == "false") != (code == "deadline") {
		t.Errorf("x-should-retry is %q", retry)
	}
}

// What passes by itself is worth one more try of the same target, on record,
// and the fallback is not asked.
func TestPassingFaultIsTriedAgain(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 2), routed())
				defer r.close()
				for _, order := range []string{"reset-before-headers", "close-before-headers", "500", "408", "503", "529", "429:retry-after=2", "529:retry-after=2"} {
					r.fresh()
					r.sims["first"].Script(parse(t, order))
					got := r.post(sh.path, asking(sh.path, sh.stream))
					if n := r.arrivals("second"); got.status != 200 || n != 0 || r.arrivals("first") != 2 || !r.sentBy("first", got) {
						t.Errorf("%s: status %d, %d arrivals at the first, %d at the second", order, got.status, r.arrivals("first"), n)
					}
					if rec := r.last(); len(rec.Attempts) != 2 || rec.Attempts[1].Outcome != "ok" || rec.Status != store.StatusOK {
						t.Errorf("%s: outcomes %s", order, outcomes(rec))
					}
					if waited := strings.Contains(order, "retry-after"); waited && (got.took != 2*time.Second || got.header.Get("X-Llmgw-Waited") != "2.000s") {
						t.Errorf("%s: took %s, x-llmgw-waited %q", order, got.took, got.header.Get("X-Llmgw-Waited"))
					}
				}
			})
		})
	}
}

// After the commit nothing is tried again: the second target stays unasked, and
// what reached the client is a prefix of the first one's answer.
func TestNothingIsRetriedAfterCommit(t *testing.T) {
	for _, sh := range shapes {
		if !sh.stream {
			continue
		}
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 2), routed())
				defer r.close()
				for _, order := range []string{"reset-mid-stream", "fin-mid-stream", "eof-mid-stream", "error-mid-stream", "hang-mid-stream", "finish-error"} {
					r.fresh()
					r.order("first", order)
					got := r.post(sh.path, asking(sh.path, true))
					rec := r.last()
					t.Logf("| truncated      | %-33s | stream | %-16s | %9s | %d from first  | %s", order, sh.path[4:], got.took, got.status, rec.Attempts[0].Error)
					if r.arrivals("first") != 1 || r.arrivals("second") != 0 || outcomes(rec) != "first=truncated" {
						t.Errorf("%d and %d arrivals, %s", r.arrivals("first"), r.arrivals("second"), outcomes(rec))
					}
					if got.err == nil || rec.Status != store.StatusTruncated || rec.Attempts[0].Error == "" {
						t.Errorf("client saw error %v, recorded %s (%s)", got.err, rec.Status, rec.Attempts[0].Error)
					}
					if want := map[bool]time.Duration{true: 30 * time.Second}[order == "hang-mid-stream"]; got.took != want {
						t.Errorf("took %s, want %s", got.took, want)
					}
				}
			})
		})
	}
}

// The deadline is one for all attempts together: silent ones share it fairly,
// the last gets what is left, and the error comes when it is over.
func TestDeadlineIsShared(t *testing.T) {
	for _, tc := range []struct {
		name    string
		targets int
		asked   string // x-llmgw-deadline
		stream  bool
		change  func(*Config)
		tried   []time.Duration
		total   time.Duration
	}{
		{"two, stream", 2, "", true, nil, []time.Duration{10 * time.Second, 110 * time.Second}, 2 * time.Minute},
		{"two, whole", 2, "", false, nil, []time.Duration{5 * time.Minute, 5 * time.Minute}, 10 * time.Minute},
		{"three in nine seconds", 3, "9s", true, nil, []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second}, 9 * time.Second},
		{"three in nine seconds, whole", 3, "9s", false, nil, []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second}, 9 * time.Second},
		{"a caller cannot lengthen it", 2, "1h", true, nil, []time.Duration{10 * time.Second, 110 * time.Second}, 2 * time.Minute},
		{"a limit of its own", 2, "", true, func(c *Config) { c.Failover.FirstToken = AutoDuration{D: 2 * time.Second} }, []time.Duration{2 * time.Second, 118 * time.Second}, 2 * time.Minute},
		{"a limit longer than the share", 2, "", true, func(c *Config) { c.Failover.FirstToken = AutoDuration{D: time.Hour} }, []time.Duration{time.Minute, time.Minute}, 2 * time.Minute},
		{"an open breaker has no share", 3, "9s", true, nil, []time.Duration{4500 * time.Millisecond, 0, 4500 * time.Millisecond}, 9 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, tc.targets), func(c *Config) {
					routed()(c)
					if tc.change != nil {
						tc.change(c)
					}
				})
				defer r.close()
				for name := range r.sims {
					r.order(name, "hang-before-headers")
				}
				if tc.tried[1] == 0 {
					r.gw.health.breakers.Disable("second/two", time.Now())
				}
				got := r.post(path, asking(path, tc.stream), "X-Llmgw-Deadline", tc.asked)
				checkOwnError(t, got, path, "deadline", 504, "first/one")
				if got.took < tc.total || got.took > tc.total+250*time.Millisecond {
					t.Errorf("the error came after %s, the deadline is %s", got.took, tc.total)
				}
				rec := r.last()
				for i, a := range rec.Attempts {
					if a.Duration != tc.tried[i] {
						t.Errorf("attempt %d at %s lasted %s, want %s", i+1, a.Provider, a.Duration, tc.tried[i])
					}
				}
				if len(rec.Attempts) != tc.targets || rec.Error != "deadline" {
					t.Errorf("%s, error %q", outcomes(rec), rec.Error)
				}
			})
		})
	}
}

// A body of 250 KB gets ten seconds more to its first token, a call that
// reasons at least a minute.
func TestFirstTokenLimitFollowsTheCall(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       time.Duration
	}{
		{"short", asking("/v1/messages", true), 10 * time.Second},
		{"250 KB", strings.Replace(asking("/v1/messages", true), "hello", strings.Repeat("x", 250_000), 1), 20 * time.Second},
		{"reasoning", strings.Replace(asking("/v1/messages", true), "{", `{"thinking":{"type":"enabled","budget_tokens":1024},`, 1), time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain("/v1/messages", 2), routed())
				defer r.close()
				r.order("first", "hang-before-headers")
				if got := r.post("/v1/messages", tc.body); got.status != 200 || got.took != tc.want {
					t.Errorf("status %d after %s, want %s", got.status, got.took, tc.want)
				}
			})
		})
	}
}

// Several targets failed: the first answer that tells the caller something is
// handed on, else llmgw's own.
func TestWhatTheCallerGetsWhenAllFail(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 2), routed())
				defer r.close()
				for _, tc := range []struct {
					first, second string
					status        int
					by            string
				}{
					{"401", "500", 401, "first"},
					{"500", "401", 401, "second"},
					{"500", "429:retry-after=60", 429, "second"},
					{"429:retry-after=60", "529", 429, "first"},
					{"404", "reset-before-headers", 404, "first"},
					{"500", "502", 502, ""},
					{"refused", "500", 502, ""},
					{"402", "402", 503, ""}, // both cool down
					{"429:retry-after=60", "400", 400, "second"},
				} {
					t.Logf("%s, then %s", tc.first, tc.second)
					r.fresh()
					r.order("first", tc.first)
					r.order("second", tc.second)
					got := r.post(sh.path, asking(sh.path, sh.stream))
					if tc.by == "" {
						checkOwnError(t, got, sh.path, "all_targets_failed", tc.status, "first/one")
						if !bytes.Contains(got.body, []byte("second/two")) {
							t.Errorf("the error does not name the second target: %s", got.body)
						}
						if after := got.header.Get("Retry-After"); (after == "300") != (tc.status == 503) {
							t.Errorf("retry-after is %q", after)
						}
					} else if got.status != tc.status || !r.sentBy(tc.by, got) || got.header.Get("X-Llmgw-Provider") != tc.by {
						t.Errorf("status %d by %q: %s", got.status, got.header.Get("X-Llmgw-Provider"), got.body)
					}
				}
			})
		})
	}
}

// A finished answer without content is what the model had to say: it is handed
// on as it is, streamed or not.
func TestEmptyAnswerIsAnAnswer(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 2), routed())
				defer r.close()
				r.order("first", "empty-answer")
				got := r.post(sh.path, asking(sh.path, sh.stream))
				if got.status != 200 || !r.sentBy("first", got) || outcomes(r.last()) != "first=ok" {
					t.Errorf("status %d, %s: %s", got.status, outcomes(r.last()), got.body)
				}
			})
		})
	}
}

// A refusal is nobody's to route around, unless the route says so.
func TestRefusalIsRoutedAroundOnlyWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		r := newRig(t, chain(path, 2), func(c *Config) {
			routed()(c)
			c.Routes[0].On = []string{"refused"}
		})
		defer r.close()
		r.order("first", "400:code=content_policy")
		if got := r.post(path, asking(path, false)); got.status != 200 || outcomes(r.last()) != "first=refused second=ok" {
			t.Errorf("status %d, %s", got.status, outcomes(r.last()))
		}
	})
}

// A prompt too long for a model is too long for it elsewhere.
func TestContextLengthPassesOverTheSameModel(t *testing.T) {
	for _, tc := range []struct {
		targets []string
		want    string
		status  int
	}{
		{[]string{"first/big", "second/big", "third/bigger"}, "first=context_length third=ok", 200},
		{[]string{"first/big", "second/big"}, "first=context_length", 400},
	} {
		synctest.Test(t, func(t *testing.T) {
			path := "/v1/chat/completions"
			r := newRig(t, chain(path, len(tc.targets)), routed(tc.targets...))
			defer r.close()
			r.order("first", "context-length")
			got := r.post(path, asking(path, true))
			if got.status != tc.status || outcomes(r.last()) != tc.want {
				t.Errorf("status %d, %s, want %d %s", got.status, outcomes(r.last()), tc.status, tc.want)
			}
		})
	}
}

// Faults that are the target's, not the credential's, are not tried once more
// with each of its keys.
func TestTargetFaultIsNotRepeatedForEachKey(t *testing.T) {
	for order, want := range map[string]string{
		"hang-before-headers":  "first=timeout second=ok",
		"refused":              "first=connect second=ok",
		"reset-before-headers": "first=reset first=reset second=ok",
		"500":                  "first=server_error first=server_error second=ok",
		"200-html":             "first=malformed second=ok",
		"404":                  "first=model_not_found second=ok",
	} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				specs := chain(path, 2)
				specs[0].keys = []string{"sk-first-key-number-one", "sk-first-key-number-two"}
				r := newRig(t, specs, routed())
				defer r.close()
				r.order("first", order)
				got := r.post(path, asking(path, true))
				if got.status != 200 || outcomes(r.last()) != want {
					t.Errorf("status %d, %s, want %s", got.status, outcomes(r.last()), want)
				}
			})
		})
	}
}

// A chain is walked to its end, however long it is. What x-llmgw-attempts
// cannot hold is counted in it, and on record.
func TestLongChainIsWalked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		var targets []string
		for n := range 99 {
			targets = append(targets, fmt.Sprintf("first/a-model-with-quite-a-long-name-that-nobody-knows-%d", n))
		}
		r := newRig(t, chain(path, 2), routed(append(targets, "second/two")...))
		defer r.close()
		r.order("first", "404")
		got := r.post(path, asking(path, true))
		rec := r.last()
		if got.status != 200 || rec.Provider != "second" || len(rec.Attempts) != 100 || r.arrivals("first") != 99 {
			t.Fatalf("status %d by %q after %d attempts", got.status, rec.Provider, len(rec.Attempts))
		}
		trail, more, cut := strings.Cut(got.header.Get("X-Llmgw-Attempts"), ";more=")
		if shown := strings.Count(trail, "=model_not_found"); !cut || len(trail) > 4<<10 || more != fmt.Sprint(100-shown) {
			t.Errorf("%d bytes show %d attempts and %q more", len(trail), shown, more)
		}
	})
}

// Who is asked, in which order, and why: the order of resolution
// and the chains that callers bring.
func TestResolution(t *testing.T) {
	routes := func(c *Config) {
		for _, rt := range []struct{ model, target string }{
			{"gpt-*", "third/glob"}, {"gpt-4o", "second/exact"}, {"gpt-4o*", "first/later-glob"}, {"team/*", "second/team"}, {"first/mapped", "third/routed"},
		} {
			one := DefaultRouteConfig()
			one.Model, one.Targets = rt.model, []string{rt.target, "first/spare"}
			c.Routes = append(c.Routes, one)
		}
	}
	for _, tc := range []struct {
		name, model, extra string // extra members of the body
		fallbacks          string // the header
		served, reason     string
		failing            string // a provider that answers 404
	}{
		{"exact before glob", "gpt-4o", "", "", "second/exact", "exact route", ""},
		{"first glob wins", "gpt-4o-mini", "", "", "third/glob", "glob route gpt-*", ""},
		{"a glob spans slashes", "team/a/b", "", "", "second/team", "glob route team/*", ""},
		{"a route before provider/model", "first/mapped", "", "", "third/routed", "exact route", ""},
		{"provider/model", "second/any/thing", "", "", "second/any/thing", "named by provider/model", ""},
		{"a slash that names no provider", "nobody/x", "", "", "", "", ""},
		{"nothing resolves", "x", "", "", "", "", ""},
		{"the route's own fallback", "gpt-4o", "", "", "first/spare", "exact route", "second"},
		{"none forbids it", "gpt-4o", "", "none", "", "exact route, fallback forbidden by the caller", "second"},
		{"the header's chain", "gpt-4o", "", "third/b, first/c", "third/b", "exact route, fallbacks from the caller's x-llmgw-fallbacks", "second"},
		{"the body's chain", "gpt-4o", `"fallbacks":["third/b"]`, "", "third/b", "exact route, fallbacks from the caller's fallbacks", "second"},
		{"OpenRouter's chain", "gpt-4o", `"models":["gpt-4o","third/b"]`, "", "third/b", "exact route, fallbacks from the caller's models", "second"},
		{"the header wins over the body", "gpt-4o", `"fallbacks":["third/b"]`, "first/c", "first/c", "exact route, fallbacks from the caller's x-llmgw-fallbacks", "second"},
		{"none wins over the body", "gpt-4o", `"fallbacks":["third/b"]`, "none", "", "exact route, fallback forbidden by the caller", "second"},
		{"a chain that does not resolve", "gpt-4o", `"fallbacks":["nobody/b"]`, "", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 3), routes)
				defer r.close()
				if tc.failing != "" {
					r.order(tc.failing, "404")
				}
				body := chat(tc.model, false)
				if tc.extra != "" {
					body = strings.Replace(body, `"messages"`, tc.extra+`,"messages"`, 1)
				}
				got := r.post(path, body, "X-Llmgw-Fallbacks", tc.fallbacks)
				rec := r.last()
				if rec.RouteReason != tc.reason {
					t.Errorf("reason %q, want %q", rec.RouteReason, tc.reason)
				}
				if tc.served == "" {
					if got.status != 404 {
						t.Errorf("status %d by %s/%s: %s", got.status, rec.Provider, rec.Model, got.body)
					}
					return
				}
				if got.status != 200 || rec.Provider+"/"+rec.Model != tc.served {
					t.Errorf("status %d by %s/%s, want %s", got.status, rec.Provider, rec.Model, tc.served)
				}
				for name, s := range r.sims {
					checkRerouted(t, name, s.Ledger())
				}
			})
		})
	}
}

// Without a route a model goes to the provider that owns it, else to the only
// one of the dialect; providers that exist without configuration give way.
func TestResolutionWithoutRoutes(t *testing.T) {
	others := []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat}, {name: "groq", dialect: llm.OpenAIChat}, {name: "anthropic", dialect: llm.Anthropic}}
	for _, tc := range []struct {
		name, path, model string
		specs             []upstreamSpec
		change            func(*Config)
		served, reason    string
	}{
		{"the owner", "/v1/chat/completions", "gpt-4o", others, nil, "openai", "owned by openai"},
		{"the owner of the other dialect", "/v1/messages", "claude-sonnet-4-5", others, nil, "anthropic", "owned by anthropic"},
		{"the only one of its dialect", "/v1/messages", "my-model", others, nil, "anthropic", "the only provider of anthropic"},
		{"two of its dialect", "/v1/chat/completions", "my-model", others, nil, "", ""},
		{"one of two is only implied", "/v1/chat/completions", "my-model", others, func(c *Config) { c.Providers[0].Implicit = true }, "groq", "the only provider of openai-chat"},
		{"a slash in an only provider's model", "/v1/chat/completions", "org/my-model", chain("/v1/chat", 1), nil, "first", "the only provider of openai-chat"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, tc.specs, tc.change)
				defer r.close()
				got := r.post(tc.path, bodyFor(tc.path, tc.model, false))
				rec := r.last()
				if rec.Provider != tc.served || rec.RouteReason != tc.reason || (got.status == 200) != (tc.served != "") {
					t.Errorf("status %d by %q because %q: %s", got.status, rec.Provider, rec.RouteReason, short(got.body))
				}
				if tc.served == "" && (got.header.Get("X-Llmgw-Error") != "model_not_found" || !bytes.Contains(got.body, []byte("openai/"+tc.model))) {
					t.Errorf("the error does not list the choices: %s", got.body)
				}
			})
		})
	}
}

// checkRerouted expects that the caller's chain was consumed, and that the
// model asked for is one of the provider's own.
func checkRerouted(t *testing.T, name string, arrivals []sim.Arrival) {
	t.Helper()
	for _, a := range arrivals {
		if bytes.Contains(a.Body, []byte("fallbacks")) || a.Model == "gpt-4o" {
			t.Errorf("%s was asked for %s with %s", name, a.Model, a.Body)
		}
	}
}

// A server that does not take chains does not use the caller's, and names what
// it left out.
func TestRequestFallbacksCanBeTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/chat/completions"
		r := newRig(t, chain(path, 2), func(c *Config) {
			routed("first/one")(c)
			c.Server.RequestFallbacks = false
		})
		defer r.close()
		r.order("first", "404")
		got := r.post(path, asking(path, false), "X-Llmgw-Fallbacks", "second/two")
		if got.status != http.StatusNotFound || r.arrivals("second") != 0 {
			t.Errorf("status %d, %d arrivals at the caller's fallback", got.status, r.arrivals("second"))
		}
		if h, row := got.header.Get("X-Llmgw-Dropped"), r.last(); h != "x-llmgw-fallbacks" || len(row.Dropped) != 1 {
			t.Errorf("x-llmgw-dropped %q, on record %v", h, row.Dropped)
		}
		got = r.post(path, strings.Replace(asking(path, false), "{", `{"fallbacks":["second/two"],`, 1))
		if h := got.header.Get("X-Llmgw-Dropped"); h != "fallbacks" {
			t.Errorf("x-llmgw-dropped %q for the body's own chain", h)
		}
	})
}
