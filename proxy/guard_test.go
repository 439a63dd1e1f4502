package proxy

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// The attacks of SILENT-FAILURES SF-A1: a page of another site, a rebound DNS
// name, a simple POST without preflight. Command line clients send none of
// these headers and pass.
func TestGuardRefusesBrowsersAndForeignHosts(t *testing.T) {
	g := newGuard("127.0.0.1:4747", ServerConfig{AllowedHosts: []string{"gw.home:8080"}, AllowedOrigins: []string{"http://localhost:3000"}})
	for _, tc := range []struct {
		name, host, origin, site string
		refused                  string // part of the reason; "" passes
	}{
		{"curl", "127.0.0.1:4747", "", "", ""},
		{"localhost", "localhost:4747", "", "", ""},
		{"localhost with a dot", "localhost.:4747", "", "", ""},
		{"subdomain of localhost", "gw.localhost", "", "", ""},
		{"IPv6", "[::1]:4747", "", "", ""},
		{"IPv4 in IPv6", "[::ffff:127.0.0.1]:4747", "", "", ""},
		{"another loopback address", "127.1.2.3:4747", "", "", ""},
		{"allowed host", "GW.home:8080", "", "", ""},
		{"allowed host, other port", "gw.home:8081", "", "", "rebinding"},
		{"rebound name", "evil.example:4747", "", "", "rebinding"},
		{"rebound name, same origin", "evil.example:4747", "http://evil.example:4747", "same-origin", "rebinding"},
		{"name that begins like loopback", "127.0.0.1.evil.example", "", "", "rebinding"},
		{"name that ends like localhost", "evillocalhost", "", "", "rebinding"},
		{"no host", "", "", "", "rebinding"},
		{"foreign origin", "127.0.0.1:4747", "https://evil.example", "", "web origin"},
		{"null origin of a sandboxed frame", "127.0.0.1:4747", "null", "", "web origin"},
		{"another local page", "127.0.0.1:4747", "http://127.0.0.1:3000", "same-site", "web origin"},
		{"listed origin", "127.0.0.1:4747", "http://LOCALHOST:3000", "cross-site", ""},
		{"own page", "127.0.0.1:4747", "http://127.0.0.1:4747", "same-origin", ""},
		{"image tag: no Origin, but a site", "127.0.0.1:4747", "", "cross-site", "another site"},
		{"same site is another origin", "127.0.0.1:4747", "", "same-site", "another site"},
		{"typed into the address bar", "127.0.0.1:4747", "", "none", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/v1/chat/completions", nil)
			r.Host = tc.host
			if tc.origin != "" {
				r.Header.Set("Origin", tc.origin)
			}
			if tc.site != "" {
				r.Header.Set("Sec-Fetch-Site", tc.site)
			}
			why := g.check(r)
			if tc.refused == "" && why != "" {
				t.Errorf("refused: %s", why)
			}
			if tc.refused != "" && !strings.Contains(why, tc.refused) {
				t.Errorf("got %q, want a refusal that says %q", why, tc.refused)
			}
		})
	}
}

// Two values of Origin must not let the second ride on the first.
func TestGuardChecksEveryOrigin(t *testing.T) {
	g := newGuard("127.0.0.1:4747", ServerConfig{AllowedOrigins: []string{"http://ok.test"}})
	r := httptest.NewRequest("GET", "/v1/models", nil)
	r.Host = "127.0.0.1:4747"
	r.Header["Origin"] = []string{"http://ok.test", "http://evil.test"}
	if why := g.check(r); why == "" {
		t.Error("a second, foreign Origin passed")
	}
}
