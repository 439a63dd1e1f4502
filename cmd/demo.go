package cmd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/providers/sim"
	"llmgw/proxy"
	"llmgw/proxy/cache"
	"llmgw/proxy/caps"
)

// demo is three simulated providers of two dialects on loopback ports, one of
// which flaps, and a client that calls them through the gateway.
type demo struct {
	providers []*providers.Provider
	routes    []proxy.RouteConfig
	caps      []caps.Config
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
	d.configure()
	return d, nil
}

// configure sets up what a small team might have: failover for what the
// flapping provider serves, to its like and to another's protocol, a cache where questions repeat, a cap on all of it
// and a tight one on the dearest model.
func (d *demo) configure() {
	route := func(model string, targets ...string) {
		rt := proxy.DefaultRouteConfig()
		rt.Model, rt.Targets = model, targets
		d.routes = append(d.routes, rt)
	}
	route("gpt-4o", "openai/gpt-4o", "anthropic/claude-sonnet-4-5")
	route("gpt-4o-mini", "openai/gpt-4o-mini", "backup/gpt-4o-mini")
	route(demoCached, "backup/"+demoCached)
	route(demoUnpriced, "backup/"+demoUnpriced)
	limit := func(name string, usd price.Money, per string, match caps.Match) {
		c := caps.DefaultConfig()
		c.Name, c.USD, c.Per, c.Match = name, price.Of(usd), per, match
		d.caps = append(d.caps, c)
	}
	limit("daily", 20*price.USD, caps.PerDay, caps.Match{Project: "demo"})
	limit("opus", price.USD, caps.PerHour, caps.Match{Model: "claude-opus-*"})
}

// caching is the [cache] table of a route.
func (d *demo) caching(route string) cache.Config {
	c := cache.DefaultConfig()
	c.Enabled = route == demoCached
	return c
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

// demoFaults are what the flapping provider does in turn, for badSpell after
// each goodSpell.
var demoFaults = []string{"503", "429:retry-after=2", "reset-before-headers", "529"}

const (
	goodSpell = 20 * time.Second
	badSpell  = 25 * time.Second
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

func (d *demo) stop() { d.cancel() }

// close ends the traffic and the providers.
func (d *demo) close() {
	d.cancel()
	for _, s := range d.servers {
		_ = s.Close()
	}
	d.traffic.Wait()
}
