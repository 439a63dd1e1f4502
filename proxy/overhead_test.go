//go:build unix

package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkOverhead measures what a call costs in CPU through llmgw, with
// recording and bodies on, beside a bare httputil.ReverseProxy and a direct
// call, all in this process and in turn, so that the machine's drift hits each
// alike. The client's and the upstream's share (the direct call) is taken off
// both proxies; the ratio is llmgw's rest to the bare proxy's. The goal
// is at most 2.
//
//	go test ./proxy -run '^$' -bench Overhead -benchtime 1x
func BenchmarkOverhead(b *testing.B) {
	for _, tc := range []struct {
		name, body string
		answer     http.HandlerFunc
	}{
		{"whole", chat("gpt-4o", false), wholeAnswer},
		{"stream", streamBody, streamAnswer},
	} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				measureOverhead(b, tc.body, tc.answer)
			}
		})
	}
}

// BenchmarkTranslated measures what a call costs in CPU that is translated,
// there and back, beside the same call passed on to the same provider.
//
//	go test ./proxy -run '^$' -bench Translated -benchtime 1x
func BenchmarkTranslated(b *testing.B) {
	prompt := strings.Repeat("All happy families are alike; each unhappy one is so in its own way. ", 300)
	for _, tc := range []struct {
		name   string
		stream bool
		answer http.HandlerFunc
	}{{"whole", false, wholeAnswer}, {"stream", true, streamAnswer}} {
		b.Run(tc.name, func(b *testing.B) {
			ask := func(stream string) string {
				return `{"model":"up/gpt-4o","max_tokens":500,` + stream + `"messages":[{"role":"user","content":"` + prompt + `"}]}`
			}
			relayed, translated := ask(""), ask("")
			if tc.stream {
				relayed, translated = ask(`"stream":true,"stream_options":{"include_usage":true},`), ask(`"stream":true,`)
			}
			for b.Loop() {
				measureTranslated(b, relayed, translated, tc.answer)
			}
		})
	}
}

func measureTranslated(b *testing.B, relayed, translated string, answer http.HandlerFunc) {
	upstream := httptest.NewServer(answer)
	defer upstream.Close()
	g, _ := loopbackGateway(b, upstream.URL)
	front := httptest.NewServer(g)
	defer front.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	arms := []struct{ url, body string }{
		{upstream.URL + "/v1/chat/completions", relayed},
		{front.URL + "/v1/chat/completions", relayed},
		{front.URL + "/v1/messages", translated},
	}
	cost := make([][]float64, len(arms))
	for round := range 7 {
		for i := range arms {
			arm := (i + round) % len(arms)
			us, broken := cpuPerCall(client, arms[arm].url, arms[arm].body, 1000)
			if broken > 0 {
				b.Errorf("%d calls of %s broke off", broken, arms[arm].url)
			}
			if round > 0 { // the first one warms up
				cost[arm] = append(cost[arm], us)
			}
		}
	}
	direct, passed, worded := median(cost[0]), median(cost[1]), median(cost[2])
	b.ReportMetric(direct, "direct-µs/call")
	b.ReportMetric(passed-direct, "relayed-µs/call")
	b.ReportMetric(worded-direct, "translated-µs/call")
	b.ReportMetric((worded-direct)/(passed-direct), "ratio")
	b.ReportMetric(0, "ns/op")
}

