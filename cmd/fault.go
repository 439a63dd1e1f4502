package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"llmgw/providers"
	"llmgw/providers/sim"
)

// faulty makes providers fail on purpose: their connections lead to a
// simulator of their dialect that misbehaves as told. Nothing reaches the real
// service, so nothing is spent.
type faulty struct {
	listeners map[string]net.Listener // by provider
	servers   []*http.Server
}

// startFaulty reads --fault values such as openai=429:retry-after=5 and starts
// their simulators.
func startFaulty(specs []string, all []*providers.Provider) (*faulty, error) {
	f := &faulty{listeners: make(map[string]net.Listener)}
	for _, spec := range specs {
		if err := f.add(spec, all); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

func (f *faulty) add(spec string, all []*providers.Provider) error {
	name, text, ok := strings.Cut(spec, "=")
	if !ok || !named(all, name) {
		return usagef("name one of your providers and a fault, such as openai=429:retry-after=5", "--fault: %q names no provider", spec)
	}
	fault, err := sim.ParseFault(text)
	if err != nil {
		var known []string
		for _, k := range sim.Kinds() {
			known = append(known, string(k.Kind))
		}
		return usagef("faults are "+strings.Join(known, ", "), "--fault: %w", err)
	}
	for _, p := range all {
		if p.Name != name {
			continue
		}
		s := sim.New(sim.Options{Name: name, Dialect: p.Dialect, Seed: 1})
		s.Default(fault)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("starting the faulty %s: %w", name, err)
		}
		srv := &http.Server{Handler: anyBase(s, p), ReadHeaderTimeout: 10 * time.Second}
		f.listeners[name] = l
		f.servers = append(f.servers, srv)
		go func() { _ = srv.Serve(l) }() // ends with close
	}
	return nil
}

// anyBase serves the simulator below the provider's own base path: the
// simulator's API is at /v1.
func anyBase(s *sim.Sim, p *providers.Provider) http.Handler {
	base := p.Base.Path
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, base); ok && !strings.HasPrefix(rest, "/v1/") {
			r.URL.Path, r.URL.RawPath = "/v1"+rest, ""
		}
		s.ServeHTTP(w, r)
	})
}

// transport leads a faulty provider's connections to its simulator, TLS or
// not; nil leaves the others theirs.
func (f *faulty) transport(p *providers.Provider) *http.Transport {
	l, ok := f.listeners[p.Name]
	if !ok {
		return nil
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	return &http.Transport{DialContext: dial, DialTLSContext: dial, DisableCompression: true, MaxIdleConnsPerHost: 64}
}

func (f *faulty) close() error {
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
