package tui

import "testing"

// Who served and why not the first choice come first; what is left out is left
// out whole.
func TestWordsThatFit(t *testing.T) {
	switched := outcome{who: "anthropic", from: "← openai breaker open", notes: []string{"−2 dropped", "via anthropic"}, minor: 2}
	switched.brief.from = "← openai breaker"
	plain := switched
	plain.notes, plain.minor = []string{"via anthropic"}, 1
	for _, tc := range []struct {
		o    outcome
		w    int
		want string
	}{
		{switched, 60, "anthropic ← openai breaker open  −2 dropped  via anthropic"},
		{switched, 50, "anthropic ← openai breaker  −2 dropped"},
		{switched, 30, "anthropic ← openai breaker  −2 dropped"}, // the screen cuts it
		{plain, 50, "anthropic ← openai breaker open  via anthropic"},
		{plain, 42, "anthropic ← openai breaker  via anthropic"},
		{plain, 28, "anthropic ← openai breaker"},
	} {
		who, rest := tc.o.words(tc.w)
		if got := who + rest; got != tc.want {
			t.Errorf("in %d cells: %q, want %q", tc.w, got, tc.want)
		}
	}
}
