package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/sim"
	"llmgw/proxy/breaker"
	"llmgw/store"
)

// rig is a gateway with everything real but the network: http.Server,
// http.Transport, SQLite and simulated providers over pipes. Inside a synctest
// bubble its waits take virtual time.
type rig struct {
	t     *testing.T
	gw    *Gateway
	db    string
	store *store.Store
	sims  map[string]*sim.Sim
	http  *http.Client
	cfg   Config
	lines map[string]*pipeListener // to each provider
	since map[string]int           // arrivals at each provider before the last fresh
	tls   *httptest.Server         // whose certificate the secure providers have
	front func()                   // stops the server before the gateway
	said  journal                  // what the gateway logged
	stop  []func()
	rd    *store.Reader // of last, opened when first asked

	failing atomic.Bool             // while true, no commit to the database succeeds
	crashed atomic.Pointer[crashes] // keeps the file before each commit; nil: not
}

// journal is a log kept in memory.
type journal struct {
	mu   sync.Mutex
	text []byte
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text = append(j.text, b...)
	return len(b), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.text)
}

var errDiskFull = errors.New("no space left on device (simulated)")

// upstreamSpec is one simulated provider of a rig.
type upstreamSpec struct {
	name    string
	dialect llm.Dialect
	keys    []string
	own     bool                            // the client's own credential goes upstream
	secure  bool                            // TLS, and HTTP/2 where both want it
	handler http.Handler                    // instead of a simulator
	wrap    func(http.Handler) http.Handler // around it
}

// newRig starts a gateway before the given providers. change may adjust the
// configuration first.
func newRig(t *testing.T, specs []upstreamSpec, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, sims: make(map[string]*sim.Sim), db: filepath.Join(t.TempDir(), "llmgw.db"), lines: make(map[string]*pipeListener), since: make(map[string]int)}
	cfg := Config{
		Listen: "127.0.0.1:4747", Server: DefaultServerConfig(), Failover: DefaultFailoverConfig(),
		Breaker: breaker.DefaultConfig(), Store: store.DefaultConfig(),
	}
	for _, s := range specs {
		if s.secure && r.tls == nil {
			r.tls = httptest.NewTLSServer(nil)
			r.tls.Close()
		}
		h := s.handler
		if h == nil {
			r.sims[s.name] = sim.New(sim.Options{Name: s.name, Dialect: s.dialect, Seed: 1})
			h = r.sims[s.name]
		}
		if s.wrap != nil {
			h = s.wrap(h)
		}
		l := newPipeListener()
		r.lines[s.name] = l
		r.stop = append(r.stop, r.serve(l, h, s.secure))
		cfg.Providers = append(cfg.Providers, r.provider(s))
	}
	if change != nil {
		change(&cfg)
	}
	r.cfg = cfg
	r.start()
	return r
}

