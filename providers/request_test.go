package providers

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

func TestURL(t *testing.T) {
	for _, tc := range []struct {
		kind, base, rest string
		verbatim         bool
		query, want      string
	}{
		{"openai", "https://h/v1", "/chat/completions", false, "", "https://h/v1/chat/completions"},
		{"openai", "https://h/v1/", "/chat/completions", false, "", "https://h/v1/chat/completions"},
		{"openai", "https://h", "/chat/completions", false, "", "https://h/chat/completions"},
		{"openai", "https://h/v1", "/v1/models", true, "", "https://h/v1/models"},
		{"openai", "https://h/v1", "/v1", true, "", "https://h/v1"},
		{"openai", "https://h/v1", "/v10/models", true, "", "https://h/v1/v10/models"},
		{"openai", "https://h/openai/v1", "/openai/v1/models", true, "", "https://h/openai/v1/models"},
		{"openai", "https://h/models", "/models/x", true, "", "https://h/models/models/x"},
		{"anthropic", "https://h", "/messages", false, "beta=true", "https://h/v1/messages?beta=true"},
		{"anthropic", "https://h/v1", "/messages", false, "", "https://h/v1/messages"},
		{"anthropic", "https://h/anthropic", "/messages", false, "", "https://h/anthropic/v1/messages"},
		{"anthropic", "https://h", "/v1/messages", true, "", "https://h/v1/messages"},
		{"anthropic", "https://h", "/api/claude_cli/bootstrap", true, "", "https://h/api/claude_cli/bootstrap"},
		{"gemini", "https://h", "/models/g:generateContent", false, "alt=sse&key=AIzaX", "https://h/v1beta/models/g:generateContent?alt=sse"},
		{"gemini", "https://h", "/v1/models/g:generateContent", true, "k%65y=AIzaX&alt=sse", "https://h/v1/models/g:generateContent?alt=sse"},
		{"openai", "https://h/v1", "/models/a%2Fb", true, "x=%7e&&y=a+b", "https://h/v1/models/a%2Fb?x=%7e&&y=a+b"},
		{"openai", "http://[::1]:80/v1", "//evil.example/x", true, "", "http://[::1]:80/v1//evil.example/x"},
	} {
		p := provider(t, Config{Name: "p", Kind: tc.kind, BaseURL: tc.base})
		req, err := p.NewRequest(context.Background(), RequestParts{Rest: tc.rest, Verbatim: tc.verbatim, RawQuery: tc.query})
		if err != nil {
			t.Errorf("%s + %s: %v", tc.base, tc.rest, err)
			continue
		}
		if got := req.URL.String(); got != tc.want {
			t.Errorf("%s %s + %s = %s, want %s", tc.kind, tc.base, tc.rest, got, tc.want)
		}
		if req.URL.Host != p.Base.Host || req.Host != p.Base.Host {
			t.Errorf("%s left for %s", tc.base, req.URL.Host)
		}
	}
}

func TestPathsThatCouldMeanAnotherAreRefused(t *testing.T) {
	p := provider(t, Config{Name: "p", Kind: "openai", BaseURL: "https://h/v1"})
	for _, rest := range []string{"/../admin", "/a/%2e%2e/b", "/a/..%2fb", "/a/%2E./b", `/a/..\b`, "/a%5c..%5cb", "/./a", "/%zz", "/a b", "/a\r\nX: y", "/a#b", "/a?b", "/\xff"} {
		if req, err := p.NewRequest(context.Background(), RequestParts{Rest: rest}); err == nil {
			t.Errorf("%q went out as %s", rest, req.URL)
		}
	}
	for _, rest := range []string{"/a..b", "/...", "/..a"} {
		if _, err := p.NewRequest(context.Background(), RequestParts{Rest: rest}); err != nil {
			t.Errorf("%q: %v", rest, err)
		}
	}
	if _, err := p.NewRequest(context.Background(), RequestParts{Method: "GET / HTTP/1.1\r\nX:", Rest: "/"}); err == nil {
		t.Error("a method with a line break went out")
	}
}

