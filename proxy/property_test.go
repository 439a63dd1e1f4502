package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/sim"
	"llmgw/store"
)

// tapes are the bodies that a provider wrote, answer by answer.
type tapes struct {
	mu  sync.Mutex
	all []*tape
}

// tape is one answer's body as it was written.
type tape struct {
	http.ResponseWriter
	mu   sync.Mutex
	body []byte
}

// record notes what h answers.
func (t *tapes) record(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := &tape{ResponseWriter: w}
		t.mu.Lock()
		t.all = append(t.all, one)
		t.mu.Unlock()
		h.ServeHTTP(one, r)
	})
}

func (t *tape) Write(b []byte) (int, error) {
	t.mu.Lock()
	t.body = append(t.body, b...)
	t.mu.Unlock()
	return t.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (t *tape) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// plain is the body without its coding.
func (t *tape) plain() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	z, err := gzip.NewReader(bytes.NewReader(t.body))
	if err != nil {
		return t.body
	}
	b, _ := io.ReadAll(z) // a cut answer ends early
	return b
}

// usageChunk is the event that only llmgw asked for. A comment in front of it
// is not part of it.
var usageChunk = regexp.MustCompile(`(^|\n\n|\r\n\r\n|\r\r)((?::[^\r\n]*(?:\r\n|\n|\r))*)(?:[^\r\n]|\r?\n[^\r\n]|\r[^\r\n])*?"choices":\[\](?:[^\r\n]|\r?\n[^\r\n]|\r[^\r\n])*(?:\n\n|\r\n\r\n|\r\r)`)

// wrote tells whether body is what this answer's reader may have seen: all of
// it, or its beginning where the answer was left.
func (t *tape) wrote(body []byte, whole bool) bool {
	full := t.plain()
	for _, sent := range [][]byte{full, usageChunk.ReplaceAll(full, []byte("$1$2"))} {
		if bytes.Equal(body, sent) || !whole && bytes.HasPrefix(sent, body) {
			return true
		}
	}
	return false
}

// script is one seed's world: providers that misbehave at random, and callers
// that ask, leave and come back at random.
type script struct {
	*rig
	rng    *rand.Rand
	path   string
	tapes  map[string]*tapes
	orders []string // every fault given, for the message of a failure
	calls  []*scriptedCall
}

// scriptedCall is what one caller did and saw.
type scriptedCall struct {
	session  string
	stream   bool
	deadline time.Duration
	leaves   time.Duration // 0: stays
	got      reply
	headers  time.Duration // until they came
}

// What a script chooses from, besides every other kind there is.
var (
	scriptedStatuses = []sim.Kind{"302", "400", "401", "402", "403", "404", "408", "413", "422", "429", "429", "500", "502", "503", "529"}
	scriptedPauses   = []sim.Kind{sim.HangBeforeHeaders, sim.HangAfterHeaders, sim.HangMidStream, sim.PingOnly, sim.Slow, sim.SlowFirstByte}
)

// fault is one order to a provider. Closing idle connections is tested by
// itself, and a write for every byte takes too long here.
func (s *script) fault() sim.Fault {
	pick := func(kinds []sim.Kind) sim.Kind { return kinds[s.rng.IntN(len(kinds))] }
	f := sim.Fault{After: s.rng.IntN(5), Size: 300_000, Model: "another", Code: string(pick([]sim.Kind{"", "", "stream_options", "insufficient_quota", "content_policy"}))}
	switch n := s.rng.IntN(20); {
	case n < 6:
		return sim.Fault{}
	case n < 11:
		f.Kind = pick(scriptedPauses)
	case n < 15:
		f.Kind = pick(scriptedStatuses)
		f.RetryAfter = time.Duration(s.rng.IntN(2)*s.rng.IntN(70)) * time.Second
	default:
		kinds := sim.Kinds()[1:]
		f.Kind = kinds[s.rng.IntN(len(kinds))].Kind
	}
	if f.Kind == sim.OneByte || f.Kind == sim.KeepaliveClose {
		f.Kind = sim.UTF8Split
	}
	if s.rng.IntN(2) == 0 {
		f.Wait = time.Duration(s.rng.IntN(20_000)) * time.Millisecond
	}
	return f
}

