package cmd

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/klauspost/compress/zstd"

	"llmgw/store"
)

// exchange is what came back for one request.
type exchange struct {
	status int
	header http.Header
	body   string
}

// raw sends bytes as they are, which no HTTP client would, and reads what
// comes back.
func (g *gateway) raw(request string) exchange {
	g.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.base, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, request) }() // the answer may come before all of it is read
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		g.t.Fatalf("%.80q: %v", request, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("%.80q: %v", request, err)
	}
	return exchange{resp.StatusCode, resp.Header, string(body)}
}

// post sends a body with the given headers, names and values in turn.
func (g *gateway) post(path string, body io.Reader, headers ...string) exchange {
	g.t.Helper()
	req, err := http.NewRequest("POST", g.base+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return exchange{resp.StatusCode, resp.Header, string(text)}
}

// arrivals counts what reached the providers.
func (g *gateway) arrivals() int { return len(g.openai.Ledger()) + len(g.anthropic.Ledger()) }

const hello = `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`

// A page of another site, whatever method and path it tries, is refused before
// anything else, gets no header that would let it read the answer, and leaves
// a row (SF-A1).
func TestPagesAreRefused(t *testing.T) {
	g := startGateway(t, "")
	host := strings.TrimPrefix(g.base, "http://")
	attacks := []string{
		"Host: evil.example",
		"Host: 0.0.0.0:4747", // which browsers once took for this machine
		"Host: " + host + "\r\nOrigin: https://evil.example",
		"Host: " + host + "\r\nOrigin: null",
		"Host: " + host + "\r\nOrigin: ",
		"Host: " + host + "\r\nOrigin: http://127.0.0.1:1", // another program's page
		"Host: " + host + "\r\nSec-Fetch-Site: cross-site",
		"Host: " + host + "\r\nSec-Fetch-Site: same-site",
		"Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin", // rebound
	}
	tried := 0
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FROB"} {
		for _, path := range []string{"/", "/healthz", "/readyz", "/v1/chat/completions", "/v1/messages", "/v1/models", "/provider/openai/v1/models", "/p/x/v1/embeddings", "/nothing"} {
			for _, attack := range attacks {
				tried++
				got := g.raw(method + " " + path + " HTTP/1.1\r\n" + attack + "\r\nAccess-Control-Request-Method: POST\r\nContent-Type: text/plain\r\nContent-Length: " + fmt.Sprint(len(hello)) + "\r\nConnection: close\r\n\r\n" + hello)
				if got.status != http.StatusForbidden || got.header.Get("X-Llmgw-Error") != "forbidden_origin" {
					t.Errorf("%s %s with %q: %d %s", method, path, attack, got.status, got.body)
				}
				for name := range got.header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s with %q: the answer has %s", method, path, attack, name)
					}
				}
			}
		}
	}
	if n := g.arrivals(); n != 0 {
		t.Errorf("%d requests reached a provider", n)
	}
	reader, err := store.OpenReader(g.db())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	blocked := 0
	for _, l := range g.logs() {
		if l.Status == "blocked" && *l.Error == "forbidden_origin" {
			blocked++
		}
		if kept, err := reader.Bodies(t.Context(), l.ID); err != nil || len(kept) > 0 {
			t.Errorf("%d bodies are kept of a page's request, %v", len(kept), err)
		}
	}
	if blocked != tried {
		t.Errorf("%d rows say forbidden_origin, want %d", blocked, tried)
	}
}

// zeros is n bytes of nothing, compressed to almost nothing.
func zeros(t *testing.T, encoding string, n int64) *bytes.Buffer {
	t.Helper()
	var packed bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&packed)
	if encoding == "zstd" {
		var err error
		if w, err = zstd.NewWriter(&packed); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.CopyN(w, endless{}, n); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &packed
}

// endless reads zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// peak is the most memory the server held so far, in bytes; 0 where the system
// does not say.
func (g *gateway) peak() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kb int64
	_, _ = fmt.Sscan(after, &kb)
	return kb << 10
}

