package cmd

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A connection on which nothing was asked yet does not hold the end up.
func TestUnusedConnectionsAreClosed(t *testing.T) {
	accepted := make(chan bool, 1)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	closeUnused(s.Config)
	state := s.Config.ConnState
	s.Config.ConnState = func(c net.Conn, now http.ConnState) {
		state(c, now)
		accepted <- true
	}
	s.Start()
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-accepted
	began := time.Now()
	go func() { _ = s.Config.Shutdown(t.Context()) }()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("reading: %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it was closed after %s", took)
	}
}