// arrival is one request as a server without opinions sees it.
func arrival(t *testing.T, p *Provider, in RequestParts) (line string, header []string, body string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p.Base.Host = l.Addr().String()
	type seen struct {
		line   string
		header []string
		body   string
		err    error
	}
	got := make(chan seen, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			got <- seen{err: err}
			return
		}
		defer conn.Close()
		var s seen
		r := bufio.NewReader(conn)
		s.line, s.err = r.ReadString('\n')
		for s.err == nil {
			var h string
			if h, s.err = r.ReadString('\n'); h == "\r\n" {
				break
			}
			s.header = append(s.header, strings.TrimSuffix(h, "\r\n"))
		}
		b := make([]byte, len(in.Body))
		if s.err == nil {
			_, s.err = io.ReadFull(r, b)
		}
		s.body = string(b)
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		got <- s
	}()
	req, err := p.NewRequest(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s := <-got
	if s.err != nil {
		t.Fatal(s.err)
	}
	slices.Sort(s.header)
	return strings.TrimSuffix(s.line, "\r\n"), s.header, s.body
}

func TestWhatArrives(t *testing.T) {
	p := provider(t, Config{Name: "anthropic", BaseURL: "http://127.0.0.1", Key: "sk-ant-configured", Headers: map[string]string{"X-Team": "blue"}})
	h := http.Header{
		"Anthropic-Beta":      {"a-2026-01-01,b", "c"},
		"Anthropic-Version":   {"2026-10-21"},
		"Content-Type":        {"application/json; charset=utf-8"},
		"X-Unknown":           {"  spaced \t value"},
		"X-Stainless-Os":      {"Linux"},
		"Idempotency-Key":     {"abc"},
		"User-Agent":          {"claude-cli/2.1.330 (external, sdk-cli)"},
		"Accept":              {"application/json"},
		"Authorization":       {"Bearer llmgw_0123456789abcdef0123"},
		"X-Api-Key":           {"sk-ant-client"},
		"X-Goog-Api-Key":      {"AIzaClient"},
		"Api-Key":             {"client"},
		"Cookie":              {"session=1"},
		"Connection":          {"keep-alive, X-Hop"},
		"X-Hop":               {"1"},
		"Keep-Alive":          {"timeout=5"},
		"Proxy-Authorization": {"Basic x"},
		"Proxy-Connection":    {"keep-alive"},
		"Te":                  {"trailers"},
		"Trailer":             {"X-Sum"},
		"Transfer-Encoding":   {"chunked"},
		"Upgrade":             {"h2c"},
		"Expect":              {"100-continue"},
		"Accept-Encoding":     {"gzip, deflate, br, zstd"},
		"Content-Encoding":    {"zstd"},
		"Content-Length":      {"3"},
		"Host":                {"evil.example"},
		"Origin":              {"http://localhost:3000"},
		"Sec-Fetch-Site":      {"same-site"},
		"X-Forwarded-For":     {"10.0.0.1"},
		"Forwarded":           {"for=10.0.0.1"},
		"Via":                 {"1.1 corp"},
		"X-Llmgw-Project":     {"p"},
		"X-Llmgw-Key":         {"llmgw_x"},
		"Openai-Organization": {"org-1"},
		"X-Team":              {"red"},
	}
	creds, err := p.Credentials(ClientCredential(h, nil, llm.Anthropic))
	if err != nil {
		t.Fatal(err)
	}
	before := h.Clone()
	line, header, body := arrival(t, p, RequestParts{
		Method: "POST", Rest: "/messages", RawQuery: "beta=true", Header: h, Body: []byte("{\"a\":  1e400}\n"),
		Credential: creds[0], AcceptEncoding: "identity", BodyDecoded: true, Via: "llmgw-1",
	})
	if line != "POST /v1/messages?beta=true HTTP/1.1" || body != "{\"a\":  1e400}\n" {
		t.Errorf("got %q and %q", line, body)
	}
	want := []string{
		"Accept-Encoding: identity",
		"Accept: application/json",
		"Anthropic-Beta: a-2026-01-01,b",
		"Anthropic-Beta: c",
		"Anthropic-Version: 2026-10-21",
		"Content-Length: 14",
		"Content-Type: application/json; charset=utf-8",
		"Host: " + p.Base.Host,
		"Idempotency-Key: abc",
		"User-Agent: claude-cli/2.1.330 (external, sdk-cli)",
		"Via: 1.1 corp",
		"Via: 1.1 llmgw-1",
		"X-Api-Key: sk-ant-configured",
		"X-Stainless-Os: Linux",
		"X-Team: blue",
		"X-Unknown: spaced \t value",
	}
	slices.Sort(want)
	if !slices.Equal(header, want) {
		t.Errorf("arrived:\n%s\nwant:\n%s", strings.Join(header, "\n"), strings.Join(want, "\n"))
	}
	for name, values := range before {
		if !slices.Equal(h[name], values) {
			t.Errorf("the client's %s was changed to %q", name, h[name])
		}
	}
}

