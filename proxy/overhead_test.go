//go:build unix

package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"llmgw/providers"
	"llmgw/proxy/breaker"
	"llmgw/store"
)

// BenchmarkOverhead measures what a call costs in CPU through llmgw, with
// recording and bodies on, beside a bare httputil.ReverseProxy and a direct
// call, all in this process and in turn, so that the machine's drift hits each
// alike. The client's and the upstream's share (the direct call) is taken off
// both proxies; the ratio is llmgw's rest to the bare proxy's. SPEC section 10
// asks for at most 2.
//
//	go test ./proxy -run '^$' -bench Overhead -benchtime 1x
func BenchmarkOverhead(b *testing.B) {
	for _, tc := range []struct {
		name, body string
		answer     http.HandlerFunc
	}{
		{"whole", chat("gpt-4o", false), wholeAnswer},
		{"stream", strings.Replace(chat("gpt-4o", true), "{", `{"stream_options":{"include_usage":true},`, 1), streamAnswer},
	} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				measureOverhead(b, tc.body, tc.answer)
			}
		})
	}
}

func measureOverhead(b *testing.B, body string, answer http.HandlerFunc) {
	upstream := httptest.NewServer(answer)
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		b.Fatal(err)
	}
	bare := httptest.NewServer(httputil.NewSingleHostReverseProxy(target))
	defer bare.Close()
	gw, done := benchGateway(b, upstream.URL)
	defer done()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	arms := []string{upstream.URL, bare.URL, gw}
	cost := make([][]float64, len(arms))
	for round := range 7 {
		for i := range arms {
			arm := (i + round) % len(arms)
			us := cpuPerCall(b, client, arms[arm]+"/v1/chat/completions", body, 1500)
			if round > 0 { // the first one warms up
				cost[arm] = append(cost[arm], us)
			}
		}
	}
	direct, rp, ours := median(cost[0]), median(cost[1]), median(cost[2])
	b.ReportMetric(direct, "direct-µs/call")
	b.ReportMetric(rp-direct, "bare-µs/call")
	b.ReportMetric(ours-direct, "llmgw-µs/call")
	b.ReportMetric((ours-direct)/(rp-direct), "ratio")
	b.ReportMetric(0, "ns/op")
}

func benchGateway(b *testing.B, upstream string) (string, func()) {
	cfg := providers.DefaultConfig()
	cfg.Name, cfg.Kind, cfg.BaseURL, cfg.Key = "up", "openai", upstream+"/v1", "sk-bench"
	p, err := providers.New(cfg, func(string) (string, bool) { return "", false })
	if err != nil {
		b.Fatal(err)
	}
	st, err := store.Open(filepath.Join(b.TempDir(), "llmgw.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	g, err := New(Config{
		Listen: "127.0.0.1:0", Server: DefaultServerConfig(), Failover: DefaultFailoverConfig(),
		Breaker: breaker.DefaultConfig(), Store: store.DefaultConfig(), Providers: []*providers.Provider{p},
	}, Deps{Store: st})
	if err != nil {
		b.Fatal(err)
	}
	front := httptest.NewServer(g)
	return front.URL, func() {
		front.Close()
		g.Close()
		if err := st.Close(b.Context()); err != nil {
			b.Error(err)
		}
	}
}

// cpuPerCall makes n calls, sixteen at a time, and returns the process's CPU
// time for each in microseconds.
func cpuPerCall(b *testing.B, client *http.Client, url, body string, n int) float64 {
	var wg sync.WaitGroup
	work := make(chan struct{}, n)
	for range n {
		work <- struct{}{}
	}
	close(work)
	before := cpuTime(b)
	for range 16 {
		wg.Go(func() {
			for range work {
				resp, err := client.Post(url, "application/json", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
					b.Errorf("status %d, %v", resp.StatusCode, err)
				}
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	return float64(cpuTime(b)-before) / float64(time.Microsecond) / float64(n)
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

var wholeBody = []byte(`{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.Repeat("All happy families are alike. ", 20) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":120,"total_tokens":129}}`)

func wholeAnswer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(wholeBody)
}

var streamEvents = func() [][]byte {
	chunk := func(delta, finish string) []byte {
		return []byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{` + delta + `},"finish_reason":` + finish + `}]}` + "\n\n")
	}
	events := [][]byte{chunk(`"role":"assistant","content":""`, "null")}
	for range 40 {
		events = append(events, chunk(`"content":" alike"`, "null"))
	}
	return append(events, chunk("", `"stop"`),
		[]byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":40,"total_tokens":49}}`+"\n\n"),
		[]byte("data: [DONE]\n\n"))
}()

func streamAnswer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	for batch := range slices.Chunk(streamEvents, 4) {
		_, _ = w.Write(bytes.Join(batch, nil))
		w.(http.Flusher).Flush()
	}
}
