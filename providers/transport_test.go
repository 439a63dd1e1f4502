package providers

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
)

// upstream answers the first request on a connection with raw bytes, then hangs
// up, as the test says.
func upstream(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String()
}

func readRequest(conn net.Conn) {
	if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
}

func answering(raw string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, raw)
	}
}

func reset(conn net.Conn) {
	readRequest(conn)
	_ = conn.(*net.TCPConn).SetLinger(0)
}

// exchange sends one request and reads the whole answer; the error is whatever
// comes first.
func exchange(ctx context.Context, url string, tr *http.Transport) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.GetBody = nil
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return err
}

func TestClassifyTransport(t *testing.T) {
	refusing := upstream(t, func(net.Conn) {})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	silent := make(chan struct{})
	hanging := upstream(t, func(conn net.Conn) { readRequest(conn); <-silent })
	t.Cleanup(func() { close(silent) }) // before upstream's own cleanup waits

	gone, leave := context.WithCancel(t.Context())
	leave()
	brief, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()

	for _, tc := range []struct {
		name  string
		url   string
		ctx   context.Context
		tr    *http.Transport
		wrote bool
		want  llm.Fault
	}{
		{"refused", "http://" + closed.Addr().String(), nil, nil, false, llm.Connect},
		{"no such name", "http://llmgw.invalid", nil, nil, false, llm.Connect},
		{"unknown authority", secure.URL, nil, nil, false, llm.Connect},
		{"HTTP where TLS was meant", "https" + strings.TrimPrefix(refusing, "http"), nil, nil, false, llm.Connect},
		{"a proxy that refuses", secure.URL, nil, &http.Transport{Proxy: http.ProxyURL(mustURL(t, "http://"+closed.Addr().String()))}, false, llm.Connect},
		{"hangs up at once", refusing, nil, nil, true, llm.Reset},
		{"reset", upstream(t, reset), nil, nil, true, llm.Reset},
		{"two lengths", upstream(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1")), nil, nil, true, llm.Malformed},
		{"cut in the headers", upstream(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 1")), nil, nil, true, llm.Reset},
		{"cut in the body", upstream(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")), nil, nil, true, llm.Reset},
		{"cut in a chunk", upstream(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx")), nil, nil, true, llm.Reset},
		{"no HTTP", upstream(t, answering("SSH-2.0-OpenSSH_9.9\r\n")), nil, nil, true, llm.Malformed},
		{"broken chunk", upstream(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")), nil, nil, true, llm.Malformed},
		{"silent", hanging, brief, nil, true, llm.Timeout},
		{"silent before headers", hanging, nil, &http.Transport{ResponseHeaderTimeout: 30 * time.Millisecond}, true, llm.Timeout},
		{"the client left", hanging, gone, nil, true, llm.ClientGone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, tr := tc.ctx, tc.tr
			if ctx == nil {
				ctx = t.Context()
			}
			if tr == nil {
				tr = new(http.Transport)
			}
			err := exchange(ctx, tc.url, tr)
			if err == nil {
				t.Fatal("no error to classify")
			}
			if got := ClassifyTransport(err, tc.wrote); got != tc.want {
				t.Errorf("%v is %s, want %s", err, got, tc.want)
			}
		})
	}
	if got := ClassifyTransport(nil, true); got != "" {
		t.Errorf("no error is %s", got)
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
