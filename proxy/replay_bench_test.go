//go:build unix

package proxy

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"llmgw/proxy/cache"
)

// BenchmarkReplay measures what a call costs in CPU when it is answered from
// the cache, beside one that is relayed by a gateway with the cache off, both
// in this process and in turn. As in BenchmarkOverhead the direct call, which
// is the client's and the upstream's share, is taken off both.
//
//	go test ./proxy -run '^$' -bench Replay -benchtime 1x
func BenchmarkReplay(b *testing.B) {
	for _, tc := range []struct {
		name, body string
		answer     http.HandlerFunc
	}{
		{"whole", chat("gpt-4o", false), wholeAnswer},
		{"stream", streamBody, streamAnswer},
	} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				measureReplay(b, tc.body, tc.answer)
			}
		})
	}
}

func measureReplay(b *testing.B, body string, answer http.HandlerFunc) {
	upstream := httptest.NewServer(answer)
	defer upstream.Close()
	var fronts [2]*httptest.Server
	for i := range fronts {
		g, _ := loopbackGateway(b, upstream.URL)
		cfg := g.Config()
		cfg.Cache = cache.DefaultConfig()
		cfg.Cache.Enabled = i == 1
		if err := g.Reload(cfg); err != nil {
			b.Fatal(err)
		}
		fronts[i] = httptest.NewServer(g)
		defer fronts[i].Close()
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	arms := []string{upstream.URL, fronts[0].URL, fronts[1].URL}
	cost := make([][]float64, len(arms))
	for round := range 7 {
		for i := range arms {
			arm := (i + round) % len(arms)
			us, broken := cpuPerCall(client, arms[arm]+"/v1/chat/completions", body, 1500)
			if broken > 0 {
				b.Errorf("%d calls of arm %d broke off", broken, arm)
			}
			if round > 0 { // the first one warms up
				cost[arm] = append(cost[arm], us)
			}
		}
	}
	direct, relayed, hit := median(cost[0]), median(cost[1]), median(cost[2])
	b.ReportMetric(direct, "direct-µs/call")
	b.ReportMetric(relayed-direct, "relayed-µs/call")
	b.ReportMetric(hit-direct, "hit-µs/call")
	b.ReportMetric((hit-direct)/(relayed-direct), "ratio")
	b.ReportMetric(0, "ns/op")
}
