package cmd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/sim"
	"llmgw/proxy"
)

// demo is three simulated providers of two dialects on loopback ports, one of
// which flaps, and a client that calls them through the gateway.
type demo struct {
	providers []*providers.Provider
	routes    []proxy.RouteConfig
	servers   []*http.Server
	flapping  *sim.Sim // the first provider, the routes' first choice

	ctx     context.Context
	cancel  context.CancelFunc
	traffic sync.WaitGroup
}

// startDemo serves the simulated providers. They are real HTTP servers, so
// that what the demo shows is what a user's own calls go through.
func startDemo() (*demo, error) {
	d := &demo{}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	for i, spec := range []struct {
		name    string
		kind    string
		dialect llm.Dialect
		path    string
	}{
		{"openai", "openai", llm.OpenAIChat, "/v1"},
		{"backup", "openai", llm.OpenAIChat, "/v1"},
		{"anthropic", "anthropic", llm.Anthropic, ""},
	} {
		s := sim.New(sim.Options{
			Name: spec.name, Dialect: spec.dialect, Seed: uint64(i + 1), Keep: 1000,
			FirstByte: 150 * time.Millisecond, BetweenEvents: 15 * time.Millisecond,
		})
		if i == 0 {
			d.flapping = s
		}
		base, err := d.serve(s)
		if err != nil {
			d.close()
			return nil, err
		}
		cfg := providers.DefaultConfig()
		cfg.Name, cfg.Kind, cfg.BaseURL, cfg.Key = spec.name, spec.kind, base+spec.path, "demo-key-"+spec.name
		p, err := providers.New(cfg, func(string) (string, bool) { return "", false })
		if err != nil {
			d.close()
			return nil, err
		}
		d.providers = append(d.providers, p)
	}
	d.routes = []proxy.RouteConfig{
		{Model: "gpt-4o", Targets: []string{"openai/gpt-4o", "backup/gpt-4o"}, Strategy: proxy.StrategyOrdered, Sticky: proxy.StickyNone},
		{Model: "gpt-4o-mini", Targets: []string{"openai/gpt-4o-mini", "backup/gpt-4o-mini"}, Strategy: proxy.StrategyOrdered, Sticky: proxy.StickyNone},
	}
	return d, nil
}

// serve starts one simulated provider on a free loopback port.
func (d *demo) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("starting a simulated provider: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	d.servers = append(d.servers, srv)
	d.traffic.Go(func() { _ = srv.Serve(l) }) // ends with close
	return "http://" + l.Addr().String(), nil
}

// demoCalls is the traffic, over and over: one call every demoPause.
var demoCalls = []struct{ path, body string }{
	{"/v1/chat/completions", `{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Name three rivers. [[words 40]]"}]}`},
	{"/v1/messages", `{"model":"claude-sonnet-4-5","max_tokens":400,"stream":true,"messages":[{"role":"user","content":"Explain a mutex to a child. [[words 120]]"}]}`},
	{"/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"Translate: good morning. [[words 12]]"}]}`},
	{"/v1/messages", `{"model":"claude-haiku-4-5","max_tokens":200,"messages":[{"role":"user","content":"One line on entropy. [[words 20]]"}]}`},
	{"/v1/embeddings", `{"model":"text-embedding-3-small","input":"the quick brown fox"}`},
	{"/v1/chat/completions", `{"model":"gpt-4o","stream":true,"tool_choice":"required","tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}],"messages":[{"role":"user","content":"Weather in Oslo?"}]}`},
}

// demoPause bounds the demo's traffic to light.
const demoPause = time.Second

// demoFaults are what the flapping provider does in turn, for badSpell after
// each goodSpell.
var demoFaults = []string{"503", "429:retry-after=4", "reset-before-headers", "error-after-start"}

const (
	goodSpell = 12 * time.Second
	badSpell  = 8 * time.Second
)

// flap makes the first provider fail now and then.
func (d *demo) flap() {
	for i := 0; ; i++ {
		if !d.sleep(goodSpell) {
			return
		}
		fault, err := sim.ParseFault(demoFaults[i%len(demoFaults)])
		if err != nil {
			panic(err) // a constant of this file, parsed by a test
		}
		d.flapping.Default(fault)
		ok := d.sleep(badSpell)
		d.flapping.Default(sim.Fault{})
		if !ok {
			return
		}
	}
}

// sleep waits; false when the demo ends meanwhile.
func (d *demo) sleep(t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.ctx.Done():
		return false
	}
}

// start begins the traffic; stop ends it.
func (d *demo) start(base string) {
	d.traffic.Go(d.flap)
	d.traffic.Go(func() {
		for i := 0; ; i++ {
			d.call(base, i)
			if !d.sleep(demoPause) {
				return
			}
		}
	})
}

// call makes the i-th call. What comes of it is on record like any other
// call's, which is the point; nothing is to be done about it here.
func (d *demo) call(base string, i int) {
	spec := demoCalls[i%len(demoCalls)]
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, base+"/p/demo"+spec.path, strings.NewReader(spec.body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "llmgw-demo/1")
	if strings.HasPrefix(spec.path, "/v1/messages") {
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func (d *demo) stop() { d.cancel() }

// close ends the traffic and the providers.
func (d *demo) close() {
	d.cancel()
	for _, s := range d.servers {
		_ = s.Close()
	}
	d.traffic.Wait()
}
