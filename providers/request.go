package providers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// RequestParts is what an upstream request is made of.
type RequestParts struct {
	Method   string
	Rest     string // escaped path below the API's version, or below the provider when Verbatim
	Verbatim bool   // Rest came from /provider/<name>/<rest>: no version is put before it
	RawQuery string // the client's; credentials in it are left out
	Header   http.Header
	Body     []byte

	Credential     Credential
	AcceptEncoding string // "" asks for nothing
	BodyDecoded    bool   // Body no longer has the client's Content-Encoding
	Translated     bool   // Body is in the provider's dialect and the client speaks another: so do its headers
	Via            string // this gateway's pseudonym, told to private upstreams only; "" for none
}

// PathError is a request path that is not sent upstream.
type PathError struct{ Path, Problem string }

// Error names the path and what is wrong with it.
func (e *PathError) Error() string { return fmt.Sprintf("path %q %s", e.Path, e.Problem) }

// NewRequest returns the request to send to the provider: the client's bytes
// and end-to-end headers, with the authentication replaced. GetBody stays nil:
// with it, Go's transport may send a POST a second time by itself. The header's
// values are shared with in.Header and must not be changed.
func (p *Provider) NewRequest(ctx context.Context, in RequestParts) (*http.Request, error) {
	u, err := p.url(in)
	if err != nil {
		return nil, fmt.Errorf("building the request to %s: %w", p.Name, err)
	}
	method := in.Method
	if method == "" {
		method = http.MethodPost
	}
	if !validHeaderName(method) { // the same token of RFC 9110
		return nil, fmt.Errorf("building the request to %s: %q is no method", p.Name, method)
	}
	req := &http.Request{
		Method: method, URL: u, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.requestHeader(in),
	}
	if len(in.Body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(in.Body))
		req.ContentLength = int64(len(in.Body))
	}
	return req.WithContext(ctx), nil
}

// url joins the base URL and the rest of the path, byte for byte.
func (p *Provider) url(in RequestParts) (*url.URL, error) {
	rest := in.Rest
	if rest != "" && rest[0] != '/' {
		rest = "/" + rest
	}
	if err := checkPath(rest); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(in.RawQuery, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return nil, &PathError{rest, "has a query with characters that must be percent-encoded"}
	}
	base := p.Base.EscapedPath()
	if !in.Verbatim {
		base += p.version(base, rest)
	}
	u := &url.URL{Scheme: p.Base.Scheme, Host: p.Base.Host, RawQuery: withoutCredentials(in.RawQuery)}
	setEscapedPath(u, base+rest[overlap(base, rest):])
	return u, nil
}

// version is the part of the path that the API wants between a base URL without
// it and the rest. OpenAI's convention has it in the base URL.
func (p *Provider) version(base, rest string) string {
	var want string
	switch p.Kind {
	case Anthropic:
		want = "/v1"
	case Gemini:
		want = "/v1beta"
	}
	if endsInVersion(base) || beginsWithVersion(rest) {
		return ""
	}
	return want
}

// overlap returns the length of the longest beginning of rest that base ends
// with, if a version ends it: both https://host/v1 and /v1/models name it.
func overlap(base, rest string) int {
	for n := min(len(base), len(rest)); n > 0; n-- {
		whole := n == len(rest) || rest[n] == '/'
		if whole && strings.HasSuffix(base, rest[:n]) && endsInVersion(rest[:n]) {
			return n
		}
	}
	return 0
}

func endsInVersion(path string) bool {
	return isVersion(path[strings.LastIndexByte(path, '/')+1:])
}

func beginsWithVersion(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return isVersion(first)
}

// isVersion recognises v1, v1beta, v1beta1, v2.
func isVersion(segment string) bool {
	if len(segment) < 2 || segment[0] != 'v' {
		return false
	}
	rest := strings.TrimLeft(segment[1:], "0123456789")
	if len(rest) == len(segment)-1 {
		return false
	}
	for _, word := range []string{"beta", "alpha"} {
		rest = strings.TrimPrefix(rest, word)
	}
	return strings.TrimLeft(rest, "0123456789") == ""
}