// A body over server.max_request is refused whether it comes large or becomes
// large, and a megabyte that unpacks to a thousand does not take the memory
// that it asks for.
func TestLargeBodiesAreRefused(t *testing.T) {
	const most = 64 << 20
	for _, tc := range []struct {
		name, encoding string
		body           io.Reader
	}{
		{"gzip bomb", "gzip", zeros(t, "gzip", 1<<30)},
		{"zstd bomb", "zstd", zeros(t, "zstd", 1<<30)},
		{"chunked", "identity", io.MultiReader(io.LimitReader(endless{}, most), strings.NewReader("x"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := startGateway(t, "")
			got := g.post("/v1/chat/completions", tc.body, "Content-Encoding", tc.encoding)
			if got.status != http.StatusRequestEntityTooLarge || got.header.Get("X-Llmgw-Error") != "too_large" {
				t.Errorf("%d %s", got.status, got.body)
			}
			if n := g.arrivals(); n != 0 {
				t.Errorf("%d requests reached a provider", n)
			}
			peak := g.peak()
			if peak > 8*most || peak == 0 && runtime.GOOS == "linux" {
				t.Errorf("the server held %d MB", peak>>20)
			}
		})
	}
}

// A path that could mean another one to somebody who decodes or cleans it goes
// nowhere, none leads to another host, and what is odd but clear arrives as it
// was sent (SF-A3).
func TestPathsStayInside(t *testing.T) {
	g := startGateway(t, "")
	get := func(path string) exchange {
		return g.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	}
	for _, path := range []string{
		"/provider/openai/../../etc/passwd", "/provider/openai/v1/../../admin", "/provider/openai/%2e%2e/admin", "/provider/openai/v1/%2E./x",
		"/provider/openai/..%2fadmin", "/provider/openai/..%5cadmin", "/provider/openai/v1/models/%2e%2e%2fx", "/v1/models/../../x",
		"/v1/%2e%2e/x", "/p/x/v1/../y", "//evil.example/v1/models", "/provider//v1/models", "/provider/nobody/v1/models",
		"/provider/openai@evil.example/v1/models", "/provider/evil.example/v1/models", "/provider/openai%2f@evil.example/v1/models",
		"/provider/openai%00/v1/models", "/provider/openai/./v1", "/provider/openai", "/provider/openai/", "/provider/", "/p//v1/models", "/v1", "/v1/",
	} {
		if got := get(path); got.status < 400 || got.status >= 500 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if n := g.arrivals(); n != 0 {
		t.Errorf("%d requests reached a provider", n)
	}
	odd := []string{"/v1/models/%00", "/v1/models/%0d%0aX-Evil:1", "/v1/models/a%20b", "/v1/models%23@evil.example", "/v1/models"}
	for _, path := range odd {
		get(path)
	}
	for i, a := range g.openai.Ledger() {
		if a.Path != odd[i] || a.Header.Get("X-Evil") != "" {
			t.Errorf("%s arrived as %s, %v", odd[i], a.Path, a.Header)
		}
	}
	if n := g.arrivals(); n != len(odd) {
		t.Errorf("%d of %d arrived", n, len(odd))
	}
}

// What clients say of themselves is kept and shown, and can neither add a
// header to an answer nor move a cursor.
func TestWordsOfClientsAreOnlyWords(t *testing.T) {
	g := startGateway(t, "")
	body := `{"model":"x\r\nX-Evil: 1\u001b[31m\u202e","messages":[{"role":"user","content":"hi"}]}`
	got := g.raw("POST /p/pro%0d%0aX-Evil:%201%1b[31m/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" +
		"User-Agent: \u009b31m\u202eagent\r\nX-Llmgw-Session: s\u009b31m\tx\r\nX-Llmgw-Tags: a=\u009b2J,b\r\n" +
		"Connection: close\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	if got.status != 200 || got.header.Get("X-Llmgw-Error") != "" || got.header.Get("X-Llmgw-Provider") != "openai" {
		t.Errorf("%d %v\n%s", got.status, got.header, got.body)
	}
	mine := g.raw("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Llmgw-Call-Id: mine\r\nX-Llmgw-Provider: mine\r\n" +
		fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	if mine.status != 400 || mine.header.Get("X-Llmgw-Call-Id") == "mine" || mine.header.Get("X-Llmgw-Provider") != "" {
		t.Errorf("headers that only llmgw sets: %d %v\n%s", mine.status, mine.header, mine.body)
	}
	for name, values := range got.header {
		if name == "X-Evil" || strings.ContainsFunc(strings.Join(values, ""), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: %q", name, values)
		}
	}
	for _, args := range [][]string{{"logs"}, {"logs", "--format", "csv"}, {"logs", "--format", "jsonl"}, {"show", "last"}} {
		out, err := g.command(args...).Output()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, stderrOf(err))
		}
		if i := bytes.IndexFunc(out, func(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) }); i >= 0 {
			t.Errorf("%v printed %q", args, out[max(0, i-20):min(len(out), i+20)])
		}
	}
}

