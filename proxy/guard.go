package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard decides, before anything is routed and on every method, whether a
// request may come from where it says it comes from. A local gateway holds
// keys, so any web page the user visits is a potential caller: a page of
// another site shows in Origin or Sec-Fetch-Site, a rebound DNS name in Host.
// http.CrossOriginProtection is not enough: it lets every GET and DNS
// rebinding pass (there Origin and Host agree).
type guard struct {
	hosts   []string // lower case, with or without a port
	origins []string // lower case, scheme://host[:port]
}

// newGuard accepts loopback names, the listen address (unless it is a
// wildcard) and the configured hosts and origins.
func newGuard(listen string, cfg ServerConfig) guard {
	g := guard{}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsUnspecified() {
			g.hosts = append(g.hosts, strings.ToLower(host))
		}
	}
	for _, h := range cfg.AllowedHosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
	for _, o := range cfg.AllowedOrigins {
		g.origins = append(g.origins, strings.ToLower(strings.TrimSuffix(o, "/")))
	}
	return g
}

// check returns why the request is refused, or "" when it may pass.
func (g guard) check(r *http.Request) string {
	if !g.hostAllowed(r.Host) {
		return "the Host header " + quoteShort(r.Host) + " is neither loopback nor the listen address (DNS rebinding); add it to server.allowed_hosts if it is yours"
	}
	origins := r.Header.Values("Origin")
	for _, o := range origins {
		if !g.originAllowed(o, r.Host) {
			return "requests from the web origin " + quoteShort(o) + " are refused; add it to server.allowed_origins if it is yours"
		}
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "none", "same-origin":
		return ""
	default:
		if len(origins) > 0 {
			return "" // every origin was found in the list above
		}
		return "a browser sent this from another site (Sec-Fetch-Site: " + quoteShort(site) + ")"
	}
}

func (g guard) hostAllowed(hostport string) bool {
	hostport = strings.ToLower(hostport)
	host := hostOnly(hostport)
	if isLoopbackName(host) {
		return true
	}
	return slices.Contains(g.hosts, host) || slices.Contains(g.hosts, hostport)
}

// originAllowed passes listed origins and pages that llmgw itself served.
func (g guard) originAllowed(origin, host string) bool {
	origin = strings.ToLower(strings.TrimSuffix(origin, "/"))
	if slices.Contains(g.origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == strings.ToLower(host)
}

// listed tells whether an origin was named in the configuration, which is
// what entitles its pages to CORS headers.
func (g guard) listed(origin string) bool {
	return origin != "" && slices.Contains(g.origins, strings.ToLower(strings.TrimSuffix(origin, "/")))
}

// isLoopbackName accepts localhost, its subdomains (RFC 6761 section 6.3) and
// loopback addresses. A trailing dot is the same name.
func isLoopbackName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// hostOnly strips the port and IPv6 brackets from a Host header.
func hostOnly(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}

// quoteShort quotes outside text for an error message, cut at 80 bytes.
func quoteShort(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return strings.ToValidUTF8(quoteASCII(s), "?")
}

func quoteASCII(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' || r > '~' {
			r = '?'
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
