package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
)

// A client that leaves in the middle is on record as such, with what it was sent.
func TestHungUp(t *testing.T) {
	for _, fault := range []string{"hang-before-headers", "hang-after-headers", "hang-mid-stream:after=2", "ping-only:ms=1"} {
		for _, d := range dialects {
			for _, stream := range []bool{true, false} {
				s := New(Options{Dialect: d})
				s.Script(mustParse(t, fault))
				base, client := serve(t, s)
				ctx, leave := context.WithCancel(t.Context())
				got := make(chan seen)
				go func() { got <- look(client, request(t, base, d, stream, "x").WithContext(ctx)) }()
				if err := s.WaitArrived(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				leave()
				if r := <-got; r.err != "timeout" {
					t.Errorf("%s: client saw %q", fault, r.err)
				}
				if err := s.Wait(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				row := s.Ledger()[0]
				if row.End != HungUp || row.UsageSent || row.Usage.Input.N == 0 || row.Done.Before(row.Time) {
					t.Errorf("%s %s stream=%t: %+v", fault, d, stream, row)
				}
			}
		}
	}
}

// TestLedgerUnderLoad compares the ledger with what many clients saw at once.
func TestLedgerUnderLoad(t *testing.T) {
	s := New(Options{})
	base, client := serve(t, s)
	const clients, each = 8, 10
	var mu sync.Mutex
	hashes := map[string]int{}
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for j := range each {
				kind := []string{"ok", "gzip", "429", "eof-mid-stream", "slow:ms=1"}[(i+j)%5]
				got := look(client, request(t, base, dialects[i%2], j%2 == 0, fmt.Sprintf("%d %d [[fault %s]]", i, j, kind)))
				mu.Lock()
				hashes[hexHash(got.body)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	rows := s.Ledger()
	if len(rows) != clients*each {
		t.Fatalf("%d rows", len(rows))
	}
	ids := map[string]bool{}
	for i, r := range rows {
		hashes[r.SentHash]--
		if ids[r.RequestID] || r.Seq != i+1 || r.End == Inflight || hexHash(r.Body) != r.BodyHash {
			t.Errorf("row %+v", r)
		}
		ids[r.RequestID] = true
	}
	for h, n := range hashes {
		if n != 0 {
			t.Errorf("%s: %d more seen than sent", h, n)
		}
	}
}

func TestKeepBoundsTheLedger(t *testing.T) {
	s := New(Options{Keep: 2})
	base, client := serve(t, s)
	for i := range 5 {
		look(client, request(t, base, llm.OpenAIChat, false, fmt.Sprint(i)))
	}
	rows := s.Ledger()
	if err := s.Wait(t.Context(), 5); err != nil || len(rows) != 2 || rows[0].Seq != 4 || rows[1].Seq != 5 || rows[1].End != Delivered {
		t.Errorf("%v %+v", err, rows)
	}
}

// The answer is there while most of the request has not been sent: a gateway
// that streams the request's body sees this, one that has sent it whole does not.
func TestEarlyAnswer(t *testing.T) {
	for _, tc := range []struct {
		fault  string
		status string
	}{{"early-answer", "200 OK"}, {"early-answer:code=429", "429 Too Many Requests"}} {
		s := New(Options{})
		s.Script(mustParse(t, tc.fault))
		base, client := serve(t, s)
		rest, half := io.Pipe()
		head := `{"stream":true,"model":"m","padding":"` + strings.Repeat("x", 1024)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions", io.MultiReader(strings.NewReader(head), rest))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Status != tc.status {
			t.Errorf("%s: %s", tc.fault, resp.Status)
		}
		half.Close()
		resp.Body.Close()
	}
}

// A kept-alive connection closes behind the client's back, after a whole answer.
func TestKeepaliveClose(t *testing.T) {
	for _, stream := range []bool{true, false} {
		s := New(Options{})
		s.Script(Fault{Kind: KeepaliveClose})
		base, _ := serve(t, s)
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := request(t, base, llm.OpenAIChat, stream, "x").Write(conn); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(conn) // ends because the server closes
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("Connection: close")) {
			t.Errorf("stream=%t: the close was announced", stream)
		}
		if stream && !bytes.HasSuffix(raw, []byte("\r\n0\r\n\r\n")) || !stream && !bytes.HasSuffix(raw, []byte("}")) {
			t.Errorf("stream=%t: unfinished answer %q", stream, raw)
		}
	}
}

// pipeListener accepts the server ends of net.Pipes: a network inside a bubble.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	server, client := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bubble runs f against s over pipes; the bubble itself fails when a goroutine
// is left at its end.
func bubble(t *testing.T, s func() *Sim, f func(t *testing.T, s *Sim, client *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim, l := s(), newPipeListener()
		server := &http.Server{Handler: sim}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		transport := &http.Transport{DialContext: l.dial, DisableCompression: true}
		f(t, sim, &http.Client{Transport: transport})
		transport.CloseIdleConnections()
		server.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("server ended with %v", err)
		}
	})
}

