package proxy

import "testing"

func TestGlobMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"gpt-*", "gpt-4o", true},
		{"gpt-*", "chatgpt-4o", false},
		{"*", "anything/at/all", true},
		{"meta-llama/*", "meta-llama/Llama-3/70b", true},
		{"claude-?-opus", "claude-3-opus", true},
		{"gpt-4o", "gpt-4o", false}, // exact names are not globs
		{"[ab]*", "a1", false},      // brackets are letters, not classes
		{"[ab]*", "[ab]1", true},
		{`a\*`, `a\b`, true},
	} {
		if got := globMatch(tc.pattern, tc.name); got != tc.want {
			t.Errorf("globMatch(%q, %q) = %v, want %v", tc.pattern, tc.name, got, tc.want)
		}
	}
}
