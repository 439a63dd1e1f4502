package proxy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers"
	"llmgw/providers/sim"
	"llmgw/store"
)

// staleConn is a pooled connection that dies unnoticed: the peer is gone, and
// only the next use of it shows.
type staleConn struct {
	net.Conn
	dead  atomic.Bool
	write error // what a write to the dead connection fails with; nil: it is taken
	read  error // what reading the answer then fails with
	lost  atomic.Int64
}

func (c *staleConn) Write(b []byte) (int, error) {
	if !c.dead.Load() {
		return c.Conn.Write(b)
	}
	c.lost.Add(1)
	c.Conn.Close() // ends the read that waits
	if c.write != nil {
		return 0, c.write
	}
	return len(b), nil
}

func (c *staleConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && c.dead.Load() {
		err = c.read
	}
	return n, err
}

// A request on a connection that died in the pool is repeated once, by llmgw
// and on record: Go's transport would send a GET, and a POST with an
// Idempotency-Key, a second time by itself.
func TestStaleConnectionIsRepeatedOnRecord(t *testing.T) {
	for _, tc := range sample([]struct {
		name, method, path, body string
		headers                  []string
	}{
		{"POST", "POST", "/v1/chat/completions", asking("/v1/chat/completions", false), nil},
		{"stream", "POST", "/v1/chat/completions", asking("/v1/chat/completions", true), nil},
		{"POST with a key to repeat it by", "POST", "/v1/chat/completions", asking("/v1/chat/completions", true), []string{"Idempotency-Key", "once"}},
		{"GET", "GET", "/v1/files", "", nil},
		{"HEAD", "HEAD", "/v1/files", "", nil},
	}) {
		for how, conn := range map[string]*staleConn{
			"write fails":         {write: syscall.EPIPE, read: io.EOF},
			"reset after writing": {read: syscall.ECONNRESET},
			"closed after it":     {read: io.EOF},
		} {
			t.Run(tc.name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					specs := chain(tc.path, 1)
					specs[0].wrap = answerFiles
					r := newRig(t, specs, routed())
					defer r.close()
					stale := &staleConn{write: conn.write, read: conn.read}
					r.lines["first"].trip.Store(&tripwire{wrap: func(c net.Conn) net.Conn {
						if stale.Conn != nil {
							return c
						}
						stale.Conn = c
						return stale
					}})
					r.post("/v1/chat/completions", asking("/v1/chat/completions", false))
					synctest.Wait()
					stale.dead.Store(true)
					dials := r.lines["first"].dials.Load()
					req := r.request(tc.path, tc.body, tc.headers...)
					req.Method = tc.method
					got, rec := r.do(req), r.last()
					if got.status != 200 || outcomes(rec) != "first=reset first=ok" {
						t.Errorf("status %d, %s: %s", got.status, outcomes(rec), short(got.body))
					}
					if lost, again := stale.lost.Load(), r.lines["first"].dials.Load()-dials; lost == 0 || again != 1 {
						t.Errorf("%d writes on the dead connection, then %d more connections", lost, again)
					}
					if len(rec.Attempts) == 2 && (!rec.Attempts[0].Reused || rec.Attempts[1].Reused) {
						t.Errorf("recorded as reused: %v, then %v", rec.Attempts[0].Reused, rec.Attempts[1].Reused)
					}
				})
			})
		}
	}
}

