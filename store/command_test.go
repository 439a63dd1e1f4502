package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, Options{})
		go func() {
			for c := range s.Commands() {
				if c.Verb == "fail" {
					s.Answer(c.ID, "", errors.New("no such target"))
					continue
				}
				s.Answer(c.ID, c.Verb+" "+strings.Join(c.Args, ","), nil)
			}
		}()
		for range 3 {
			got, err := SendCommand(t.Context(), s.Path(), "reset", []string{"openai/gpt-5", "it's"})
			if err != nil || got != "reset openai/gpt-5,it's" {
				t.Errorf("answer %q, %v", got, err)
			}
		}
		_, err := SendCommand(t.Context(), s.Path(), "fail", nil)
		if refused, ok := errors.AsType[*CommandError](err); !ok || refused.Reason != "no such target" {
			t.Errorf("a refusal: %v", err)
		}
		closeStore(t, s)
		for _, path := range []string{s.Path(), filepath.Join(t.TempDir(), "none.db")} {
			if _, err := SendCommand(t.Context(), path, "reset", nil); !errors.Is(err, ErrNotRunning) {
				t.Errorf("without a server: %v", err)
			}
		}
	})
}

// TestUnansweredCommandIsWithdrawn is a server that is stuck.
func TestUnansweredCommandIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, Options{})
		start := time.Now()
		if _, err := SendCommand(t.Context(), s.Path(), "reset", nil); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("without an answer: %v", err)
		}
		if took := time.Since(start); took < answerWithin || took > answerWithin+time.Second {
			t.Errorf("gave up after %v", took)
		}
		var left int
		r := openReader(t, s.Path())
		if err := r.db.QueryRowContext(t.Context(), "SELECT count(*) FROM commands").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d commands are left, %v", left, err)
		}
	})
}

// A server that starts empties the table: what it was asked meanwhile is asked
// again.
func TestCommandToAStartingServerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, Options{})
		go func() {
			lost := <-s.Commands()
			c, err := openConn(s.Path(), "")
			if err == nil {
				err = errors.Join(c.exec("DELETE FROM commands"), c.close())
			}
			if err != nil {
				t.Error(err)
			}
			again := <-s.Commands()
			if again.ID == lost.ID || again.Verb != lost.Verb {
				t.Errorf("%+v, then %+v", lost, again)
			}
			s.Answer(again.ID, "done", nil)
		}()
		if text, err := SendCommand(t.Context(), s.Path(), "reset", nil); err != nil || text != "done" {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func TestInstances(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run[1]")
	if list, err := Instances(dir); err != nil || len(list) != 0 {
		t.Errorf("before any ran: %v, %v", list, err)
	}
	db := func() string { return openStore(t, Options{}).Path() }
	started := epoch
	add := func(i Instance) Instance {
		if i.PID == 0 {
			i.PID = os.Getpid()
		}
		if i.StartedAt.IsZero() {
			started = started.Add(time.Second)
			i.StartedAt = started
		}
		remove, err := RegisterInstance(dir, i)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(remove)
		return i
	}
	old := add(Instance{Listen: "127.0.0.1:1", DB: db()})
	demo := add(Instance{Listen: "127.0.0.1:2", DB: db(), Demo: true})
	newest := add(Instance{Listen: "127.0.0.1:3", DB: db()})
	add(Instance{Listen: "127.0.0.1:4", DB: db(), PID: 1 << 22, StartedAt: epoch}) // beyond any pid
	add(Instance{Listen: "127.0.0.1:5", DB: filepath.Join(dir, "gone.db")})        // its pid was reused
	if err := os.WriteFile(filepath.Join(dir, "torn"+instanceSuffix), []byte(`{"pid":`), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := Instances(dir)
	if err != nil || !slices.Equal(list, []Instance{newest, old, demo}) {
		t.Errorf("alive: %+v, %v", list, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Errorf("%d files are left, %v; want those of the living", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
}