// checkPath refuses an escaped path that could mean another one once somebody
// decodes or cleans it.
func checkPath(path string) error {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return &PathError{path, "is not percent-encoded correctly"}
	}
	for _, c := range []byte(path) {
		if c <= ' ' || c >= 0x7f || c == '?' || c == '#' {
			return &PathError{path, "has characters that must be percent-encoded"}
		}
	}
	for segment := range strings.FieldsFuncSeq(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == ".." || segment == "." {
			return &PathError{path, "has a " + segment + " segment"}
		}
	}
	return nil
}

// setEscapedPath sets u's path so that these bytes go out. checkPath has been
// asked before.
func setEscapedPath(u *url.URL, escaped string) {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		plain = escaped
	}
	u.Path, u.RawPath = plain, escaped
}

// withoutCredentials returns the query without the parameters that carry keys,
// the rest byte for byte.
func withoutCredentials(query string) string {
	found := false
	for _, name := range credentialParams {
		found = found || strings.Contains(query, name)
	}
	if !found && !strings.Contains(query, "%") {
		return query
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err != nil || !isCredentialParam(plain) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

func isCredentialParam(name string) bool {
	for _, c := range credentialParams {
		if name == c {
			return true
		}
	}
	return false
}

// notPassed are the request headers that end at the gateway: those of one
// connection (RFC 9110 section 7.6.1; Keep-Alive and Proxy-Connection as RFC
// 2616 had them), those the transport sets, credentials, and what a browser or a
// proxy says about the client rather than about the call.
var notPassed = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Host": true, "Content-Length": true, "Expect": true, "Accept-Encoding": true,
	"Authorization": true, "X-Api-Key": true, "X-Goog-Api-Key": true, "Api-Key": true, "Cookie": true,
	"Origin": true, "Referer": true, "Forwarded": true, "X-Real-Ip": true, "Via": true,
}

// accountHeaders name the client's account at OpenAI, which is nobody else's
// business.
var accountHeaders = map[string]bool{
	"Openai-Organization": true, "Openai-Project": true, "Chatgpt-Account-Id": true,
}

// requestHeader returns the headers to send.
func (p *Provider) requestHeader(in RequestParts) http.Header {
	named := connectionNamed(in.Header)
	h := make(http.Header, len(in.Header)+4)
	for name, values := range in.Header {
		if p.passes(name) && !named[name] && !(in.Translated && ofDialect(name)) {
			h[name] = values
		}
	}
	if in.Translated {
		h["Content-Type"] = []string{"application/json"}
		if p.Kind == Anthropic {
			h["Anthropic-Version"] = []string{anthropicVersion}
		}
	}
	if in.BodyDecoded {
		delete(h, "Content-Encoding")
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // present and empty: Go's own is not added
	}
	if in.AcceptEncoding != "" {
		h["Accept-Encoding"] = []string{in.AcceptEncoding}
	}
	if in.Credential.secret != "" {
		name, value := p.header(in.Credential)
		h[name] = []string{value}
	}
	if p.Private() {
		h["Via"] = via(in.Header["Via"], in.Via)
	}
	for name, values := range p.Headers {
		h[name] = values
	}
	return h
}

// anthropicVersion is the version of the protocol that translations are written
// in (https://docs.claude.com/en/api/versioning, 2026-11).
const anthropicVersion = "2023-06-01"

// ofDialect tells whether a request header means something in one dialect only:
// what an SDK says of its protocol and of itself.
func ofDialect(name string) bool {
	for _, prefix := range []string{"Anthropic-", "Openai-", "X-Stainless-", "X-Goog-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "X-App"
}

// passes tells whether a request header of that canonical name goes upstream.
func (p *Provider) passes(name string) bool {
	switch {
	case notPassed[name],
		strings.HasPrefix(name, "X-Llmgw-"),
		strings.HasPrefix(name, "X-Forwarded-"),
		strings.HasPrefix(name, "Sec-Fetch-"):
		return false
	}
	return !accountHeaders[name] || p.Kind == OpenAI && (p.company == "openai" || p.company == "")
}

// via appends the gateway to the proxies a call went through.
func via(before []string, pseudonym string) []string {
	if pseudonym == "" {
		return before
	}
	return append(before[:len(before):len(before)], "1.1 "+pseudonym)
}

// connectionNamed returns the header names that Connection lists.
func connectionNamed(h http.Header) map[string]bool {
	var named map[string]bool
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			if named == nil {
				named = make(map[string]bool)
			}
			named[textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	return named
}