// some is a duration below most, small ones as likely as large ones.
func (s *script) some(most time.Duration) time.Duration {
	return time.Duration(s.rng.Int64N(int64(most) >> s.rng.IntN(12)))
}

// newScript builds the world of a seed.
func newScript(t *testing.T, seed uint64) *script {
	s := &script{rng: rand.New(rand.NewPCG(seed, 5)), tapes: make(map[string]*tapes)}
	s.path = []string{"/v1/chat/completions", "/v1/messages"}[s.rng.IntN(2)]
	specs := chain(s.path, 2+s.rng.IntN(2))
	if s.rng.IntN(3) == 0 {
		specs = twoKeys(specs)
	}
	for i := range specs {
		tp := new(tapes)
		s.tapes[specs[i].name], specs[i].wrap = tp, tp.record
	}
	targets := []string{"first/one", "second/two", "third/three"}[:len(specs)]
	if s.rng.IntN(3) == 0 {
		targets[1] = "second/one"
	}
	s.rig = newRig(t, specs, func(c *Config) {
		routed(targets...)(c)
		f := &c.Failover // short, since a running call writes its live row twice a second
		f.Deadline, f.DeadlineAnswer, f.Idle, f.IdleContent = 25*time.Second, 40*time.Second, 10*time.Second, 30*time.Second
		f.FirstToken, f.Answer = AutoDuration{D: 8 * time.Second}, AutoDuration{D: 15 * time.Second}
	})
	return s
}

// round lets a few callers ask at about the same time.
func (s *script) round() {
	for _, p := range s.cfg.Providers {
		name, sm := p.Name, s.sims[p.Name]
		usual := s.fault()
		sm.Default(usual)
		s.orders = append(s.orders, "from now on "+name+" "+usual.String())
		for range s.rng.IntN(3) {
			f := s.fault()
			s.orders = append(s.orders, name+" "+f.String())
			sm.Script(f)
		}
	}
	var done sync.WaitGroup
	for range 1 + s.rng.IntN(3) {
		c := &scriptedCall{session: fmt.Sprintf("call-%d", len(s.calls)), stream: s.rng.IntN(2) == 0}
		if s.rng.IntN(3) == 0 {
			c.leaves = 1 + s.some(50*time.Second)
		}
		if s.rng.IntN(3) == 0 {
			c.deadline = time.Second + s.some(30*time.Second)
		}
		s.calls = append(s.calls, c)
		req := s.compose(c)
		wait := s.some(5 * time.Second)
		done.Go(func() {
			time.Sleep(wait)
			c.make(s.rig, req)
		})
	}
	done.Wait()
	time.Sleep(s.some(time.Minute))
}

// compose is the request of a call.
func (s *script) compose(c *scriptedCall) *http.Request {
	body := asking(s.path, c.stream)
	if s.rng.IntN(3) == 0 {
		body = bodyFor(s.path, "m", c.stream) // without asking for usage
	}
	body = strings.Replace(body, "hello", "hello "+c.session, 1)
	req := s.request(s.path, body, "X-Llmgw-Session", c.session)
	if c.deadline > 0 {
		req.Header.Set("X-Llmgw-Deadline", c.deadline.String())
	}
	if s.rng.IntN(4) == 0 {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	return req
}

// make does the call as its caller would.
func (c *scriptedCall) make(r *rig, req *http.Request) {
	if c.leaves > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), c.leaves)
		defer cancel()
		req = req.WithContext(ctx)
	}
	start := time.Now()
	resp, err := r.http.Do(req)
	c.headers = time.Since(start)
	if err != nil {
		c.got = reply{err: err, took: c.headers}
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	c.got = reply{resp.StatusCode, resp.Header, body, err, time.Since(start)}
	if resp.Header.Get("Content-Encoding") == "gzip" {
		z, _ := gzip.NewReader(bytes.NewReader(body))
		c.got.body, _ = io.ReadAll(z)
	}
}