// answerFiles answers what the simulator does not know.
func answerFiles(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/files" {
			io.WriteString(w, "{}")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// A provider that closes its kept-alive connections unannounced, over real
// sockets, where nothing says when the client notices: every call is answered,
// nothing arrives twice, and every arrival is on record.
func TestUnannouncedCloseOverSockets(t *testing.T) {
	up, gw, client := overSockets(t, sim.KeepaliveClose)
	for n := range 30 {
		resp, err := client.Post(gw.URL+"/v1/chat/completions", "application/json", strings.NewReader(chat("first/one", n%2 == 0)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("call %d: status %d, %v: %s", n, resp.StatusCode, err, short(body))
		}
	}
	if n := len(up.Ledger()); n != 30 {
		t.Errorf("%d arrivals for 30 calls", n)
	}
}

// A TCP reset, which a pipe cannot show, before the answer and within it.
func TestResetOverSockets(t *testing.T) {
	for kind, want := range map[sim.Kind]struct {
		status, arrivals int
		broken           bool
	}{
		sim.ResetBeforeHeaders: {502, 2, false},
		sim.ResetMidStream:     {200, 1, true},
		sim.FinMidStream:       {200, 1, true},
	} {
		t.Run(string(kind), func(t *testing.T) {
			up, gw, client := overSockets(t, kind)
			resp, err := client.Post(gw.URL+"/v1/chat/completions", "application/json", strings.NewReader(chat("first/one", true)))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != want.status || (err != nil) != want.broken || len(up.Ledger()) != want.arrivals {
				t.Errorf("status %d, error %v, %d arrivals", resp.StatusCode, err, len(up.Ledger()))
			}
			if bytes.Contains(body, []byte("[DONE]")) || !bytes.Contains(body, []byte(`"error"`)) {
				t.Errorf("the client read\n%s", body)
			}
		})
	}
}

// overSockets is a gateway and a provider with one fault on loopback.
func overSockets(t *testing.T, kind sim.Kind) (*sim.Sim, *httptest.Server, *http.Client) {
	up := sim.New(sim.Options{Name: "first", Seed: 1})
	up.Default(sim.Fault{Kind: kind, After: 3})
	upstream := httptest.NewServer(up)
	t.Cleanup(upstream.Close)
	cfg := providers.DefaultConfig()
	cfg.Name, cfg.Kind, cfg.BaseURL, cfg.Keys = "first", "openai", upstream.URL+"/v1", []string{"sk-first"}
	p, err := providers.New(cfg, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(filepath.Join(t.TempDir(), "llmgw.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close(context.Background()) })
	c := Config{Listen: "127.0.0.1:0", Server: DefaultServerConfig(), Failover: DefaultFailoverConfig(), Store: store.DefaultConfig(), Providers: []*providers.Provider{p}}
	c.Breaker.Failures, c.Breaker.ErrorRate = 1000, 1
	c.Failover.RetryBudget = 1 // how many closes go unnoticed is the schedule's to say
	g, err := New(c, Deps{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	gw := httptest.NewServer(g)
	t.Cleanup(gw.Close)
	return up, gw, gw.Client()
}

// blackConn is a connection behind which the peer vanished (a laptop that
// slept, a VPN): what is written goes nowhere, and nothing comes.
type blackConn struct {
	net.Conn
	black atomic.Bool
}

func (c *blackConn) Write(b []byte) (int, error) {
	if c.black.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *blackConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for err == nil && c.black.Load() {
		n, err = c.Conn.Read(b)
	}
	return n, err
}

// blackout makes the connections to the first provider fail so, those there are
// when the function it returns is called.
func (r *rig) blackout() (now func()) {
	var mu sync.Mutex
	var open []*blackConn
	r.lines["first"].trip.Store(&tripwire{wrap: func(c net.Conn) net.Conn {
		mu.Lock()
		defer mu.Unlock()
		b := &blackConn{Conn: c}
		open = append(open, b)
		return b
	}})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		for _, b := range open {
			b.black.Store(true)
		}
	}
}

// An HTTP/2 connection that went black fails at most the calls that are on it:
// later ones dial anew. By default Go would put every later call on it, for
// minutes.
func TestBlackHoledConnection(t *testing.T) {
	for _, tc := range []struct {
		name    string
		targets int
		idle    time.Duration // after the blackout
		want    string
		took    time.Duration
	}{
		{"with a fallback", 2, 0, "first=timeout second=ok", 10 * time.Second},
		// Pings notice after 15 s without a frame and 5 s without an answer.
		{"alone", 1, 0, "first=reset first=ok", 20 * time.Second},
		{"after a nap", 1, time.Hour, "first=ok", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				specs := chain(path, tc.targets)
				specs[0].secure = true
				var major atomic.Int64
				specs[0].wrap = func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						major.Store(int64(r.ProtoMajor))
						h.ServeHTTP(w, r)
					})
				}
				r := newRig(t, specs, routed())
				defer r.close()
				goBlack := r.blackout()
				r.ask(path, true)
				if major.Load() != 2 {
					t.Fatalf("HTTP/%d to the provider, want 2", major.Load())
				}
				goBlack()
				time.Sleep(tc.idle)
				got, rec := r.ask(path, true)
				if got.status != 200 || got.err != nil || outcomes(rec) != tc.want || got.took != tc.took {
					t.Errorf("status %d, error %v after %s: %s, want %s after %s", got.status, got.err, got.took, outcomes(rec), tc.want, tc.took)
				}
				if got, rec = r.ask(path, true); outcomes(rec) != "first=ok" || got.took > 0 {
					t.Errorf("the next call: %s after %s", outcomes(rec), got.took)
				}
				if n := r.lines["first"].dials.Load(); n != 2 {
					t.Errorf("%d connections were dialled, want 2", n)
				}
			})
		})
	}
}

