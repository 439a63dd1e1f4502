package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"llmgw/providers"
	"llmgw/providers/price"
	"llmgw/proxy"
	"llmgw/store"
)

// serveFlags are the flags of llmgw serve.
type serveFlags struct {
	listen   string
	portFile string
	demo     bool
	faults   []string
	leashed  bool // ends with stdin, whose other end whoever started it holds
}

func newServeCommand(g *globals) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Run the gateway until SIGINT or SIGTERM. Running calls are finished first, up to
server.shutdown_grace; a second signal ends at once.

--demo needs no key and no network: simulated providers answer light traffic
that llmgw makes itself, recorded in a temporary database unless --db is given.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.serve(c.Context(), f) },
	}
	c.Flags().StringVar(&f.listen, "listen", "", "`ADDR` to listen on (default that of the configuration, "+defaultListen+"); port 0 takes a free one")
	c.Flags().StringVar(&f.portFile, "port-file", "", "write the port that is served to `FILE`")
	c.Flags().BoolVar(&f.demo, "demo", false, "serve simulated providers and make some traffic")
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "make a provider fail on purpose, as `PROVIDER=FAULT` (openai=429:retry-after=5, anthropic=hang-before-headers); repeatable")
	c.Flags().BoolVar(&f.leashed, "until-stdin-ends", false, "")
	_ = c.Flags().MarkHidden("until-stdin-ends") // for `llmgw run`; fails on a flag that is not there
	return c
}

// serve wires everything, serves until ctx ends, and takes it apart again.
func (g *globals) serve(ctx context.Context, flags serveFlags) (err error) {
	f, err := g.loadServed(flags.listen)
	if err != nil {
		return err
	}
	if err := f.checkSecrets(); err != nil {
		return err
	}
	configured := f.Listen
	if flags.listen != "" {
		f.Listen = flags.listen
	}
	if err := checkListen(f.Listen, f.Server.RequireKey); err != nil {
		return usagef("write it as 127.0.0.1:4747; without keys only loopback addresses are served", "--listen: %w", err)
	}
	s := &server{g: g, file: f, listen: configured, flags: flags, log: slog.New(slog.NewTextHandler(g.stderr, nil))}
	s.current.Store(f)
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // asked to end before it served
		}
		return err
	}
	if flags.leashed {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }() // at the latest when this process ends
	}
	return s.run(ctx)
}

// server is a running gateway and what has to be closed after it, in the
// reverse order of opening.
type server struct {
	g       *globals
	file    *file                // at the start
	current atomic.Pointer[file] // in force: that of the last good reload
	listen  string               // as configured, without --listen
	flags   serveFlags
	log     *slog.Logger

	listener net.Listener
	store    *store.Store
	gateway  *proxy.Gateway
	demo     *demo
	http     *http.Server
	path     string // of the database
	cleanup  []func() error
}

// later registers what close does.
func (s *server) later(f func() error) { s.cleanup = append(s.cleanup, f) }

func (s *server) close() error {
	var errs []error
	for _, f := range slices.Backward(s.cleanup) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// open takes the port, the database and the providers, in this order: a busy
// port must not leave a database behind.
func (s *server) open(ctx context.Context) error {
	log.SetFlags(0)
	log.SetOutput(httpNotes{s.log})
	if os.Getenv("GOGC") == "" {
		// A gateway's heap is small; collecting it less often saves about a
		// tenth of the CPU a call costs.
		debug.SetGCPercent(300)
		debug.SetMemoryLimit(1 << 30)
	}
	l, err := listen(ctx, s.file.Listen)
	if err != nil {
		return err
	}
	s.listener = l
	s.later(func() error { _ = l.Close(); return nil }) // closed before, when all went well
	if s.flags.demo {
		if s.demo, err = startDemo(); err != nil {
			return err
		}
		s.later(func() error { s.demo.close(); return nil })
	}
	if err := s.openStore(); err != nil {
		return err
	}
	return s.openGateway(ctx)
}

// httpNotes takes what net/http's client writes to the standard log, and leaves
// out what it quotes: the beginning of an answer.
type httpNotes struct{ log *slog.Logger }

// Write logs a line.
func (n httpNotes) Write(line []byte) (int, error) {
	text, _, _ := strings.Cut(strings.TrimSpace(string(line)), " starting with ")
	n.log.Warn("net/http: " + text)
	return len(line), nil
}

// busyPort is an address that another process holds.
type busyPort struct {
	addr string
	err  error
}

// Error says which address is taken.
func (e *busyPort) Error() string { return fmt.Sprintf("listening on %s: %v", e.addr, e.err) }

// Unwrap returns the system's error.
func (e *busyPort) Unwrap() error { return e.err }

// Hint says what to do about it.
func (e *busyPort) Hint() string {
	return "another process has this port, perhaps a running llmgw; stop it, or choose another with --listen 127.0.0.1:0"
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &busyPort{addr, syscall.EADDRINUSE}
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	return l, nil
}

// openStore opens the database: that of --db, the configuration's, the
// default one, or for a demo a temporary one.
func (s *server) openStore() error {
	path, err := s.databasePath()
	if err != nil {
		return err
	}
	st, err := store.Open(path, store.Options{
		BodiesMax: s.file.Store.MaxBody, MaxSize: s.file.Store.MaxSize, Retention: s.file.Store.Retention,
		Owner: s.instance(path), Version: release(),
	})
	if err != nil {
		return err
	}
	s.store, s.path = st, path
	s.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.file.Store.FinishWait+5*time.Second)
		defer cancel()
		return st.Close(ctx)
	})
	return nil
}

