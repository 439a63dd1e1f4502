package cmd

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// behind starts a gateway with one more provider, "other", answered by h.
func behind(t *testing.T, h http.HandlerFunc) *gateway {
	t.Helper()
	other := httptest.NewServer(h)
	t.Cleanup(other.Close)
	return startGateway(t, fmt.Sprintf("[[provider]]\nname = \"other\"\nkind = \"openai\"\nbase_url = \"%s/v1\"\nkey = \"sk-other-configured-0003\"\n", other.URL))
}

// An answer that arrived whole, of a length that was not announced, once went
// out with 200 whatever its status was.
func TestStatusPassesThrough(t *testing.T) {
	g := behind(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"file-1"}`)
		_ = http.NewResponseController(w).Flush() // chunked
	})
	resp, err := http.Post(g.base+"/provider/other/v1/files", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated || string(body) != `{"id":"file-1"}` || err != nil {
		t.Errorf("got %d %s, %v", resp.StatusCode, body, err)
	}
	g.stop()
	if strings.Contains(g.stderr.String(), "superfluous") {
		t.Errorf("it said:\n%s", g.stderr)
	}
}
