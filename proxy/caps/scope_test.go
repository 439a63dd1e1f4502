package caps

import (
	"path"
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"gpt-4o", "gpt-4o", true},
		{"gpt-4o", "gpt-4o-mini", false},
		{"gpt-*", "gpt-4o", true},
		{"gpt-*", "chatgpt-4o", false},
		{"*", "", true},
		{"*", "anything/at/all", true},
		{"meta-llama/*", "meta-llama/Llama-3/70b", true},
		{"claude-?-opus", "claude-3-opus", true},
		{"claude-?-opus", "claude--opus", false},
		{"*-opus-*", "claude-opus-4-5", true},
		{"*a*b", "xaxbxb", true},
		{"*a*b", "xaxbxc", false},
		{"[ab]*", "a1", false}, // brackets are letters, not classes
		{"[ab]*", "[ab]1", true},
		{"?", "", false},
		{"", "", true},
	} {
		if got := Glob(tc.pattern, tc.name); got != tc.want {
			t.Errorf("Glob(%q, %q) = %v, want %v", tc.pattern, tc.name, got, tc.want)
		}
	}
}

// path.Match does the same for names without what it treats differently.
func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("**", "")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern+name, `/[]\`) || !ascii(pattern+name) {
			return
		}
		want, err := path.Match(pattern, name)
		if err != nil {
			t.Fatal(err)
		}
		if got := Glob(pattern, name); got != want {
			t.Errorf("Glob(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}

func TestMatch(t *testing.T) {
	s := Scope{Project: "shop", Provider: "openai", Model: "gpt-4o", Route: "gpt-*", Client: "codex", Key: "k_1", Session: "s1"}
	for _, tc := range []struct {
		match Match
		want  bool
	}{
		{Match{}, true},
		{Match{Project: "sh*"}, true},
		{Match{Project: "shop", Provider: "openai", Model: "gpt-*", Route: "gpt-*", Client: "codex", Key: "k_?", Session: "*"}, true},
		{Match{Project: "shop", Session: "s2"}, false},
		{Match{Provider: "anthropic"}, false},
		{Match{Model: "gpt-4"}, false},
		{Match{Route: "claude-*"}, false},
		{Match{Client: "claude"}, false},
		{Match{Key: "k_2"}, false},
	} {
		l := limit{conditions: tc.match.conditions()}
		if got := l.matches(&s); got != tc.want {
			t.Errorf("%+v matches: %v, want %v", tc.match, got, tc.want)
		}
	}
}