// The same on HTTP/1: a call that finds its pooled connection silent moves on,
// and the next one gets a new connection.
func TestBlackHoledHTTP1Connection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/messages"
		r := newRig(t, chain(path, 2), routed())
		defer r.close()
		goBlack := r.blackout()
		var calls sync.WaitGroup
		r.sims["first"].Script(parse(t, "slow-first-byte"), parse(t, "slow-first-byte"), parse(t, "slow-first-byte"))
		for range 3 { // three connections in the pool
			calls.Go(func() { r.post(path, asking(path, true)) })
		}
		calls.Wait()
		goBlack()
		if got, rec := r.ask(path, true); outcomes(rec) != "first=timeout second=ok" || got.took != 10*time.Second {
			t.Errorf("%s after %s", outcomes(rec), got.took)
		}
		if _, rec := r.ask(path, true); outcomes(rec) != "first=ok" {
			t.Errorf("the next call: %s", outcomes(rec))
		}
	})
}

// What comes is no HTTP, or not the HTTP it says it is.
func TestUpstreamThatBreaksHTTP(t *testing.T) {
	for name, tc := range map[string]struct{ answer, fault string }{
		"no HTTP":                    {"220 mail.example ESMTP\r\n", "malformed"},
		"a bad status line":          {"HTTP/1.1 abc OK\r\n\r\n", "malformed"},
		"a header without a colon":   {"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "malformed"},
		"a bad chunk":                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", "malformed"},
		"endless headers":            {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n{}", "malformed"},
		"fewer bytes than announced": {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}", "reset first=reset"},
		"nothing":                    {"", "reset first=reset"},
		"a coding nobody asked for":  {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", "malformed"},
		"no gzip though it says so":  {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 14\r\n\r\n{\"id\":\"1234\"}", "malformed"},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+"/"+shapeWord(stream), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					path := "/v1/chat/completions"
					specs := chain(path, 2)
					specs[0].handler = raw(tc.answer)
					r := newRig(t, specs, routed())
					defer r.close()
					if got, rec := r.ask(path, stream); got.status != 200 || outcomes(rec) != "first="+tc.fault+" second=ok" {
						t.Errorf("status %d, %s", got.status, outcomes(rec))
					}
				})
			})
		}
	}
}

// raw writes bytes to the connection and closes it.
func raw(answer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, answer)
	})
}

// An upstream that answers before it has read the request is not cut off: its
// answer arrives whole, and an early refusal is the caller's to read.
func TestEarlyAnswer(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 1), routed())
				defer r.close()
				// "stream" stands early, where such an upstream sees it.
				big := strings.Replace(asking(sh.path, sh.stream), "hello", strings.Repeat("hello ", 500_000), 1)
				if sh.stream {
					big = strings.Replace(strings.Replace(big, `,"stream":true`, "", 1), "{", `{"stream":true,`, 1)
				}
				for order, want := range map[string]int{"early-answer": 200, "early-answer:code=413": 413} {
					r.fresh()
					r.order("first", order)
					got := r.post(sh.path, big)
					if got.status != want || got.err != nil || !r.sentBy("first", got) {
						t.Errorf("%s: status %d, error %v: %s", order, got.status, got.err, short(got.body))
					}
				}
			})
		})
	}
}

// A client that takes most of a minute for an event is slow; the upstream, which
// waits for it, is not silent.
func TestSlowClientIsNotASilentUpstream(t *testing.T) {
	for _, path := range []string{"/v1/chat/completions", "/v1/messages"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(path, 1), routed())
				defer r.close()
				body := strings.Replace(asking(path, true), "hello", "[[words 20]]", 1)
				resp, err := r.http.Do(r.request(path, body))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				start, got := time.Now(), bytes.Buffer{}
				for {
					_, err = io.CopyN(&got, resp.Body, 64)
					if err != nil {
						break
					}
					time.Sleep(10 * time.Second)
				}
				if err != io.EOF || hashOf(got.Bytes()) != r.ledger("first")[0].SentHash {
					t.Errorf("%d bytes in %s, then %v", got.Len(), time.Since(start), err)
				}
				if time.Since(start) < 10*DefaultFailoverConfig().Idle {
					t.Fatalf("took only %s", time.Since(start))
				}
				if rec := r.last(); rec.Status != store.StatusOK || outcomes(rec) != "first=ok" {
					t.Errorf("recorded %s, %s", rec.Status, outcomes(rec))
				}
			})
		})
	}
}

