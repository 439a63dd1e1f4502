package cmd

import (
	"net"
	"net/http"
	"sync"
)

// closeUnused makes a server's Shutdown close the connections that have not
// sent a request. Browsers and HTTP clients open such ones in advance, and
// Shutdown alone waits five seconds for their first byte.
func closeUnused(s *http.Server) {
	var mu sync.Mutex
	unused := map[net.Conn]bool{}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			unused[c] = true
		} else {
			delete(unused, c)
		}
	}
	s.RegisterOnShutdown(func() {
		mu.Lock()
		defer mu.Unlock()
		for c := range unused {
			_ = c.Close() // nothing was said on it
		}
	})
}
