package proxy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/sim"
	"llmgw/proxy/breaker"
	"llmgw/store"
)

// TestAbortedStreams: clients that hang up in the middle leave nothing behind.
// It uses sockets, since what leaks is theirs; the soak run makes 10,000.
func TestAbortedStreams(t *testing.T) {
	abortStreams(t, 500, "/v1/chat/completions", chat("gpt-4o", true))
}

// TestAbortedTranslations: no more do those whose answer is translated.
func TestAbortedTranslations(t *testing.T) {
	abortStreams(t, 200, "/v1/messages", messages("up/gpt-4o", true))
}

func abortStreams(t *testing.T, n int, path, body string) {
	s := sim.New(sim.Options{Name: "up", Dialect: llm.OpenAIChat, Seed: 1, Keep: 1})
	s.Default(sim.Fault{Kind: sim.HangMidStream, After: 2})
	upstream := httptest.NewServer(s)
	defer upstream.Close()
	g, st := loopbackGateway(t, upstream.URL)
	front := httptest.NewServer(g)
	defer front.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

	hangUp(t, client, front.URL+path, body, 32) // what stays by design is open from here on
	client.CloseIdleConnections()
	waitForAll(t, g, runtime.NumGoroutine(), openFiles(t))
	// One more: the record opens its log a second time for its first checkpoint.
	goroutines, files := runtime.NumGoroutine(), openFiles(t)+1
	hangUp(t, client, front.URL+path, body, n)
	client.CloseIdleConnections()
	waitForAll(t, g, goroutines, files)

	rd, err := store.OpenReader(st.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	rows, err := rd.Calls(t.Context(), store.Query{Limit: n + 100})
	if err != nil || len(rows) != n+32 {
		t.Fatalf("%d calls on record, %v", len(rows), err)
	}
	for _, row := range rows {
		if row.Status != store.StatusClientGone || len(row.Attempts) != 1 || row.Attempts[0].Outcome != string(llm.ClientGone) {
			t.Fatalf("call %s is %s: %s", row.ID, row.Status, outcomes(row))
		}
	}
}

// loopbackGateway is a gateway with one provider at a real address.
func loopbackGateway(tb testing.TB, upstream string) (*Gateway, *store.Store) {
	tb.Helper()
	cfg := providers.DefaultConfig()
	cfg.Name, cfg.Kind, cfg.BaseURL, cfg.Key = "up", "openai", upstream+"/v1", "sk-loopback-0001"
	p, err := providers.New(cfg, func(string) (string, bool) { return "", false })
	if err != nil {
		tb.Fatal(err)
	}
	st, err := store.Open(filepath.Join(tb.TempDir(), "llmgw.db"), store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	g, err := New(Config{
		Listen: "127.0.0.1:0", Server: DefaultServerConfig(), Failover: DefaultFailoverConfig(),
		Breaker: breaker.DefaultConfig(), Store: store.DefaultConfig(), Providers: []*providers.Provider{p},
	}, Deps{Store: st})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		g.Close()
		if err := st.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return g, st
}

// hangUp makes n streams, sixteen at a time, and leaves each once content has
// arrived, every other one without reading on.
func hangUp(t *testing.T, client *http.Client, url, body string, n int) {
	t.Helper()
	work := make(chan int, n)
	for i := range n {
		work <- i
	}
	close(work)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range work {
				leaveStream(t, client, url, body, i%2 == 0)
			}
		})
	}
	wg.Wait()
}

func leaveStream(t *testing.T, client *http.Client, url, body string, read bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if read {
		if _, err := io.ReadFull(resp.Body, make([]byte, 64)); err != nil {
			t.Error(err)
		}
	}
}

// waitForAll waits until no call runs and no more goroutines and files are
// left than before. Connections close on their own time, hence the polling.
func waitForAll(t *testing.T, g *Gateway, goroutines, files int) {
	t.Helper()
	g.Drain(time.Minute)
	deadline := time.Now().Add(time.Minute)
	for runtime.NumGoroutine() > goroutines || openFiles(t) > files || g.running.len() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls run, %d goroutines (before: %d), %d files (before: %d)",
				g.running.len(), runtime.NumGoroutine(), goroutines, openFiles(t), files)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// openFiles counts this process's descriptors; 0 where the system does not say.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