// Whatever providers and callers do, some things always hold. Each seed is a
// script of its own; a failure names it.
func TestNothingEverBreaks(t *testing.T) {
	const rounds = 5
	for seed := range uint64(fewer(32)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, seed)
				defer s.close()
				for range rounds {
					s.round()
				}
				time.Sleep(2 * time.Minute) // whatever still runs
				synctest.Wait()
				s.check()
				if t.Failed() {
					t.Logf("faults, in order of being given:\n%s", strings.Join(s.orders, "\n"))
				}
			})
		})
	}
}

// check compares what callers saw, what the providers did and what is on record.
func (s *script) check() {
	rd, err := store.OpenReader(s.db)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rd.Close()
	rows, err := rd.Calls(context.Background(), store.Query{Limit: -1})
	if err != nil {
		s.t.Fatal(err)
	}
	bySession := make(map[string]store.CallRow)
	for _, row := range rows {
		bySession[row.Session] = row
		s.checkRow(row)
	}
	for _, c := range s.calls {
		row, ok := bySession[c.session]
		if !ok && c.got.status > 0 {
			s.t.Errorf("%s was answered and is not on record", c.session)
			continue
		}
		s.checkDeadline(c, row)
		s.checkBytes(c, row)
		s.checkEnd(c, row)
	}
	s.checkArrivals(rows)
	s.checkWaits()
	s.checkNothingLeft()
}

// checkRow: a call is over, at most one attempt was committed and it is the
// last, and no target was asked more often than once and retries more, or once
// more without an edit of ours.
func (s *script) checkRow(row store.CallRow) {
	if row.Status == store.StatusRunning {
		s.t.Errorf("%s is recorded as running", row.Session)
	}
	tries := make(map[string]int)
	for i, a := range row.Attempts {
		if a.Outcome == store.OutcomeRunning || a.Outcome == "interrupted" {
			s.t.Errorf("%s: attempt %d is recorded as %s", row.Session, a.N, a.Outcome)
		}
		if (a.Outcome == store.OutcomeOK || a.Outcome == "truncated") && i < len(row.Attempts)-1 {
			s.t.Errorf("%s went on after it was committed: %s", row.Session, outcomes(row))
		}
		if a.Sent() {
			tries[a.Provider+a.Model+a.Key]++
		}
	}
	for target, n := range tries {
		if n > s.cfg.Failover.Retries+2 {
			s.t.Errorf("%s: %d tries of %s: %s", row.Session, n, target, outcomes(row))
		}
	}
}

// checkDeadline: a stream begins, and any other answer ends, within it.
func (s *script) checkDeadline(c *scriptedCall, row store.CallRow) {
	limit, took := s.cfg.Failover.DeadlineAnswer, c.got.took
	if c.stream {
		limit, took = s.cfg.Failover.Deadline, c.headers
	}
	if c.deadline > 0 {
		limit = min(limit, c.deadline)
	}
	if took > limit+250*time.Millisecond {
		s.t.Errorf("%s took %s, its deadline is %s: %s", c.session, took, limit, outcomes(row))
	}
}

// ours is the error event with which llmgw ends a broken stream.
var ours = regexp.MustCompile(`(?s)(event: error\r?\n)?data: \{[^\n]*"llmgw: the answer of .*$`)

