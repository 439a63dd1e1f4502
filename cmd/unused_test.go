package cmd

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// oneConn is a network on which one client has connected.
type oneConn struct {
	conn chan net.Conn
	done chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { close(l.done); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// A connection on which nothing was asked yet does not hold the end up.
func TestUnusedConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &http.Server{Handler: http.NotFoundHandler()}
		closeUnused(s)
		ours, theirs := net.Pipe()
		l := &oneConn{make(chan net.Conn, 1), make(chan struct{})}
		l.conn <- theirs
		go func() { _ = s.Serve(l) }()
		synctest.Wait() // it waits for the first byte
		began := time.Now()
		go func() { _ = s.Shutdown(t.Context()) }()
		if _, err := ours.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("reading: %v", err)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("it was closed after %s", took)
		}
	})
}
