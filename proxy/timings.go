package proxy

import (
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"llmgw/store"
)

// timings are the phases of one exchange, for the record's waterfall. The
// transport calls the hooks from its own goroutines, for a connection it
// dialled in vain even after RoundTrip returned: hence the lock.
type timings struct {
	mu                                                                         sync.Mutex
	dnsStart, dnsDone, dialStart, dialDone, tlsStart, tlsDone, conn, firstByte time.Time
	reused, connected                                                          bool
}

func (t *timings) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { t.mark(&t.dnsStart) },
		DNSDone:              func(httptrace.DNSDoneInfo) { t.mark(&t.dnsDone) },
		ConnectStart:         func(string, string) { t.mark(&t.dialStart) },
		ConnectDone:          func(string, string, error) { t.mark(&t.dialDone) },
		TLSHandshakeStart:    func() { t.mark(&t.tlsStart) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.mark(&t.tlsDone) },
		GotFirstResponseByte: func() { t.mark(&t.firstByte) },
		GotConn: func(i httptrace.GotConnInfo) {
			t.mark(&t.conn)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.reused, t.connected = i.Reused, true
		},
	}
}

func (t *timings) mark(at *time.Time) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.IsZero() {
		*at = now
	}
}

// gotConn tells whether the request had a connection to go out on. Without
// one nothing was sent.
func (t *timings) gotConn() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.connected
}

// fill writes the phases to the attempt's row.
func (t *timings) fill(row *store.Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row.Reused = t.reused
	row.DNS = span(t.dnsStart, t.dnsDone)
	row.Dial = span(t.dialStart, t.dialDone)
	row.TLS = span(t.tlsStart, t.tlsDone)
	row.Wait = span(t.conn, t.firstByte)
}

// span is below zero for a phase that did not happen.
func span(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return -1
	}
	return to.Sub(from)
}

// requestID finds the id a provider gave the exchange, under the names they
// use for it (documentation of OpenAI, Anthropic, Amazon, Azure; 2026-11).
func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "X-Amzn-Requestid", "Apim-Request-Id", "X-Goog-Request-Id", "Cf-Ray"} {
		if v := h.Get(name); v != "" {
			return cut(v, 128)
		}
	}
	return ""
}
