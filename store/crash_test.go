package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// childEnv tells this test binary to be a server that is going to be killed.
const childEnv = "LLMGW_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		beKilled(path)
		os.Exit(1) // only a failure returns
	}
	if path := os.Getenv(repriceEnv); path != "" {
		fmt.Fprintln(os.Stderr, repriceAndBeKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// beKilled commits as fast as it can and prints what was acknowledged: "b" and
// the id after a begin, "e" and the id after an end.
func beKilled(path string) {
	s, err := Open(path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				c, a := begun(i)
				if err := s.Commit(context.Background(), Change{Call: c, Attempts: []*Attempt{a}}); err != nil {
					return
				}
				os.Stdout.WriteString("b " + c.ID + "\n")
				c, a = ended(c, a)
				if err := s.Commit(context.Background(), Change{Call: c, Attempts: []*Attempt{a}, Final: true}); err != nil {
					return
				}
				os.Stdout.WriteString("e " + c.ID + "\n")
			}
		})
	}
	wg.Wait()
}

// TestKillLosesNothing kills a server in the middle of its work, several times
// on the same file: whatever it acknowledged is there, before and after the
// next server has taken over.
func TestKillLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "llmgw.db")
	acked := map[string]string{} // id: b or e
	for range 4 {
		killAfter(t, path, fewer(2000), acked)
		status := statuses(t, openReader(t, path))
		for id, state := range acked {
			if status[id] == "" || state == "e" && status[id] == StatusRunning {
				t.Fatalf("call %s was acknowledged (%s) and is %q after the kill", id, state, status[id])
			}
		}
	}
	s := openStoreAt(t, path, Options{})
	r := openReader(t, s.Path())
	status := statuses(t, r)
	for id, state := range acked {
		if got := status[id]; got != StatusOK && (state == "e" || got != StatusInterrupted) {
			t.Fatalf("call %s was acknowledged (%s) and is %q after the next start", id, state, got)
		}
	}
	if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %q, %v", problems, err)
	}
}

func statuses(t *testing.T, r *Reader) map[string]Status {
	t.Helper()
	list, err := r.Calls(t.Context(), Query{Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]Status{}
	for _, c := range list {
		m[c.ID] = c.Status
	}
	return m
}

func killAfter(t *testing.T, path string, lines int, acked map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	for n := 0; scan.Scan(); n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		// Lines already in the pipe were acknowledged as well; the last may be
		// torn.
		if state, id, ok := strings.Cut(scan.Text(), " "); ok && len(id) == 26 {
			acked[id] = state
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the server ended by itself")
	}
}
