package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"llmgw/store"
)

// Text of any kind is cut into lines that fit, and nothing of it is lost.
func TestWrappedText(t *testing.T) {
	long := strings.Repeat("plain text 模型 👩‍👩‍👧‍👦 e\u0301\u0301 \x1b[31m ", 200)
	for _, text := range append(hostile, long) {
		for _, w := range []int{2, 3, 10, 79} {
			var lines []string
			lines = appendWrapped(lines, text, w)
			if got, want := strings.Join(lines, ""), store.Clean(strings.ReplaceAll(text, "\t", "    ")); got != want {
				t.Errorf("width %d: %q became %q", w, want, got)
			}
			for _, l := range lines {
				if ansi.StringWidth(l) > w {
					t.Errorf("width %d: %q is %d wide", w, l, ansi.StringWidth(l))
				}
			}
		}
	}
}

// A body of megabytes is shown and searched like a short one, and says that it
// was cut.
func TestLargeBody(t *testing.T) {
	s := fixture(t)
	r, err := store.OpenReader(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	last, err := r.Calls(t.Context(), store.Query{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	data := []byte(`{"text":"` + strings.Repeat("0123456789", 300_000) + `needle"}`)
	err = s.Commit(t.Context(), store.Change{Call: &last[1].Call, Bodies: []store.Body{{
		Part: "request", Data: data, Size: 9_000_000, Truncated: true, ContentType: "application/json", Headers: "A: b",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil { // bodies may reach the file later than the rest
		t.Fatal(err)
	}
	for keys, want := range map[string][]string{
		"j enter b":                       {"  A: b", "cut: 3.0 MB of 9.0 MB", "application/json", " 1 of 38,466", `"text": "012345`},
		"j enter b / n e e d l e enter":   {"▸ ", "needle"},
		"j enter b G":                     {"38,449 of", "needle"},
		"j enter b / n o w h e r e":       {"not found"},
		"j enter b b":                     {"response of …", "not kept"},
		"j enter b / n e e d l e enter p": {"▸ ", "needle"},
	} {
		frame, err := Frame(t.Context(), options(s.Path(), 80, 24), keys)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(frame, w) {
				t.Errorf("%s: no %q:\n%s", keys, w, frame)
			}
		}
	}
}
