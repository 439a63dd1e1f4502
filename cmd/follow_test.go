package cmd

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/store"
)

// A followed log has each call once, when it has ended, although its row is
// written before and, with its bodies, after that.
func TestLogsFollowShowsEachCallOnceItEnded(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes there cannot be sent an interrupt")
	}
	path := filepath.Join(t.TempDir(), "rec.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	start := time.Now().Add(-time.Minute)
	commit := func(n int, status store.Status) {
		t.Helper()
		at := start.Add(time.Duration(n) * time.Second)
		c := store.Call{
			ID: store.NewID(at)[:10] + strings.Repeat("0", 15) + string(rune('0'+n)), StartedAt: at, FirstToken: -1,
			Dialect: llm.OpenAIChat, Endpoint: "chat", ModelRequested: "m", Status: status,
		}
		if status != store.StatusRunning {
			c.FinishedAt = at.Add(time.Second)
		}
		if err := s.Commit(t.Context(), store.Change{Call: &c, Final: status != store.StatusRunning}); err != nil {
			t.Fatal(err)
		}
	}
	commit(1, store.StatusOK)
	commit(2, store.StatusRunning)

	logs := exec.Command("llmgw", "logs", "-f", "--db", path, "--format", "jsonl")
	logs.Env = append(os.Environ(), "LLMGW_CONFIG=")
	out, err := logs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next := func() string {
		t.Helper()
		var call struct{ ID, Status string }
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &call) != nil {
			t.Fatalf("the log ended with %q, %v", lines.Text(), lines.Err())
		}
		return call.ID[25:] + " " + call.Status
	}
	if got := next(); got != "1 ok" {
		t.Errorf("first %q", got)
	}
	commit(3, store.StatusRunning)
	commit(2, store.StatusError)
	if got := next(); got != "2 error" {
		t.Errorf("then %q", got)
	}
	commit(2, store.StatusError)
	commit(3, store.StatusTruncated)
	if got := next(); got != "3 truncated" {
		t.Errorf("then %q", got)
	}
	if err := logs.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() {
		t.Errorf("and then %s", lines.Text())
	}
	if err := logs.Wait(); err != nil {
		t.Errorf("an interrupt is the ordinary end, not %v", err)
	}
}

// A followed log goes on with the file that takes the place of the one it reads.
func TestLogsFollowAReplacedFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files that are open cannot be moved there")
	}
	path := filepath.Join(t.TempDir(), "rec.db")
	record := func(n int) {
		t.Helper()
		s, err := store.Open(path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		c := store.Call{
			ID: store.NewID(at)[:10] + strings.Repeat("0", 15) + string(rune('0'+n)), StartedAt: at, FinishedAt: at, FirstToken: -1,
			Dialect: llm.OpenAIChat, Endpoint: "chat", ModelRequested: "m", Status: store.StatusOK,
		}
		if err := s.Commit(t.Context(), store.Change{Call: &c, Final: true}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	record(1)
	logs := exec.Command("llmgw", "logs", "-f", "--db", path, "--format", "jsonl")
	logs.Env = append(os.Environ(), "LLMGW_CONFIG=")
	out, err := logs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 1; n <= 2; n++ {
		if !lines.Scan() || !strings.Contains(lines.Text(), strings.Repeat("0", 15)+string(rune('0'+n))) {
			t.Fatalf("line %d is %q, %v", n, lines.Text(), lines.Err())
		}
		if n == 1 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			record(2)
		}
	}
	if err := logs.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := logs.Wait(); err != nil {
		t.Errorf("an interrupt is the ordinary end, not %v", err)
	}
}