// A request that arrives slowly is waited for, for as long as it comes at all.
func TestSlowRequest(t *testing.T) {
	for _, tc := range []struct {
		name     string
		pause    time.Duration
		arrivals int
	}{
		{"twenty seconds between parts", 20 * time.Second, 1},
		{"never finished", 5 * time.Minute, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 1), routed())
				defer r.close()
				body := asking(path, false)
				rd, wr := io.Pipe()
				go func() {
					for i, part := range strings.SplitAfter(body, ",") {
						if i > 0 {
							time.Sleep(tc.pause)
						}
						if _, err := io.WriteString(wr, part); err != nil {
							return
						}
					}
					wr.Close()
				}()
				req := r.request(path, "")
				req.Body, req.ContentLength = rd, int64(len(body))
				got := r.do(req)
				rd.Close()
				if (got.status == 200) != (tc.arrivals == 1) || got.took > time.Minute {
					t.Errorf("status %d, error %v after %s", got.status, got.err, got.took)
				}
				synctest.Wait()
				if n := r.arrivals("first"); n != tc.arrivals {
					t.Errorf("%d arrivals", n)
				}
				if rec := r.last(); rec.Status == store.StatusRunning || (rec.Status == store.StatusOK) != (tc.arrivals == 1) {
					t.Errorf("recorded %s %q", rec.Status, rec.Error)
				}
				time.Sleep(tc.pause) // the sender's own, which nothing interrupts
			})
		})
	}
}

// However the bytes are cut, spelt and padded, the client gets those that were
// sent, and the record the usage.
func TestBytesArriveHoweverTheyAreCut(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain(sh.path, 1), routed())
				defer r.close()
				for _, order := range sample([]string{
					"one-byte", "one-write", "utf8-split", "crlf", "cr", "no-space", "multiline", "comments", "bom", "no-final-newline", "after-done",
					"slow:ms=3000", "malformed-chunk", "long-line:size=200000", "long-line", "no-done",
				}) {
					if !sh.stream && order == "malformed-chunk" || sh.name == "messages stream" && order == "no-done" {
						continue // broken, not odd
					}
					r.fresh()
					r.order("first", order)
					got := r.post(sh.path, strings.Replace(asking(sh.path, sh.stream), "hello", "[[words 8]]", 1))
					if got.status != 200 || got.err != nil || !r.sentBy("first", got) {
						t.Errorf("%s: status %d, error %v, %d bytes that are not those sent", order, got.status, got.err, len(got.body))
						continue
					}
					rec := r.last()
					if u := r.ledger("first")[0].Usage; rec.Usage.Input != u.Input || rec.Usage.Output != u.Output {
						t.Errorf("%s: recorded usage %+v, the provider reported %+v", order, rec.Usage, u)
					}
				}
			})
		})
	}
}

// gzip that nobody asked for, flushed event by event: the client gets text it
// can read, whether or not it said that it can decode, and the usage is read.
func TestUnaskedGzip(t *testing.T) {
	for _, sh := range shapes {
		for _, accepts := range []string{"", "gzip", "gzip;q=0"} {
			t.Run(sh.name+"/accepts "+accepts, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					specs, tp := chain(sh.path, 1), new(tapes)
					specs[0].wrap = tp.record
					r := newRig(t, specs, routed())
					defer r.close()
					r.order("first", "gzip")
					got, rec := r.ask(sh.path, sh.stream, "Accept-Encoding", accepts)
					coding, body := got.header.Get("Content-Encoding"), got.body
					if coding == "gzip" && accepts == "gzip" {
						z, err := gzip.NewReader(bytes.NewReader(body))
						if err != nil {
							t.Fatal(err)
						}
						if body, err = io.ReadAll(z); err != nil {
							t.Fatal(err)
						}
					} else if coding != "" {
						t.Errorf("content-encoding %q to a client that accepts %q", coding, accepts)
					}
					if got.err != nil || !bytes.Equal(body, tp.all[0].plain()) {
						t.Errorf("error %v; the client reads\n%s\nsent was\n%s", got.err, body, tp.all[0].plain())
					}
					asked := r.ledger("first")[0].Header.Get("Accept-Encoding")
					if want := map[bool]string{true: "gzip", false: "identity"}[!sh.stream && accepts == "gzip"]; asked != want {
						t.Errorf("the provider was asked for %q, want %q", asked, want)
					}
					if u := r.ledger("first")[0].Usage; rec.Status != store.StatusOK || rec.Usage.Output != u.Output {
						t.Errorf("recorded %s with usage %+v, want %+v", rec.Status, rec.Usage, u)
					}
				})
			})
		}
	}
}