func TestNothingIsAdded(t *testing.T) {
	p := provider(t, Config{Name: "p", Kind: "openai", BaseURL: "http://127.0.0.1/v1"})
	line, header, _ := arrival(t, p, RequestParts{Method: "GET", Rest: "/models"})
	if line != "GET /v1/models HTTP/1.1" || len(header) != 1 || !strings.HasPrefix(header[0], "Host: ") {
		t.Errorf("got %q with %q, want only Host", line, header)
	}
	_, header, _ = arrival(t, p, RequestParts{Method: "POST", Rest: "/responses/r/cancel"})
	slices.Sort(header)
	if len(header) != 2 || header[0] != "Content-Length: 0" {
		t.Errorf("an empty POST arrived with %q", header)
	}
}

func TestPublicUpstreamsDontHearOfTheGateway(t *testing.T) {
	p := provider(t, Config{Name: "openai", Key: "k"})
	req, err := p.NewRequest(context.Background(), RequestParts{Rest: "/chat/completions", Header: http.Header{"Via": {"1.1 x"}}, Body: []byte("{}"), Via: "llmgw-1"})
	if err != nil {
		t.Fatal(err)
	}
	if v := req.Header["Via"]; v != nil {
		t.Errorf("Via: %q", v)
	}
	if req.GetBody != nil {
		t.Error("GetBody is set: the transport may send the call twice")
	}
}

func TestAccountsStayAtTheirCompany(t *testing.T) {
	for name, want := range map[string]bool{"openai": true, "groq": false, "anthropic": false} {
		p := provider(t, Config{Name: name, Key: "k"})
		req, err := p.NewRequest(context.Background(), RequestParts{Rest: "/x", Header: http.Header{"Openai-Organization": {"org-1"}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("Openai-Organization") != ""; got != want {
			t.Errorf("%s hears of the organisation: %v", name, got)
		}
	}
}

func TestBaseURLTricks(t *testing.T) {
	for _, base := range []string{
		"https://user:pw@h/v1", "https://h/v1?x=1", "https://h/v1#x", "https://h#.openai.azure.com/v1", "ftp://h/v1",
		"h/v1", "https:///v1", "https://h/a/../b", "//h/v1", "https://h/v1?", "https://h/%2e%2e/b",
	} {
		if p, err := New(Config{Name: "p", Kind: "openai", BaseURL: base}, noEnv); err == nil {
			t.Errorf("%s became %s", base, p.Base)
		}
	}
}

func FuzzURLStaysOnTheHost(f *testing.F) {
	f.Add("/chat/completions", "key=1&a=b")
	f.Add("//evil.example/%2f..", "a=%zz&key")
	f.Add("@evil.example/", "#")
	f.Fuzz(func(t *testing.T, rest, query string) {
		p := &Provider{Name: "p", Kind: OpenAI, Base: &url.URL{Scheme: "https", Host: "h.example", Path: "/v1", RawPath: "/v1"}}
		req, err := p.NewRequest(context.Background(), RequestParts{Rest: rest, RawQuery: query})
		if err != nil {
			return
		}
		if req.URL.Host != "h.example" || !strings.HasPrefix(req.URL.EscapedPath(), "/v1") {
			t.Errorf("%q goes to %s", rest, req.URL)
		}
		if strings.Contains(req.URL.Path, "/../") {
			t.Errorf("%q goes up: %s", rest, req.URL.Path)
		}
		values, err := url.ParseQuery(req.URL.RawQuery)
		if err == nil && values.Has("key") {
			t.Errorf("the query %q keeps a key: %s", query, req.URL.RawQuery)
		}
	})
}
