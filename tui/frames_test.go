package tui

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"llmgw/store"
)

// framesDir is absolute: some tests change the folder.
var framesDir, _ = filepath.Abs(filepath.Join("testdata", "frames"))

var update = flag.Bool("update", false, "write the frames that the tests compare with")

// golden compares a frame with testdata/frames/name-WxH.txt.
func golden(t *testing.T, o Options, name, keys string) {
	t.Helper()
	text, err := frame(t.Context(), o, keys)
	if text == "" {
		t.Fatal(err)
	}
	checkFrame(t, text, o.Width, o.Height)
	compare(t, fmt.Sprintf("%s-%dx%d.txt", name, o.Width, o.Height), text)
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(framesDir, name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		out := filepath.Join(t.ArtifactDir(), name)
		_ = os.WriteFile(out, []byte(got), 0o644)
		t.Errorf("%s differs; now in %s:\n%s", path, out, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n want %q\n got  %q", i+1, a, b)
		}
	}
	return ""
}

// checkFrame holds a frame to its size.
func checkFrame(t *testing.T, text string, w, h int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != h {
		t.Errorf("%dx%d: %d lines", w, h, len(lines))
	}
	for i, l := range lines {
		if got := ansi.StringWidth(l); got > w {
			t.Errorf("%dx%d: line %d is %d wide: %q", w, h, i, got, l)
		}
	}
}

// The frames that a newcomer reads, at the sizes where the shape changes.
func TestFrames(t *testing.T) {
	s := fixture(t)
	for _, f := range []struct {
		name, keys string
		w, h       int
	}{
		{"calls", "", 80, 24},
		{"calls", "j", 120, 40},
		{"calls", "j", 200, 50},
		{"calls", "", 48, 16},
		{"calls", "", 30, 6},
		{"calls", "", 100, 30},
		{"calls-faults", "e", 80, 24},
		{"calls-age", "t j j", 80, 24},
		{"calls-sorted", "s", 120, 40},
		{"calls-end", "G", 80, 24},
		{"filter", "/ m o d e l : c l a u d e space t o o k : > 5 s", 80, 24},
		{"filter-wrong", "/ m o d e l : g p t space t o o k : > 5 x", 80, 24},
		{"filter-values", "/ p r o v i d e r : a", 80, 24},
		{"help", "?", 80, 24},
		{"help", "?", 120, 40},
		{"help", "?", 48, 16},
		{"help-end", "? G", 48, 16},
		{"zoom", "tab +", 120, 40},
	} {
		t.Run(fmt.Sprintf("%s-%dx%d", f.name, f.w, f.h), func(t *testing.T) {
			golden(t, options(s.Path(), f.w, f.h), f.name, f.keys)
		})
	}
}

func frameOf(m *app) string { return strings.Join(m.lines(), "\n") }

func contains(text, what string) bool { return strings.Contains(ansi.Strip(text), what) }

// A single frame does not pretend to be live, and its error is that of the
// record.
func TestOnce(t *testing.T) {
	o := options(fixture(t).Path(), 80, 24)
	text, err := Frame(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	for what, is := range map[string]bool{"FOLLOW": false, "q quit": false, " one frame of /": true, "59 calls": true} {
		if contains(text, what) != is {
			t.Errorf("%q in the frame: want %v\n%s", what, is, text)
		}
	}
	o.Record = func() (string, bool, error) { return filepath.Join(t.TempDir(), "none.db"), false, nil }
	if text, err := Frame(t.Context(), o, ""); !errors.Is(err, store.ErrNoDatabase) || text == "" {
		t.Errorf("without a record: %v\n%s", err, text)
	}
}