// checkBytes: the caller's bytes are one answer's of the provider named.
func (s *script) checkBytes(c *scriptedCall, row store.CallRow) {
	if c.got.status == 0 || c.got.header.Get("X-Llmgw-Error") != "" {
		return
	}
	body := ours.ReplaceAll(c.got.body, nil)
	whole := c.got.err == nil && len(body) == len(c.got.body)
	name := c.got.header.Get("X-Llmgw-Provider")
	if s.tapes[name] == nil {
		s.t.Errorf("%s: served by %q", c.session, name)
		return
	}
	for _, one := range s.tapes[name].all {
		if one.wrote(body, whole) {
			return
		}
	}
	s.t.Errorf("%s: status %d, err %v, %s: %d bytes (whole: %v) that no answer of %s is:\n%s", c.session, c.got.status, c.got.err, outcomes(row), len(body), whole, name, c.got.body)
}

// checkEnd: what ended well for the caller did so on record, and the other way
// round; what did not shows it.
func (s *script) checkEnd(c *scriptedCall, row store.CallRow) {
	if c.leaves > 0 && c.got.took >= c.leaves {
		return // it left
	}
	good := c.got.err == nil && c.got.status == http.StatusOK && !bytes.Contains(c.got.body, []byte(`"error"`))
	malformed := row.Error == "malformed" && !c.stream // a single target's own broken JSON is handed on
	if good != (row.Status == store.StatusOK) && !malformed {
		s.t.Errorf("%s: the caller saw status %d, error %v; recorded %s (%s), %s\n%s", c.session, c.got.status, c.got.err, row.Status, row.ErrorText, outcomes(row), c.got.body)
	}
	if row.Status == store.StatusTruncated && c.got.err == nil {
		s.t.Errorf("%s: a truncated answer ended like a whole one", c.session)
	}
}

// checkArrivals: every arrival is an attempt on record, and every attempt that
// had a connection and whose caller stayed arrived.
func (s *script) checkArrivals(rows []store.CallRow) {
	type count struct{ least, most int }
	want := make(map[string]*count)
	for name := range s.sims {
		want[name] = new(count)
	}
	for _, row := range rows {
		for _, a := range row.Attempts {
			if a.Sent() {
				want[a.Provider].most++
				if a.Outcome != "client_gone" {
					want[a.Provider].least++
				}
			}
		}
	}
	for name, n := range want {
		if got := len(s.sims[name].Ledger()); got < n.least || got > n.most {
			s.t.Errorf("%d arrivals at %s, on record are %d to %d", got, name, n.least, n.most)
		}
	}
}

// checkWaits: nothing arrives with a credential for a model between a refusal
// and the time it told. What arrives with the refusal was on its way.
func (s *script) checkWaits() {
	for name, sm := range s.sims {
		refused := make(map[string]sim.Arrival)
		for _, a := range sm.Ledger() {
			before := refused[a.Key+a.Model]
			if wait := a.Time.Sub(before.Time); wait > 0 && wait < before.Fault.RetryAfter {
				s.t.Errorf("%s: arrival %d came %s after a refusal that told %s", name, a.Seq, wait, before.Fault.RetryAfter)
			}
			if a.End == sim.Delivered && (a.Status == 429 || a.Status == 503 || a.Status == 529) {
				refused[a.Key+a.Model] = a
			}
		}
	}
}

// checkNothingLeft: no call runs, no probe's slot or credential's trial is
// held. Goroutines are the bubble's to find.
func (s *script) checkNothingLeft() {
	if n := s.gw.running.len(); n > 0 {
		s.t.Errorf("%d calls run on", n)
	}
	for _, st := range s.gw.health.breakers.Snapshot(time.Now()) {
		if st.Probing {
			s.t.Errorf("a probe's slot is held: %+v", st)
		}
	}
	if len(s.gw.health.failing) > 0 {
		s.t.Errorf("targets counted as being tried again: %v", s.gw.health.failing)
	}
	later := time.Now().Add(time.Hour) // every cooldown is over
	for _, cd := range s.gw.health.cooldowns.Snapshot(time.Now()) {
		if _, held := s.gw.health.cooldowns.Peek(cd.Key, later); held {
			s.t.Errorf("a credential's trial is held: %+v", cd)
		}
	}
}