// A compressed error is handed on so that the client can read it.
func TestCompressedError(t *testing.T) {
	for _, accepts := range []string{"", "gzip"} {
		t.Run("accepts "+accepts, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const text = `{"error":{"message":"Unknown parameter: 'x'.","type":"invalid_request_error"}}`
				path := "/v1/chat/completions"
				specs := chain(path, 1)
				specs[0].handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.Header().Set("Content-Encoding", "gzip")
					w.WriteHeader(http.StatusBadRequest)
					z := gzip.NewWriter(w)
					io.WriteString(z, text)
					z.Close()
				})
				r := newRig(t, specs, routed())
				defer r.close()
				got, rec := r.ask(path, false, "Accept-Encoding", accepts)
				body := got.body
				if got.header.Get("Content-Encoding") == "gzip" {
					z, err := gzip.NewReader(bytes.NewReader(body))
					if err != nil || accepts != "gzip" {
						t.Fatalf("gzip to a client that accepts %q: %v", accepts, err)
					}
					body, _ = io.ReadAll(z)
				}
				if got.status != 400 || string(body) != text || !strings.Contains(rec.ErrorText, "Unknown parameter") {
					t.Errorf("status %d: %q; recorded %q", got.status, body, rec.ErrorText)
				}
			})
		})
	}
}

// streamed is a chat stream's events as one piece.
func streamed() []byte { return bytes.Join(streamEvents, nil) }

// A length on a stream is kept where it is true, left out where the withheld
// usage chunk makes it wrong, and a wrong one shows as a broken answer.
func TestLengthOnAStream(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		length     int
		whole      bool
	}{
		{"true", asking("/v1/chat/completions", true), len(streamed()), true},
		{"true, and a chunk is withheld", chat("m", true), len(streamed()), true},
		{"too long", asking("/v1/chat/completions", true), len(streamed()) + 10, true}, // [DONE] was read
		{"too short", asking("/v1/chat/completions", true), len(streamed()) - 300, false},
		{"none, and no end of the body either", asking("/v1/chat/completions", true), 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				specs := chain(path, 1)
				answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", tc.length, streamed())
				if tc.length == 0 { // one chunk, and the connection closes before the last
					answer = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(streamed()), streamed())
				}
				specs[0].handler = raw(answer)
				r := newRig(t, specs, routed())
				defer r.close()
				got := r.post(path, tc.body)
				ended := bytes.Contains(got.body, []byte("[DONE]"))
				if ended != tc.whole || tc.name != "too long" && (got.err == nil) != tc.whole {
					t.Errorf("error %v, %d bytes, ended: %v", got.err, len(got.body), ended)
				}
				if rec := r.last(); (rec.Status == store.StatusOK) != tc.whole {
					t.Errorf("recorded %s, %s", rec.Status, outcomes(rec))
				}
			})
		})
	}
}

// A client of HTTP/1.0 gets a stream that ends with its connection, and an error
// event where it broke: it has no other way to tell.
func TestHTTP10Client(t *testing.T) {
	for order, broken := range map[string]bool{"ok": false, "fin-mid-stream": true} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := "/v1/chat/completions"
				r := newRig(t, chain(path, 1), routed())
				defer r.close()
				r.order("first", order)
				conn, err := r.http.Transport.(*http.Transport).DialContext(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				body := asking(path, true)
				fmt.Fprintf(conn, "POST %s HTTP/1.0\r\nHost: 127.0.0.1:4747\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				if err != nil || len(resp.TransferEncoding) > 0 || resp.ContentLength >= 0 {
					t.Errorf("error %v, coding %v, length %d", err, resp.TransferEncoding, resp.ContentLength)
				}
				if bytes.Contains(got, []byte("[DONE]")) == broken || bytes.Contains(got, []byte(`"error"`)) != broken {
					t.Errorf("the client read\n%s", got)
				}
			})
		})
	}
}