func measureOverhead(b *testing.B, body string, answer http.HandlerFunc) {
	upstream := httptest.NewServer(answer)
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		b.Fatal(err)
	}
	bare := httptest.NewServer(bareProxy(target))
	defer bare.Close()
	g, _ := loopbackGateway(b, upstream.URL)
	front := httptest.NewServer(g)
	defer front.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	arms := []string{upstream.URL, bare.URL, front.URL}
	cost := make([][]float64, len(arms))
	for round := range 7 {
		for i := range arms {
			arm := (i + round) % len(arms)
			us, broken := cpuPerCall(client, arms[arm]+"/v1/chat/completions", body, 1500)
			if broken > 0 && arms[arm] != bare.URL {
				b.Errorf("%d calls of %s broke off", broken, arms[arm])
			}
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

// streamBody asks for a stream with its usage, so that nothing has to be added.
var streamBody = strings.Replace(chat("gpt-4o", true), "{", `{"stream_options":{"include_usage":true},`, 1)

// bareProxy is the yardstick. On a busy machine it cuts a stream now and then:
// it hands on the client's body unread, and an answer that comes before that was seen
// to end breaks the exchange; llmgw reads it whole first.
func bareProxy(to *url.URL) http.Handler {
	p := httputil.NewSingleHostReverseProxy(to)
	p.ErrorLog = log.New(io.Discard, "", 0)
	return p
}

// cpuPerCall makes n calls, sixteen at a time, and returns the process's CPU
// time for each in microseconds, and how many calls broke off.
func cpuPerCall(client *http.Client, url, body string, n int) (us float64, broken int64) {
	var wg sync.WaitGroup
	work := make(chan struct{}, n)
	for range n {
		work <- struct{}{}
	}
	close(work)
	var failed atomic.Int64
	before := cpuTime()
	for range 16 {
		wg.Go(func() {
			for range work {
				resp, err := client.Post(url, "application/json", strings.NewReader(body))
				if err != nil {
					failed.Add(1)
					continue
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
					failed.Add(1)
				}
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	return float64(cpuTime()-before) / float64(time.Microsecond) / float64(n), failed.Load()
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are right
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

// BenchmarkStreamDelay measures how much later a stream's events arrive through
// llmgw, and through a bare proxy, than directly: each event carries the
// instant it was written. Eight streams run at once, an event every 5 ms each.
// The goal is less than 1 ms at the median.
//
//	go test ./proxy -run '^$' -bench StreamDelay -benchtime 1x
func BenchmarkStreamDelay(b *testing.B) {
	start := time.Now()
	upstream := httptest.NewServer(stampedAnswer(start))
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		b.Fatal(err)
	}
	bare := httptest.NewServer(bareProxy(target))
	defer bare.Close()
	g, _ := loopbackGateway(b, upstream.URL)
	front := httptest.NewServer(g)
	defer front.Close()
	arms := []string{upstream.URL, bare.URL, front.URL}
	delays := make([][]float64, len(arms))
	for b.Loop() {
		for round := range 6 {
			for i := range arms {
				arm := (i + round) % len(arms)
				delays[arm] = append(delays[arm], median(eventDelays(b, arms[arm], start)))
			}
		}
	}
	direct := median(delays[0])
	b.ReportMetric(direct, "direct-µs")
	b.ReportMetric(median(delays[1])-direct, "bare-added-µs")
	b.ReportMetric(median(delays[2])-direct, "llmgw-added-µs")
	b.ReportMetric(0, "ns/op")
}

// stampedAnswer streams events that say when they were written, since start.
func stampedAnswer(start time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range 40 {
			<-tick.C
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%d\"}}]}\n\n", time.Since(start).Microseconds())
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}
}

// eventDelays reads eight streams at once and returns how late each event was,
// in microseconds.
func eventDelays(b *testing.B, base string, start time.Time) []float64 {
	var mu sync.Mutex
	var all []float64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			resp, err := http.Post(base+"/v1/chat/completions", "application/json", strings.NewReader(streamBody))
			if err != nil {
				b.Error(err)
				return
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			for lines.Scan() {
				_, rest, _ := strings.Cut(lines.Text(), `"content":"`)
				text, _, isEvent := strings.Cut(rest, `"`)
				sent, err := strconv.ParseInt(text, 10, 64)
				if !isEvent || err != nil {
					continue
				}
				late := float64(time.Since(start).Microseconds() - sent)
				mu.Lock()
				all = append(all, late)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(all) < 8*40 {
		b.Errorf("%d events of %d", len(all), 8*40)
	}
	return all
}
