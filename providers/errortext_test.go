package providers

import (
	"strings"
	"testing"
)

// What a provider says is kept in one line, and what would hide in it, or move
// the rest of it on a screen, can be seen.
func TestCleanShowsWhatHides(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		" two\n lines\t and\u00a0space ": "two lines and space",
		"a\x1b[2Jb\x07\x00":              `a\x1b[2Jb\x07\x00`,
		"pay \u202etxt\u200b":            `pay \u202etxt\u200b`,
		"\xff\ufffd\U000e0041":           `\xff` + "\ufffd" + `\U000e0041`,
		"\u0645\u06cc\u200c\u062e 模型":    "\u0645\u06cc\u200c\u062e 模型",
		strings.Repeat("é", maxText):     strings.Repeat("é", (maxText-len("…"))/2) + "…",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