// Trailers pass.
func TestTrailers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/chat/completions"
		specs := chain(path, 1)
		specs[0].handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Trailer", "X-Cost")
			w.Write(streamed())
			w.Header().Set("X-Cost", "0.01")
		})
		r := newRig(t, specs, routed())
		defer r.close()
		resp, err := r.http.Do(r.request(path, asking(path, true)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.Trailer.Get("X-Cost") != "0.01" {
			t.Errorf("error %v, trailers %v", err, resp.Trailer)
		}
	})
}

// Answers that have no body by definition are whole answers.
func TestAnswersWithoutABody(t *testing.T) {
	for _, tc := range []struct {
		method, path string
		status       int
		length       string
	}{
		{"HEAD", "/v1/files/x", 200, "1234"},
		{"DELETE", "/v1/files/x", 204, ""},
		{"GET", "/v1/files/x", 304, ""},
		{"HEAD", "/v1/models", 200, "1234"},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				specs := chain(tc.path, 1)
				var calls atomic.Int64
				specs[0].handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					calls.Add(1)
					if r.Method != tc.method || r.ContentLength > 0 || len(r.TransferEncoding) > 0 {
						t.Errorf("%s with %d bytes, coding %v", r.Method, r.ContentLength, r.TransferEncoding)
					}
					if tc.length != "" {
						w.Header().Set("Content-Length", tc.length)
					}
					w.Header().Set("Etag", `"1"`)
					w.WriteHeader(tc.status)
				})
				r := newRig(t, specs, nil)
				defer r.close()
				req := r.request(tc.path, "")
				req.Method = tc.method
				got, rec := r.do(req), r.last()
				if got.status != tc.status || got.err != nil || len(got.body) > 0 || got.header.Get("Etag") != `"1"` || got.header.Get("Content-Length") != tc.length {
					t.Errorf("status %d, error %v, %d bytes, headers %v", got.status, got.err, len(got.body), got.header)
				}
				if calls.Load() != 1 || rec.Status != store.StatusOK || outcomes(rec) != "first=ok" {
					t.Errorf("%d calls; recorded %s, %s", calls.Load(), rec.Status, outcomes(rec))
				}
			})
		})
	}
}

// To a call that has an answer, no body is no answer, whatever its status says.
func TestCallAnsweredWithoutABody(t *testing.T) {
	for _, status := range sample([]int{200, 201, 204, 205, 304}) {
		for _, sh := range shapes {
			t.Run(fmt.Sprint(status, "/", sh.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					specs := chain(sh.path, 2)
					specs[0].handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
					r := newRig(t, specs, routed())
					defer r.close()
					got, rec := r.ask(sh.path, sh.stream)
					fault := map[bool]string{true: "malformed", false: "empty"}[status == 304]
					if got.status != 200 || outcomes(rec) != "first="+fault+" second=ok" {
						t.Errorf("status %d, %s", got.status, outcomes(rec))
					}
				})
			})
		}
	}
}

// A POST without a body stays one: it does not become a chunked one, which some
// servers refuse.
func TestEmptyPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		specs := chain("/v1", 1)
		specs[0].handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.TransferEncoding) > 0 || r.Header.Get("Content-Length") != "0" {
				t.Errorf("coding %v, length %q", r.TransferEncoding, r.Header.Get("Content-Length"))
			}
		})
		r := newRig(t, specs, nil)
		defer r.close()
		if got := r.post("/v1/batches/b/cancel", ""); got.status != 200 {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}

// Interim answers come before the answer and are not it.
func TestInterimAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/v1/chat/completions"
		specs := chain(path, 1)
		specs[0].handler = raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + string(streamed()))
		r := newRig(t, specs, routed())
		defer r.close()
		got, rec := r.ask(path, true)
		if got.status != 200 || !bytes.Equal(got.body, streamed()) || outcomes(rec) != "first=ok" {
			t.Errorf("status %d, %s:\n%s", got.status, outcomes(rec), got.body)
		}
	})
}