// llmgw's own keys, its own headers and keys in the query end here, whichever
// way they came, and no provider sees what another is authenticated with
// (SF-A5).
func TestNothingOfOursGoesUpstream(t *testing.T) {
	g := startGateway(t, "")
	const own = "llmgw_0123456789abcdefghijklmnopqrstuv"
	for _, path := range []string{"/v1/chat/completions", "/v1/messages", "/provider/openai/v1/chat/completions"} {
		for _, headers := range [][]string{
			{"Authorization", "Bearer " + own}, {"Authorization", own}, {"X-Api-Key", own}, {"X-Goog-Api-Key", own}, {"X-Llmgw-Key", own}, {"Api-Key", own},
			{"Authorization", "Bearer " + own, "X-Api-Key", "sk-ant-client-own-key-12345678"},
			{"Cookie", "k=" + own}, {"Proxy-Authorization", "Bearer " + own},
		} {
			headers = append(headers, "Anthropic-Version", "2023-06-01", "X-Llmgw-Project", "secret-project", "X-Llmgw-Session", "secret-session", "Connection", "X-Hop", "X-Hop", "secret-hop")
			g.post(path+"?key="+own+"&a=b&access_token="+own+"&k%65y="+own, strings.NewReader(`{"model":"any","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`), headers...)
		}
	}
	all := slices.Concat(g.openai.Ledger(), g.anthropic.Ledger())
	if len(all) != 27 {
		t.Errorf("%d arrivals, want 27", len(all))
	}
	for _, a := range all {
		sent := fmt.Sprint(a.Path, "?", a.Query, " ", a.Header)
		for _, secret := range []string{"llmgw_", own[len(own)-4:], "5678", "secret-", "X-Llmgw"} {
			if strings.Contains(sent, secret) {
				t.Errorf("%s went upstream: %s", secret, sent)
			}
		}
		if !strings.Contains(a.Query, "a=b") {
			t.Errorf("the rest of the query did not go upstream: %s", sent)
		}
	}
}

// A client that sends all of a body before it looks for an answer, as Python's
// do, sees the refusal too and not a broken pipe.
func TestRefusalReachesWhoSendsFirst(t *testing.T) {
	g := startGateway(t, "")
	const size = 200 << 20
	for _, head := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n", size), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size)} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"+head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(conn, endless{}, size); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(head, "Transfer") {
			if _, err := io.WriteString(conn, "\r\n0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusRequestEntityTooLarge || resp.Header.Get("X-Llmgw-Error") != "too_large" {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		resp.Body.Close()
	}
}

// A client that asks first is refused before it sends its body.
func TestRefusalBeforeTheBody(t *testing.T) {
	g := startGateway(t, "")
	got := g.raw("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108865\r\nExpect: 100-continue\r\n\r\n")
	if got.status != http.StatusRequestEntityTooLarge || got.header.Get("X-Llmgw-Error") != "too_large" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Headers of ten thousand bytes are ordinary (Codex sends its turn's metadata in
// one); those of megabytes are refused, and the server goes on.
func TestLongHeaders(t *testing.T) {
	g := startGateway(t, "")
	if got := g.post("/v1/chat/completions", strings.NewReader(hello), "X-Codex-Turn-Metadata", strings.Repeat("m", 10_000)); got.status != 200 {
		t.Errorf("10 kB: %d %s", got.status, got.body)
	}
	if n := len(g.openai.Ledger()[0].Header.Get("X-Codex-Turn-Metadata")); n != 10_000 {
		t.Errorf("%d bytes of the header arrived", n)
	}
	if got := g.raw("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("m", 3<<20) + "\r\n\r\n"); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("3 MB: %d %s", got.status, got.body)
	}
	if got := g.post("/v1/chat/completions", strings.NewReader(hello)); got.status != 200 {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}

// Only the user can read the record (SF-A6).
func TestFilesAreTheUsersOwn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there the profile's rights protect them")
	}
	g := startGateway(t, "")
	g.post("/v1/chat/completions", strings.NewReader(hello))
	reader, err := store.OpenReader(g.db()) // a reader must not widen them
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.Calls(context.Background(), store.Query{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	folder := strings.TrimSuffix(g.db(), "/llmgw.db")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 3 {
		t.Errorf("only %v are there", entries)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
}