// start opens the record and serves the gateway.
func (r *rig) start() {
	r.t.Helper()
	st, err := store.Open(r.db, store.Options{BeforeCommit: func() error {
		if r.failing.Load() {
			return errDiskFull
		}
		if k := r.crashed.Load(); k != nil {
			k.keep()
		}
		return nil
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = st
	r.gw, err = New(r.cfg, Deps{Store: st, Log: slog.New(slog.NewTextHandler(&r.said, nil)), Transport: func(p *providers.Provider) *http.Transport {
		tr := newTransport()
		tr.Proxy = nil
		if r.tls != nil {
			roots := x509.NewCertPool()
			roots.AddCert(r.tls.Certificate())
			tr.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "example.com"}
		}
		tr.DialContext = r.lines[p.Name].dial
		return tr
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	front := newPipeListener()
	r.front = r.serve(front, r.gw, false)
	r.http = &http.Client{Transport: &http.Transport{DialContext: front.dial, DisableCompression: true}}
}

// shut ends what start began.
func (r *rig) shut() {
	r.t.Helper()
	r.http.CloseIdleConnections()
	r.front()
	r.gw.Drain(10 * time.Second)
	if n := r.gw.running.len(); n > 0 {
		r.t.Errorf("%d calls run on after every connection was cut", n)
	}
	r.gw.Close()
	if r.rd != nil {
		r.rd.Close()
		r.rd = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.store.Close(ctx); err != nil {
		r.t.Errorf("closing the store: %v", err)
	}
}

// restart is a new process on the same database.
func (r *rig) restart() {
	r.t.Helper()
	r.shut()
	r.start()
}

func (r *rig) provider(s upstreamSpec) *providers.Provider {
	r.t.Helper()
	kind := "openai"
	if s.dialect == llm.Anthropic {
		kind = "anthropic"
	}
	cfg := providers.DefaultConfig()
	cfg.Name, cfg.Kind, cfg.BaseURL = s.name, kind, "http://"+s.name+".sim"
	if s.dialect == llm.OpenAIChat {
		cfg.BaseURL += "/v1"
	}
	if cfg.Keys = s.keys; len(s.keys) == 0 {
		cfg.Keys = []string{"sk-" + s.name + "-configured-key-0001"}
	}
	if s.secure {
		cfg.BaseURL = strings.Replace(cfg.BaseURL, "http:", "https:", 1)
	}
	if s.own {
		cfg.Keys, cfg.Credential = nil, providers.CredentialClient
	}
	p, err := providers.New(cfg, func(string) (string, bool) { return "", false })
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// serve runs a server until the function it returns is called.
func (r *rig) serve(l net.Listener, h http.Handler, secure bool) (stop func()) {
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	run := srv.Serve
	if secure {
		srv.TLSConfig = &tls.Config{Certificates: r.tls.TLS.Certificates}
		run = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = run(l) }()
	return func() { srv.Close(); <-done }
}

// close ends everything the rig started; in a bubble, what is left after it is
// a leak and fails the test.
func (r *rig) close() {
	r.shut()
	for _, stop := range r.stop {
		stop()
	}
}

// fresh forgets what earlier calls did, for a next case on the same gateway:
// health as a user would, the retry budget by its window.
func (r *rig) fresh() {
	r.t.Helper()
	if _, err := r.gw.Command("targets", []string{"reset"}); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(budgetWindow + time.Second)
	for name, s := range r.sims {
		s.Default(sim.Fault{})
		r.lines[name].trip.Store(nil)
		r.since[name] = len(s.Ledger())
	}
}

// ledger is what arrived at a provider since the last fresh.
func (r *rig) ledger(name string) []sim.Arrival { return r.sims[name].Ledger()[r.since[name]:] }

func (r *rig) arrivals(name string) int { return len(r.ledger(name)) }

// reply is what a client saw.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // reading the body
	took   time.Duration
}

// post sends a body as a client would and reads the whole answer.
func (r *rig) post(path, body string, headers ...string) reply {
	r.t.Helper()
	return r.do(r.request(path, body, headers...))
}

// get asks for a path.
func (r *rig) get(path string) reply {
	r.t.Helper()
	req, err := http.NewRequest("GET", "http://127.0.0.1:4747"+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.do(req)
}

func (r *rig) request(path, body string, headers ...string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequest("POST", "http://127.0.0.1:4747"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/v1/messages") {
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

func (r *rig) do(req *http.Request) reply {
	r.t.Helper()
	start := time.Now()
	resp, err := r.http.Do(req)
	if err != nil {
		return reply{err: err, took: time.Since(start)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, body, err, time.Since(start)}
}

// last is the newest call on record.
func (r *rig) last() store.CallRow {
	r.t.Helper()
	if r.rd == nil {
		r.rd = r.reader()
	}
	row, err := r.rd.Find(context.Background(), "last")
	if err != nil {
		r.t.Fatal(err)
	}
	return row
}

// outcomes is the story of a call in short: "openai=server_error openai=ok".
func outcomes(row store.CallRow) string {
	var parts []string
	for _, a := range row.Attempts {
		o := a.Outcome
		if a.Skipped != "" {
			o += ":" + a.Skipped
		}
		parts = append(parts, a.Provider+"="+o)
	}
	return strings.Join(parts, " ")
}

// pipeListener is a network of one address, made of net.Pipe.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	dials atomic.Int64
	trip  atomic.Pointer[tripwire]

	mu   sync.Mutex
	open []net.Conn
}

// tripwire is what is wrong with a network.
type tripwire struct {
	refuse error                   // what every dial fails with
	wrap   func(net.Conn) net.Conn // around the client's end of a connection
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	l.dials.Add(1)
	trip := l.trip.Load()
	if trip != nil && trip.refuse != nil {
		return nil, trip.refuse
	}
	ours, theirs := net.Pipe()
	if trip != nil && trip.wrap != nil {
		ours = trip.wrap(ours)
	}
	l.mu.Lock()
	l.open = append(l.open, ours)
	l.mu.Unlock()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// cut closes every connection there is.
func (l *pipeListener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.Close()
	}
	l.open = nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "127.0.0.1:4747" }

// chat and messages are minimal bodies.
func chat(model string, stream bool) string {
	return body(`{"model":"`+model+`","messages":[{"role":"user","content":"hello"}]`, stream)
}

func messages(model string, stream bool) string {
	return body(`{"model":"`+model+`","max_tokens":200,"messages":[{"role":"user","content":"hello"}]`, stream)
}

func body(s string, stream bool) string {
	if stream {
		return s + `,"stream":true}`
	}
	return s + "}"
}