// Virtual time: a client that gives up frees everything at the instant it does.
func TestBubbleHangsEnd(t *testing.T) {
	for _, fault := range []string{"hang-before-headers", "hang-after-headers", "hang-mid-stream", "ping-only", "slow:ms=3600000", "slow-first-byte:ms=3600000"} {
		bubble(t, func() *Sim { return New(Options{}) }, func(t *testing.T, s *Sim, client *http.Client) {
			s.Script(mustParse(t, fault))
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			got := look(client, request(t, "http://sim", llm.OpenAIChat, true, "x").WithContext(ctx))
			if got.err != "timeout" {
				t.Errorf("%s: client saw %q", fault, got.err)
			}
			if err := s.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			row := s.Ledger()[0]
			if took := row.Done.Sub(start); row.End != HungUp || took < 90*time.Second || took > 91*time.Second {
				t.Errorf("%s: %s after %v", fault, row.End, took)
			}
		})
	}
}

// Virtual time: the pauses are as long as ordered, to the nanosecond.
func TestBubblePauses(t *testing.T) {
	for _, tc := range []struct {
		fault string
		want  time.Duration // first byte 2 s and one pause of 1 s before each event but the first
	}{
		{"ok", 2*time.Second + 7*time.Second},
		{"hang-before-headers:ms=20000", 20*time.Second + 7*time.Second},
		{"hang-after-headers:ms=20000", 22*time.Second + 7*time.Second},
		{"hang-mid-stream:ms=20000", 22*time.Second + 6*time.Second},
		{"ping-only:ms=5000,after=4", 22*time.Second + 7*time.Second},
		{"slow:ms=3000", 2*time.Second + 21*time.Second},
		{"slow-first-byte:ms=3000", 5*time.Second + 7*time.Second},
	} {
		bubble(t, func() *Sim { return New(Options{FirstByte: 2 * time.Second, BetweenEvents: time.Second}) }, func(t *testing.T, s *Sim, client *http.Client) {
			s.Script(mustParse(t, tc.fault))
			start := time.Now()
			// Role, four words, finish, usage, [DONE].
			got := look(client, request(t, "http://sim", llm.OpenAIChat, true, "[[words 4]]"))
			if took := time.Since(start); got.err != "" || took != tc.want {
				t.Errorf("%s: %q after %v, want %v", tc.fault, got.err, took, tc.want)
			}
		})
	}
}

// Release ends every endless hang, and the answer goes on.
func TestBubbleRelease(t *testing.T) {
	for _, fault := range []string{"hang-before-headers", "hang-after-headers", "hang-mid-stream:after=2", "ping-only"} {
		bubble(t, func() *Sim { return New(Options{}) }, func(t *testing.T, s *Sim, client *http.Client) {
			s.Script(mustParse(t, fault))
			got := make(chan seen)
			go func() { got <- look(client, request(t, "http://sim", llm.OpenAIChat, true, "x")) }()
			synctest.Wait()
			s.Release()
			r := <-got
			if reading := read(llm.OpenAIChat, true, r.body); r.err != "" || !reading.done || s.Ledger()[0].End != Delivered {
				t.Errorf("%s: %+v", fault, r)
			}
		})
	}
}

// Over a pipe there is no RST; a reset is a close, and nothing is left behind.
func TestBubbleCuts(t *testing.T) {
	for fault, want := range map[string]string{"reset-before-headers": "eof", "close-before-headers": "eof", "reset-mid-stream": "cut", "fin-mid-stream": "cut", "keepalive-close": ""} {
		bubble(t, func() *Sim { return New(Options{}) }, func(t *testing.T, s *Sim, client *http.Client) {
			s.Script(mustParse(t, fault))
			if got := look(client, request(t, "http://sim", llm.OpenAIChat, true, "x")); got.err != want {
				t.Errorf("%s: %q, want %q", fault, got.err, want)
			}
		})
	}
}
