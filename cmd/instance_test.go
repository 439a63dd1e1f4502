package cmd

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llmgw/store"
)

// register makes this process an instance that serves a database of that name
// and returns its path: alive is who holds the lock.
func register(t *testing.T, name string, i store.Instance) string {
	t.Helper()
	i.PID, i.DB = os.Getpid(), filepath.Join(t.TempDir(), name)
	s, err := store.Open(i.DB, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	dir, err := store.RuntimeDir()
	if err != nil {
		t.Fatal(err)
	}
	remove, err := store.RegisterInstance(dir, i)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return i.DB
}

// Readers mean the newest instance, a demo last; clients never a demo.
func TestInstancesAreFound(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	var said strings.Builder
	g := &globals{stderr: &said}
	now := time.Now()
	demo := register(t, "demo.db", store.Instance{Demo: true, StartedAt: now})
	if i, ok := g.runningInstance(); ok {
		t.Errorf("a client would call the demo %+v", i)
	}
	if got, err := g.database(); err != nil || got != demo || !strings.Contains(said.String(), "demo.db (a running demo") {
		t.Errorf("only a demo runs: %q, %v, said %q", got, err, said.String())
	}
	old := register(t, "old.db", store.Instance{StartedAt: now.Add(-time.Hour)})
	newest := register(t, "new.db", store.Instance{StartedAt: now.Add(-time.Minute)})
	if got, err := g.database(); err != nil || got != newest || !strings.Contains(said.String(), "new.db (running") {
		t.Errorf("two run: %q, %v, said %q", got, err, said.String())
	}
	if i, ok := g.runningInstance(); !ok || i.DB != newest {
		t.Errorf("to call: %+v, %v", i, ok)
	}
	g.db = old
	if i, ok := g.runningInstance(); !ok || i.DB != old {
		t.Errorf("the one on --db: %+v, %v", i, ok)
	}
}

// Where a gateway runs, `llmgw run` uses it.
func TestRunUsesTheRunningGateway(t *testing.T) {
	called := make(chan string, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called <- r.URL.EscapedPath() }))
	defer gateway.Close()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("LLMGW_CONFIG", "")
	register(t, "rec.db", store.Instance{Listen: gateway.Listener.Addr().String(), StartedAt: time.Now()})
	out, err := exec.Command("llmgw", "run", "--project", "a b", "--", "ask").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	select {
	case got := <-called:
		if got != "/p/a%20b/v1/chat/completions" {
			t.Errorf("called %s", got)
		}
	default:
		t.Errorf("not called:\n%s", out)
	}
	// Nothing was recorded, since this is no real gateway: that is noticed.
	if !strings.Contains(string(out), "ask made no call") {
		t.Errorf("it said:\n%s", out)
	}
}
