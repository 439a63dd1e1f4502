package tui

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llmgw/store"
)

// A panic leaves the terminal as it was and the stack in a private file,
// whether it comes before the first frame or while the screen is open.
func TestCrashRestoresTheTerminal(t *testing.T) {
	s := fixture(t)
	for name, panics := range map[string]func(o *Options){
		"at the start": func(o *Options) { o.Record = func() (string, bool, error) { panic("broken") } },
		"reading": func(o *Options) {
			asked := 0
			o.Record = func() (string, bool, error) {
				if asked++; asked > 1 {
					panic("broken")
				}
				return filepath.Join(o.CrashDir, "none.db"), false, nil // it is looked for again
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			o := options(s.Path(), 80, 24)
			o.Output, o.CrashDir, o.Now = &out, t.TempDir(), nil
			panics(&o)
			keep, closeInput := io.Pipe()
			defer closeInput.Close()
			err := Run(t.Context(), o, keep)
			crash, ok := errors.AsType[*CrashError](err)
			if !ok || crash.Path == "" || !strings.Contains(err.Error(), crash.Path) {
				t.Fatalf("%v", err)
			}
			info, err := os.Stat(crash.Path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			text, _ := os.ReadFile(crash.Path)
			if !bytes.Contains(text, []byte("broken")) || !bytes.Contains(text, []byte("run_test.go")) {
				t.Errorf("the file does not tell what happened:\n%s", text)
			}
			if opened, closed := strings.Count(out.String(), "\x1b[?1049h"), strings.Count(out.String(), "\x1b[?1049l"); opened != closed {
				t.Errorf("the alternate screen was opened %d times and left %d times", opened, closed)
			}
		})
	}
}

// Copying writes one sequence to the terminal, says what was copied, and
// refuses what a terminal would drop.
func TestCopy(t *testing.T) {
	s := fixture(t)
	var out bytes.Buffer
	o := options(s.Path(), 80, 24)
	o.Output = &out
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	m.catchUp()
	t.Setenv("TMUX", "")
	m.Update(m.copy("two words", "them")())
	if out.String() != "\x1b]52;c;dHdvIHdvcmRz\x07" || !contains(frameOf(m), "copied them") {
		t.Errorf("wrote %q:\n%s", out.String(), frameOf(m))
	}
	out.Reset()
	t.Setenv("TMUX", "/tmp/tmux")
	m.copy("x", "it")()
	if out.String() != "\x1b]52;c;eA==\x07\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\" {
		t.Errorf("in tmux wrote %q", out.String())
	}
	out.Reset()
	m.copy(strings.Repeat("x", copyLimit+1), "all of it")
	if out.Len() > 0 || !contains(frameOf(m), "all of it is too long to copy: 74.0 KB") {
		t.Errorf("wrote %d bytes:\n%s", out.Len(), frameOf(m))
	}
}

// A call as a command line has its body and a variable for the key.
func TestCurl(t *testing.T) {
	s := fixture(t)
	c := specs[1].change(1)
	c.Bodies = []store.Body{{Part: "request", Data: []byte(`{"text":"it's"}`)}}
	commit(t, s, c)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	msg := curl(t.Context(), s.Path(), &store.CallRow{Call: *c.Call}, "http://127.0.0.1:4747")().(curlMsg)
	want := `curl 'http://127.0.0.1:4747/v1/messages' -H "x-api-key: $ANTHROPIC_API_KEY" -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' -d '{"text":"it'\''s"}'`
	if msg.text != want {
		t.Errorf("got  %s%s\nwant %s", msg.text, msg.problem, want)
	}
	other := specs[2].change(2)
	msg = curl(t.Context(), s.Path(), &store.CallRow{Call: *other.Call}, "")().(curlMsg)
	if msg.text != "" || !strings.Contains(msg.problem, "not on record") {
		t.Errorf("without a body: %+v", msg)
	}
}

// A report that was looked at a moment ago is shown again at once, and read anew
// behind it; one from long ago is not shown.
func TestReportsDoNotFlicker(t *testing.T) {
	o := options(fixture(t).Path(), 120, 40)
	now := testNow
	o.Now = func() time.Time { return now }
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	m.catchUp()
	for _, key := range []string{"2", "3"} {
		if m.Update(keyNamed(key)); !contains(frameOf(m), "reading") {
			t.Errorf("%s shows what was never read", key)
		}
		m.catchUp()
		press(m, "1")
		if m.Update(keyNamed(key)); contains(frameOf(m), "reading") {
			t.Errorf("back on %s there is nothing for a moment", key)
		}
		press(m, "1")
		now = now.Add(2 * keptReport)
		press(m, "r")
		if m.Update(keyNamed(key)); !contains(frameOf(m), "reading") {
			t.Errorf("back on %s it shows what is long past", key)
		}
		press(m, "1")
	}
}