func (s *server) databasePath() (string, error) {
	switch {
	case s.g.db != "":
		return s.g.db, nil
	case s.flags.demo:
		dir, err := os.MkdirTemp("", "llmgw-demo-")
		if err != nil {
			return "", fmt.Errorf("making a folder for the demo's database: %w", err)
		}
		s.later(func() error { return os.RemoveAll(dir) })
		return filepath.Join(dir, "llmgw.db"), nil
	case s.file.Store.Path != "":
		return s.file.Store.Path, nil
	}
	return store.DefaultPath()
}

// openGateway makes the proxy and the HTTP server before it.
func (s *server) openGateway(ctx context.Context) error {
	cfg, err := s.proxyConfig(ctx, s.file)
	if err != nil {
		return err
	}
	faulty, err := startFaulty(s.flags.faults, cfg.Providers)
	if err != nil {
		return err
	}
	s.later(faulty.close)
	gw, err := proxy.New(cfg, proxy.Deps{Store: s.store, Log: s.log, Transport: faulty.transport})
	if err != nil {
		return err
	}
	s.gateway = gw
	s.saveSetup(s.file, cfg)
	s.store.SetReload(store.Reload{}) // what an earlier server could not reload is over
	s.later(func() error { gw.Close(); return nil })
	s.http = &http.Server{
		Handler:           gw,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	closeUnused(s.http)
	return nil
}

// proxyConfig is what the proxy needs of a configuration.
func (s *server) proxyConfig(ctx context.Context, f *file) (proxy.Config, error) {
	cfg := proxy.Config{
		Listen: s.listener.Addr().String(), Server: f.Server,
		Failover: f.Failover, FailoverFor: f.failoverFor,
		Breaker: f.Breaker, BreakerFor: f.breakerFor, Cache: f.Cache, CacheFor: f.cacheFor,
		Store: f.Store, Routes: f.routes(), Caps: f.caps(), BlockUnpriced: f.Prices.Unknown == price.UnknownBlock,
	}
	var err error
	if cfg.Prices, err = f.priceBook(s.path); err != nil {
		return cfg, &wiringError{err}
	}
	if s.demo != nil {
		cfg.Providers, cfg.Routes, cfg.Caps, cfg.CacheFor = s.demo.providers, s.demo.routes, s.demo.caps, s.demo.caching
		return cfg, nil
	}
	cfg.Providers, err = f.resolveProviders(ctx)
	return cfg, err
}

// resolveProviders makes the configured providers and those that exist
// without configuration.
func (f *file) resolveProviders(ctx context.Context) ([]*providers.Provider, error) {
	var all []*providers.Provider
	var d decoder
	for i := range f.Providers {
		known := len(d.problems)
		cfg := f.withSecrets(ctx, i, &d)
		if len(d.problems) > known {
			continue
		}
		p, err := providers.New(cfg, os.LookupEnv)
		if err != nil {
			d.refuseProvider(indexKey("provider", i), err)
			continue
		}
		all = append(all, p)
	}
	if err := f.wrong(d.problems); err != nil {
		return nil, err
	}
	extra, err := f.implicitProviders(all)
	if err != nil {
		return nil, &wiringError{err}
	}
	return append(all, extra...), nil
}

// refuseProvider takes why the provider of the table at path cannot be made.
func (d *decoder) refuseProvider(path string, err error) {
	for _, err := range splitJoined(err) {
		e, ok := errors.AsType[*providers.ConfigError](err)
		switch {
		case !ok:
			d.refuse(path, "%v", err)
		case e.Remedy == "":
			d.refuse(joinKey(path, e.Key), "%s", e.Problem)
		default:
			d.refuse(joinKey(path, e.Key), "%s; %s", e.Problem, e.Remedy)
		}
	}
}

// wiringError is a configuration that reads well and cannot be put to work.
type wiringError struct{ error }

// Unwrap returns what is wrong.
func (e *wiringError) Unwrap() error { return e.error }
func (e *wiringError) exitCode() int { return exitUsage }

// withSecrets is the configuration of a provider with what its references name.
func (f *file) withSecrets(ctx context.Context, i int, d *decoder) providers.Config {
	c, path := f.Providers[i].Config, indexKey("provider", i)
	resolve := func(at, ref string) string {
		secret, err := resolveSecret(ctx, ref, f.path)
		if err != nil {
			d.refuse(at, "%v", err)
		}
		return secret
	}
	if c.Key != "" {
		c.Key = resolve(joinKey(path, "key"), c.Key)
	}
	c.Keys = slices.Clone(c.Keys)
	for n, ref := range c.Keys {
		c.Keys[n] = resolve(indexKey(joinKey(path, "keys"), n), ref)
	}
	headers := make(map[string]string)
	for name, ref := range c.Headers {
		headers[name] = resolve(joinKey(joinKey(path, "headers"), name), ref)
	}
	c.Headers = headers
	return c
}

// implicitProviders are those that exist without a [[provider]] table: the
// ones providers.FromEnv knows and those that a route names. A configured
// provider of the same dialect takes the place of the three that always exist,
// unless a key in the environment or a route asks for them.
func (f *file) implicitProviders(configured []*providers.Provider) ([]*providers.Provider, error) {
	all, err := providers.FromEnv(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	for _, preset := range providers.Presets() {
		if f.routed(preset.Name) && !named(all, preset.Name) {
			p, err := providers.New(providers.Config{Name: preset.Name}, os.LookupEnv)
			if err != nil {
				return nil, err
			}
			p.Implicit = true
			all = append(all, p)
		}
	}
	return slices.DeleteFunc(all, func(p *providers.Provider) bool {
		spoken := slices.ContainsFunc(configured, func(q *providers.Provider) bool { return q.Dialect == p.Dialect })
		return named(configured, p.Name) || spoken && len(p.Keys) == 0 && !f.routed(p.Name)
	}), nil
}

func named(all []*providers.Provider, name string) bool {
	return slices.ContainsFunc(all, func(p *providers.Provider) bool { return p.Name == name })
}

// routed tells whether a route has a target at the provider.
func (f *file) routed(provider string) bool {
	for _, r := range f.Routes {
		for _, t := range r.Targets {
			if name, _, _ := strings.Cut(t, "/"); name == provider {
				return true
			}
		}
	}
	return false
}

// run serves until ctx ends, then lets running calls finish.
func (s *server) run(ctx context.Context) error {
	remove, err := s.register()
	if err != nil {
		return err
	}
	defer remove()
	if err := s.writePort(); err != nil {
		return err
	}
	s.banner(s.g.stdout)
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	go s.answerCommands()
	if s.file.path != "" && s.demo == nil {
		go s.watchConfig(ctx)
	}
	if s.demo != nil {
		s.demo.start("http://" + s.listener.Addr().String())
	}
	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	return s.shutdown(served)
}

// answerCommands does what other processes ask, until the store is closed.
func (s *server) answerCommands() {
	for c := range s.store.Commands() {
		text, err := s.gateway.Command(c.Verb, c.Args)
		s.store.Answer(c.ID, text, err)
	}
}

// shutdown stops accepting and waits for running calls up to shutdown_grace.
func (s *server) shutdown(served <-chan error) error {
	if s.demo != nil {
		s.demo.stop()
	}
	grace := s.current.Load().Server.ShutdownGrace
	s.g.say("stopping; running calls have %s to finish (a second signal ends at once)", formatDuration(grace))
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.g.say("some calls did not finish within %s and are cut off", formatDuration(grace))
		err = s.cutOff()
	}
	<-served
	return err
}

// lastWords is how long the clients of calls that are cut off have to take what
// they are told.
const lastWords = time.Second

// cutOff ends the calls that still run, each with an error that says so.
func (s *server) cutOff() error {
	s.gateway.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.gateway.Drain(5 * time.Second)
	return err
}

// register leaves the file by which readers find this instance.
func (s *server) register() (func(), error) {
	dir, err := store.RuntimeDir()
	if err != nil {
		return nil, err
	}
	return store.RegisterInstance(dir, s.instance(s.path))
}

// instance is what others are told about this process.
func (s *server) instance(db string) store.Instance {
	if abs, err := filepath.Abs(db); err == nil {
		db = abs
	}
	return store.Instance{PID: os.Getpid(), Listen: s.listener.Addr().String(), DB: db, Demo: s.flags.demo, StartedAt: time.Now().UTC()}
}

// writePort writes the served port for whoever started this process, in one
// step: a reader never sees half of it.
func (s *server) writePort() error {
	if s.flags.portFile == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return err
	}
	tmp := s.flags.portFile + ".tmp"
	if err := os.WriteFile(tmp, []byte(port+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the port file: %w", err)
	}
	if err := os.Rename(tmp, s.flags.portFile); err != nil {
		return fmt.Errorf("writing the port file: %w", err)
	}
	return nil
}

// banner says what was started and what to do with it.
func (s *server) banner(w io.Writer) {
	base := "http://" + s.listener.Addr().String()
	fmt.Fprintf(w, "llmgw %s serving on %s\n\n", release(), base)
	fmt.Fprintf(w, "  OpenAI SDKs     export OPENAI_BASE_URL=%s/v1\n", base)
	fmt.Fprintf(w, "  Anthropic SDKs  export ANTHROPIC_BASE_URL=%s\n", base)
	fmt.Fprintf(w, "  Codex           codex -c openai_base_url=%s/v1\n\n", base)
	rows := [][]string{}
	for _, p := range s.gateway.Providers() {
		rows = append(rows, []string{"  " + p.Name, p.Base.String(), string(p.Dialect), credentialWords(p)})
	}
	_ = writeTable(w, rows)
	for _, r := range s.gateway.Routes() {
		fmt.Fprintf(w, "  route %s → %s\n", store.Clean(r.Model), store.Clean(strings.Join(r.Targets, ", ")))
	}
	capLines(w, s.gateway.Config())
	cacheLines(w, s.gateway.Config())
	fmt.Fprintf(w, "\n  recording to %s (bodies: %s, kept for %s)\n", s.path, s.file.Store.Bodies, formatDuration(s.file.Store.Retention))
	fmt.Fprintf(w, "  watch: llmgw tui    look: llmgw logs, llmgw show last\n")
	for _, f := range s.flags.faults {
		fmt.Fprintf(w, "  failing on purpose: %s (a simulator answers, the real service is not called)\n", f)
	}
	if s.demo != nil {
		fmt.Fprintf(w, "  demo: simulated providers, no key, no network; its record goes when it ends, unless --db is given\n")
	}
}

// capLines prints the caps with the largest hold of each routed target; one
// that a call can exceed is a warning: calls up to what fits go through.
func capLines(w io.Writer, cfg proxy.Config) {
	holds, err := proxy.LargestHolds(cfg, time.Now())
	if err != nil {
		return // the caps were checked before
	}
	for _, c := range cfg.Caps {
		fmt.Fprintf(w, "  cap %s: %s USD per %s\n", store.Clean(c.Name), c.USD.Money, c.Per)
		for _, h := range holds {
			if h.Cap == c.Name {
				fmt.Fprintf(w, "    %s\n", holdWords(h))
			}
		}
	}
}

// holdWords says what the largest call of a target would hold.
func holdWords(h proxy.CapHold) string {
	target := store.Clean(h.Target)
	switch {
	case !h.Hold.Known:
		return target + ": its largest call is not known; without a price it is refused"
	case h.Exceeds() && h.Fits == 0:
		return fmt.Sprintf("warning: %s: the largest call would hold %s USD; a full context window alone does not fit", target, h.Hold.Money)
	case h.Exceeds():
		return fmt.Sprintf("warning: %s: the largest call would hold %s USD; with a full context window up to %d output tokens fit", target, h.Hold.Money, h.Fits)
	}
	return fmt.Sprintf("%s: the largest call holds %s USD", target, h.Hold.Money)
}

// credentialWords says whose credential goes to a provider.
func credentialWords(p *providers.Provider) string {
	switch {
	case len(p.Keys) == 1:
		return "key " + p.Keys[0].ID()
	case len(p.Keys) > 1:
		return fmt.Sprintf("%d keys", len(p.Keys))
	case p.Free:
		return "no key needed"
	}
	return "the client's own key"
}
