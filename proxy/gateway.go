// Package proxy serves one call from first byte to last: the same bytes as the
// upstream when the dialects match, and a record either way. See
// [Gateway.ServeHTTP] for the path of a call.
package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"llmgw/providers"
	"llmgw/providers/dialect"
	"llmgw/providers/price"
	"llmgw/proxy/breaker"
	"llmgw/proxy/cache"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// Config is what a Gateway needs to know; cmd composes it from llmgw.toml.
type Config struct {
	Listen        string // the address served, accepted as a Host header
	Server        ServerConfig
	Failover      FailoverConfig
	Breaker       breaker.Config
	Store         store.Config // what of a call is kept, and what happens when it cannot be
	Routes        []RouteConfig
	Cache         cache.Config
	Prices        *price.Book           // nil: the built-in one
	Caps          []caps.Config         // limits on spending
	BlockUnpriced bool                  // [prices] unknown = \"block\": a model without a price is not called
	Providers     []*providers.Provider // configured ones first, then those that exist without configuration

	// FailoverFor gives the [failover] values for a route (its model pattern,
	// "" without one) and a provider, overrides applied; nil: Failover for all.
	FailoverFor func(route, provider string) FailoverConfig
	// BreakerFor gives the [breaker] values for a provider; nil: Breaker for all.
	BreakerFor func(provider string) breaker.Config
	// CacheFor gives the [cache] values for a route, by its model pattern; nil:
	// Cache for all.
	CacheFor func(route string) cache.Config
}

// Deps are the parts of the world a Gateway acts on.
type Deps struct {
	Store *store.Store // required: nothing is sent that is not on record
	Log   *slog.Logger // nil: slog.Default()
	// Transport replaces the network for a provider where it returns one: tests
	// dial pipes, serve --fault a simulator.
	Transport func(*providers.Provider) *http.Transport
}

// Gateway is the proxy's http.Handler. Make one with New; Close ends its
// background work.
type Gateway struct {
	deps      Deps
	store     *store.Store
	log       *slog.Logger
	set       atomic.Pointer[settings]
	health    *health
	threads   *threads
	ledger    *caps.Ledger
	sessions  *sessions
	running   running
	pseudonym string // this process in Via, to notice a loop
	started   time.Time
	buffers   sync.Pool
	closing   context.CancelFunc
	closed    sync.WaitGroup
}

// settings are what a configuration makes of a gateway: replaced as a whole by
// Reload, while a call keeps those it arrived under.
type settings struct {
	cfg      Config
	guard    guard
	router   router
	redactor *providers.Redactor
	prices   *pricer
	caches   map[string]cache.Config // by route
}

func newSettings(cfg Config, deps Deps) (*settings, error) {
	router, err := newRouter(cfg, deps.Transport)
	if err != nil {
		return nil, err
	}
	return &settings{cfg: cfg, guard: newGuard(cfg.Listen, cfg.Server), router: router, redactor: providers.NewRedactor(cfg.Providers), prices: newPricer(cfg.Prices), caches: routeCaches(&cfg)}, nil
}

// New wires a gateway. It starts one goroutine, which writes the live rows of
// running calls and ends with Close.
func New(cfg Config, deps Deps) (*Gateway, error) {
	set, err := newSettings(cfg, deps)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		deps:      deps,
		store:     deps.Store,
		log:       deps.Log,
		pseudonym: newPseudonym(),
		started:   time.Now(),
		threads:   newThreads(),
		buffers:   sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }},
	}
	g.set.Store(set)
	if g.log == nil {
		g.log = slog.Default()
	}
	if g.health, err = newHealth(g.breakerLimits, deps.Store); err != nil {
		return nil, err
	}
	if g.ledger, err = newLedger(cfg.Caps, deps.Store, g.started); err != nil {
		return nil, err
	}
	g.sessions = newSessions()
	ctx, cancel := context.WithCancel(context.Background())
	g.closing = cancel
	g.running.init()
	g.limitCache()
	g.saveCaps()
	g.closed.Go(func() { g.watch(ctx) })
	return g, nil
}

// breakerLimits are the [breaker] values in force for a provider.
func (g *Gateway) breakerLimits(provider string) breaker.Config {
	cfg := &g.set.Load().cfg
	if cfg.BreakerFor != nil {
		return cfg.BreakerFor(provider)
	}
	return cfg.Breaker
}

// Reload puts a new configuration in force for the calls that arrive from now
// on. On an error the old one stays. Health is kept; connections are made anew.
func (g *Gateway) Reload(cfg Config) error {
	set, err := newSettings(cfg, g.deps)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := g.ledger.Reconfigure(cfg.Caps, now, spentSince(g.store, cfg.Caps, now)); err != nil {
		return err
	}
	old := g.set.Swap(set)
	g.health.breakers.SetLimits(g.health.targetLimits)
	g.health.forgive(now)
	g.limitCache()
	g.saveCaps()
	old.router.close()
	return nil
}

// Close stops the background work and drops idle upstream connections. Calls
// should have ended: http.Server.Shutdown waits for them.
func (g *Gateway) Close() {
	g.closing()
	g.closed.Wait()
	g.saveCaps()
	g.set.Load().router.close()
}

// Stop ends the calls that still run, each with an error of llmgw's own that says
// so: in the stream, or as the answer where none has begun. It waits for nothing.
func (g *Gateway) Stop() { g.running.stop() }

// Drain waits up to d for calls to record their outcome after their connections
// were cut. http.Server.Close does not wait for handlers.
func (g *Gateway) Drain(d time.Duration) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for g.running.len() > 0 {
		select {
		case <-limit.C:
			return
		case <-tick.C:
		}
	}
}

// Config is the configuration in force.
func (g *Gateway) Config() Config { return g.set.Load().cfg }

// Providers lists whom calls can go to.
func (g *Gateway) Providers() []*providers.Provider { return g.set.Load().cfg.Providers }

// Routes lists the routes in force.
func (g *Gateway) Routes() []RouteConfig { return g.set.Load().cfg.Routes }

// ServeHTTP is the path of every call: guard, detect, read, route, run. What
// refuses a call on the way answers in the caller's dialect and leaves a row.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ep, isCall := dialect.Detect(r.Method, r.URL.EscapedPath(), r.Header)
	if why := g.set.Load().guard.check(r); why != "" {
		g.newCall(w, r, ep).refuse(problem{code: codeForbiddenOrigin, message: why})
		return
	}
	if g.cors(w, r) {
		return
	}
	if !isCall {
		g.serveOperations(w, r)
		return
	}
	if isWebSocket(r) {
		// Codex tries a WebSocket first and falls back to POST at once on 426.
		w.Header().Set("Upgrade", "HTTP/1.1")
		g.newCall(w, r, ep).refuse(problem{code: codeUnsupported, as: http.StatusUpgradeRequired, message: "llmgw speaks HTTP and no WebSocket; use POST, with \"stream\": true for a stream"})
		return
	}
	g.newCall(w, r, ep).serve()
}

// cors answers preflights of listed origins and labels their answers; it
// reports whether the request is done.
func (g *Gateway) cors(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if !g.set.Load().guard.listed(origin) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Add("Vary", "Origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// newPseudonym names this process in Via (RFC 9110 section 7.6.3), so that a
// call that comes back to it is recognised while a chain of two gateways works.
func newPseudonym() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return "llmgw-" + hex.EncodeToString(b[:])
}
