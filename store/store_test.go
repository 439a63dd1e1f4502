package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// epoch is when the calls of these tests happen, so that nothing depends on
// the day on which they run.
var epoch = time.Date(2026, 11, 2, 14, 2, 31, 214_000_000, time.UTC)

func openStore(t testing.TB, opt Options) *Store {
	t.Helper()
	return openStoreAt(t, filepath.Join(t.TempDir(), "data", "llmgw.db"), opt)
}

// openStoreAt opens a store whose clock, unless there is one in opt, begins at
// epoch: what the writer does by itself depends on the day.
func openStoreAt(t testing.TB, path string, opt Options) *Store {
	t.Helper()
	if opt.Now == nil {
		start := time.Now()
		opt.Now = func() time.Time { return epoch.Add(time.Since(start)) }
	}
	s, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func openReader(t testing.TB, path string) *Reader {
	t.Helper()
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func commit(t testing.TB, s *Store, c Change) {
	t.Helper()
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// begun is a call with one attempt out, i seconds after epoch.
func begun(i int) (*Call, *Attempt) {
	at := epoch.Add(time.Duration(i) * time.Second)
	c := &Call{
		ID: NewID(at), StartedAt: at, FirstToken: -1, Project: "default", Client: "claude", Key: "k_0a1b2c3d",
		Dialect: llm.Anthropic, Endpoint: "messages", Method: "POST", Path: "/v1/messages", Stream: true,
		ModelRequested: "claude-sonnet-4-5", Route: "claude-*", RouteReason: "glob", Status: StatusRunning, RequestBytes: 2048,
		RemoteAddr: "127.0.0.1:51934", UserAgent: "claude-cli/2.1",
	}
	a := &Attempt{
		CallID: c.ID, N: 1, Provider: "anthropic", Model: "claude-sonnet-4-5", Key: "k_11223344", StartedAt: at,
		Duration: -1, FirstToken: -1, Outcome: OutcomeRunning, Held: price.Of(price.USD / 10),
		DNS: -1, Dial: -1, TLS: -1, Wait: -1,
	}
	return c, a
}

// ended is begun after a good end.
func ended(c *Call, a *Attempt) (*Call, *Attempt) {
	d, b := *c, *a
	b.Outcome, b.HTTPStatus, b.Duration, b.FirstToken = OutcomeOK, 200, 1500*time.Millisecond, 400*time.Millisecond
	b.Usage = llm.Usage{Input: llm.Tokens(1000), CachedInput: llm.Tokens(600), Output: llm.Tokens(50)}
	b.Cost, b.CostSource = price.Of(12_300_000_000), CostReported
	d.FinishedAt, d.FirstToken = c.StartedAt.Add(1501*time.Millisecond), 401*time.Millisecond
	d.Status, d.HTTPStatus, d.Provider, d.Model = StatusOK, 200, b.Provider, b.Model
	d.Usage, d.Cost, d.CostSource, d.FinishReason = b.Usage, b.Cost, b.CostSource, "end_turn"
	return &d, &b
}

// record commits n calls that went well.
func record(t testing.TB, s *Store, n int) []string {
	t.Helper()
	var ids []string
	for i := range n {
		c, a := begun(i)
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
		c, a = ended(c, a)
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
		ids = append(ids, c.ID)
	}
	return ids
}

func TestCommitIsSeenByReaders(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	c, a := begun(0)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})

	got, err := r.Find(t.Context(), c.ID)
	if err != nil || got.Status != StatusRunning || len(got.Attempts) != 1 || got.Attempts[0].Outcome != OutcomeRunning {
		t.Fatalf("after the begin: %+v, %v", got, err)
	}
	c, a = ended(c, a)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	got, err = r.Find(t.Context(), "last")
	if err != nil || got.Status != StatusOK || got.Attempts[0].Cost != price.Of(12_300_000_000) {
		t.Fatalf("after the end: %+v, %v", got, err)
	}
	if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Fatalf("Check: %q, %v", problems, err)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, bodySize := range []int{0, 4 << 10, 64 << 10} {
		for _, parallel := range []int{1, 16, 128} {
			b.Run(fmt.Sprintf("body=%d/parallel=%d", bodySize, parallel), func(b *testing.B) {
				benchmarkCommit(b, bodySize, parallel)
			})
		}
	}
}

func benchmarkCommit(b *testing.B, bodySize, parallel int) {
	s := openStore(b, Options{QueueBytes: 1 << 30})
	data := sampleBody(bodySize)
	b.SetParallelism(parallel)
	b.ReportAllocs()
	cpu := cpuTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			c, a := begun(i % 86400)
			begin := Change{Call: c, Attempts: []*Attempt{a}}
			if bodySize > 0 {
				begin.Bodies = []Body{{Part: "request", Data: data, ContentType: "application/json"}}
			}
			if err := s.Commit(context.Background(), begin); err != nil {
				b.Error(err)
			}
			c, a = ended(c, a)
			if err := s.Commit(context.Background(), Change{Call: c, Attempts: []*Attempt{a}, Final: true}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/call")
	if h := s.Health(); h.LostBodies > 0 {
		b.Errorf("%d bodies lost", h.LostBodies)
	}
}

// sampleBody is text that compresses about as chats do.
func sampleBody(size int) []byte {
	var out []byte
	for i := 0; len(out) < size; i++ {
		out = fmt.Appendf(out, `{"role":"user","content":"line %d of %x, as people write them"},`, i, uint64(i+7)*0x9e3779b97f4a7c15)
	}
	return out[:size]
}
