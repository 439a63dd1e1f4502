package tui

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llmgw/store"
)

// The states in which there is nothing to list, or nobody writes: each says
// what to do.
func TestStates(t *testing.T) {
	stopped := fixture(t)
	closeStore(t, stopped)
	empty := openFixture(t)
	fillSetup(t, empty)
	closeStore(t, empty) // by then the setup is in the file
	openFixtureAt(t, empty.Path())
	foreign := filepath.Join(t.TempDir(), "notes.db")
	if err := os.WriteFile(foreign, []byte("SQLite format 3\x00 but not really, and long enough to be looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "llmgw.db")
	for _, s := range []struct{ name, path, keys string }{
		{"stopped", stopped.Path(), ""},
		{"empty", empty.Path(), ""},
		{"trouble", foreign, ""},
		{"trouble", foreign, "3"}, // the same below another tab
		{"missing", missing, ""},
	} {
		t.Run(s.name, func(t *testing.T) {
			o := options(s.path, 80, 24)
			if s.name == "stopped" {
				o.Now = func() time.Time { return testNow.Add(12 * time.Minute) }
			}
			hidePath(t, &o, s.path)
			if s.keys != "" {
				s.name += "-" + s.keys
			}
			golden(t, o, "state-"+s.name, s.keys)
			o.once = true
			golden(t, o, "state-"+s.name+"-once", s.keys)
		})
	}
}

// A single frame promises nothing that only a screen which stays can do.
func TestOncePromisesNothing(t *testing.T) {
	for _, name := range []string{"empty", "missing", "trouble", "stopped"} {
		text, err := os.ReadFile(filepath.Join(framesDir, "state-"+name+"-once-80x24.txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, promise := range []string{"again in", "by itself", "the moment", "(r now)", "FOLLOW", "q quit"} {
			if strings.Contains(string(text), promise) {
				t.Errorf("%s: a single frame says %q:\n%s", name, promise, text)
			}
		}
	}
}

// hidePath keeps the path of this run out of a frame: the record is read
// through a link from a folder that is the working one.
func hidePath(t *testing.T, o *Options, path string) {
	t.Helper()
	t.Chdir(filepath.Dir(path))
	name := filepath.Base(path)
	o.Record = func() (string, bool, error) { return name, false, nil }
}

func closeStore(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(t.Context()); err != nil && !errors.Is(err, store.ErrClosed) {
		t.Fatal(err)
	}
}

// A screen that was started before anything else comes alive by itself: first
// there is no record, then a server without calls, then a call, then a
// configuration that cannot be loaded, and at last the server is gone.
func TestScreenComesAlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "llmgw.db")
	o := options(path, 80, 24)
	now := testNow
	o.Now = func() time.Time { return now }
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	expect := func(what string) {
		t.Helper()
		m.catchUp()
		if text := frameOf(m); !contains(text, what) {
			t.Fatalf("the screen does not say %q:\n%s", what, text)
		}
	}
	expect("no llmgw is running")
	s, err := store.Open(path, store.Options{Now: func() time.Time { return testNow }, Owner: store.Instance{Listen: "127.0.0.1:4747", StartedAt: now}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	now = now.Add(totalsEvery)
	expect("No calls yet. llmgw is listening on http://127.0.0.1:4747")
	commit(t, s, specs[1].change(1))
	expect("bedrock ← anthropic 529")
	s.SetReload(store.Reload{At: now, Error: "line 3: no such key"})
	commit(t, s, specs[2].change(2)) // with it or after it
	now = now.Add(totalsEvery)
	expect("reload failed at 14:02:36, the old configuration stays in force: line 3")
	now = now.Add(time.Minute)
	expect("serve lives but has recorded nothing for 1m")
	closeStore(t, s)
	now = now.Add(serverEvery)
	expect("serve not running")
}

// The screen goes over to a server that comes up on another file, and stays
// with what it reads when that one's server ends and no other lives.
func TestScreenFollowsTheServer(t *testing.T) {
	old, young := fixture(t), openFixture(t)
	closeStore(t, old)
	closeStore(t, young)
	path, served := old.Path(), false
	o := options("", 80, 24)
	o.Record = func() (string, bool, error) { return path, served, nil }
	now := testNow
	o.Now = func() time.Time { return now }
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	expect := func(step, want string) {
		t.Helper()
		now = now.Add(serverEvery)
		if m.catchUp(); m.snap.path != want {
			t.Errorf("%s: it reads %s, want %s", step, m.snap.path, want)
		}
	}
	expect("at the start", old.Path())
	path = young.Path()
	expect("another file is configured", old.Path())
	s := openFixtureAt(t, young.Path())
	served = true
	expect("a server came up", young.Path())
	path, served = old.Path(), false
	closeStore(t, s)
	expect("it went", young.Path())
}

// A record that is replaced is read anew from its newest call on; one that is
// deleted says so, and the screen comes alive when it is back. No other file is
// shown meanwhile.
func TestScreenOfAFileThatWasReplaced(t *testing.T) {
	first, second := fixture(t), openFixture(t)
	commit(t, second, specs[4].change(4))
	closeStore(t, first)
	closeStore(t, second)
	dir := t.TempDir()
	path, aside := filepath.Join(dir, "rec.db"), filepath.Join(dir, "aside.db")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(first.Path(), path)
	configured := path
	o := options("", 80, 24)
	o.Record = func() (string, bool, error) { return configured, false, nil }
	now := testNow
	o.Now = func() time.Time { return now }
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	look := func(has, lacks string) {
		t.Helper()
		now = now.Add(serverEvery)
		m.catchUp()
		if text := frameOf(m); !contains(text, has) || contains(text, lacks) {
			t.Fatalf("the screen should say %q and not %q:\n%s", has, lacks, text)
		}
	}
	look("bedrock ← anthropic 529", "Cannot read")
	m.calls.unfollow(m.snap)
	m.calls.cursor = m.snap.window.rows[5].ID
	move(path, aside)
	move(second.Path(), path)
	look("gemini-2.5-pro", "bedrock ← anthropic 529")
	if m.calls.cursor != m.snap.window.rows[0].ID || !m.calls.follow {
		t.Errorf("the cursor stays on %s", m.calls.cursor)
	}
	configured = aside
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look("it was deleted or moved away", "gemini-2.5-pro")
	look("it was deleted or moved away", "bedrock")
	move(aside, path)
	look("bedrock ← anthropic 529", "Cannot read")
}

// How long ago the server stopped goes on by itself.
func TestStoppedGoesOn(t *testing.T) {
	s := fixture(t)
	closeStore(t, s)
	o := options(s.Path(), 80, 24)
	now := testNow
	o.Now = func() time.Time { return now }
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	m.catchUp()
	if m.startTicking() == nil {
		t.Error("no clock goes")
	}
	before := frameOf(m)
	now = now.Add(3 * time.Second)
	if m.Update(tickMsg(now)); frameOf(m) == before {
		t.Errorf("3 s later it still says\n%s", before)
	}
}
