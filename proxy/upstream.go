package proxy

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"llmgw/providers"
)

// upstream is a provider with its connections. Each provider has a transport
// of its own, so that one that went black takes no other with it.
type upstream struct {
	p    *providers.Provider
	make func() *http.Transport
	tr   atomic.Pointer[http.Transport]
}

// newUpstream makes connections with what transport returns for the provider;
// where that is nil, and without one, over the network.
func newUpstream(p *providers.Provider, transport func(*providers.Provider) *http.Transport) (*upstream, error) {
	tlsConfig, err := p.TLS()
	if err != nil {
		return nil, err
	}
	up := &upstream{p: p, make: func() *http.Transport {
		if transport != nil {
			if tr := transport(p); tr != nil {
				return tr
			}
		}
		tr := newTransport()
		tr.TLSClientConfig = tlsConfig
		return tr
	}}
	up.tr.Store(up.make())
	return up, nil
}

// newTransport is http.DefaultTransport without its traps:
// enough idle connections (two, the default, cost 2.3 times the CPU a call),
// no compression behind the meter's back, and pings that notice an HTTP/2
// connection that a sleeping laptop or a VPN turned black.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true, // a custom dial disables it otherwise
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           0, // unbounded: the limit per host is what counts
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 1 << 20,
		WriteBufferSize:        16 << 10,
		ReadBufferSize:         16 << 10,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// roundTrip sends req once. A body that cannot be rewound and is never nil
// keeps Go's transport from re-sending it by itself on a stale connection (a
// GET, or a POST with Idempotency-Key): every arrival at a provider is an
// attempt on record.
func (u *upstream) roundTrip(req *http.Request) (*http.Response, error) {
	req.GetBody = nil
	if req.Body == nil || req.Body == http.NoBody {
		req.Body = http.NoBody // says Content-Length: 0, where emptyBody says chunked
		if replayable(req) {
			req.Body = emptyBody{}
		}
	}
	return u.tr.Load().RoundTrip(req)
}

// replayable tells whether Go's transport takes a request without a body for
// one it may send again.
func replayable(req *http.Request) bool {
	return req.Method != http.MethodPost || req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != ""
}

// retire drops the pooled connections: after a silence, or a reset, the next
// attempt dials anew. Calls that run on the old ones end there.
func (u *upstream) retire() {
	old := u.tr.Swap(u.make())
	old.CloseIdleConnections()
}

func (u *upstream) close() { u.tr.Load().CloseIdleConnections() }

// emptyBody is a body of no bytes that is not http.NoBody.
type emptyBody struct{}

// Read is at the end at once.
func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing.
func (emptyBody) Close() error { return nil }
