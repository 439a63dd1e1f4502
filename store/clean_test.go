package store

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain, äöü 日本語 👩‍💻":      "plain, äöü 日本語 👩‍💻",
		"می\u200cخواهم":           "می\u200cخواهم",
		"":                        "",
		"a\x1b[31mred":            `a\x1b[31mred`,
		"two\nlines\r\n\tand tab": `two\nlines\r\n\tand tab`,
		"nul\x00 del\x7f":         `nul\x00 del\x7f`,
		"c1 \u009b31m":            `c1 \u009b31m`,
		"bidi \u202egpj.exe":      `bidi \u202egpj.exe`,
		"isolate \u2066x\u2069":   `isolate \u2066x\u2069`,
		"mark \u200f":             `mark \u200f`,
		"line \u2028separator":    `line \u2028separator`,
		"tag \U000e0041":          `tag \U000e0041`,
		"broken \xff\xfe utf8":    `broken \xff\xfe utf8`,
		"genuine \ufffd":          "genuine \ufffd",
		`backslash \n stays`:      `backslash \n stays`,
	} {
		if got := Clean(text); got != want {
			t.Errorf("Clean(%q) = %q, want %q", text, got, want)
		}
	}
}

// FuzzClean holds the result to what a terminal may be sent, and to leaving
// alone whatever already is that.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"a\x1b]0;title\x07b", "\xf0\x28\x8c\xbc", "\u202e\u2066", "ok"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Clean(%q) = %q: not UTF-8", s, got)
		}
		safe := true
		for _, r := range got {
			if unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
				t.Fatalf("Clean(%q) = %q: %U is left", s, got, r)
			}
		}
		for _, r := range s {
			safe = safe && unicode.IsGraphic(r)
		}
		if safe && utf8.ValidString(s) && got != s {
			t.Fatalf("Clean(%q) = %q: changed without need", s, got)
		}
		if again := Clean(got); again != got {
			t.Fatalf("Clean is not idempotent: %q, %q", got, again)
		}
	})
}
