package tui

import (
	"testing"

	"llmgw/store"
)

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

// Only another target than the first choice is a switch. A retry is a note, and
// a provider's rest after its failure is no further reason.
func TestDetour(t *testing.T) {
	sent := func(provider, model, outcome string, status int) store.Attempt {
		return store.Attempt{Provider: provider, Model: model, Outcome: outcome, HTTPStatus: status}
	}
	limited := sent("openai", "gpt-5", "rate_limited", 429)
	resting := store.Attempt{Provider: "openai", Model: "gpt-5", Outcome: store.OutcomeSkipped, Skipped: "cooldown"}
	open := store.Attempt{Provider: "groq", Model: "gpt-5", Outcome: store.OutcomeSkipped, Skipped: "breaker"}
	served := sent("openai", "gpt-5", store.OutcomeOK, 200)
	other := sent("azure", "gpt-5", store.OutcomeOK, 200)
	smaller := sent("openai", "gpt-5-mini", store.OutcomeOK, 200)
	k := newLook(Mono, true, false)
	v := view{snapshot: &snapshot{}, look: k}
	for _, tc := range []struct {
		attempts []store.Attempt
		glyph    string
		w        int
		want     string
	}{
		{[]store.Attempt{served}, k.ok, 60, "openai"},
		{[]store.Attempt{limited, served}, k.ok, 60, "openai  after 429"},
		{[]store.Attempt{limited, limited, served}, k.ok, 60, "openai  after 429 x2"},
		{[]store.Attempt{limited, open, served}, k.ok, 60, "openai  after 429"},
		{[]store.Attempt{limited, limited, other}, k.switched, 60, "azure ← openai 429 x2"},
		{[]store.Attempt{limited, resting, other}, k.switched, 60, "azure ← openai 429"},
		{[]store.Attempt{resting, other}, k.switched, 60, "azure ← openai cooldown"},
		{[]store.Attempt{limited, open, other}, k.switched, 60, "azure ← openai 429, groq breaker open"},
		{[]store.Attempt{limited, open, other}, k.switched, 30, "azure ← openai 429 +1 more"},
		{[]store.Attempt{limited, open, other}, k.switched, 22, "azure ← openai 429 +1"},
		{[]store.Attempt{limited, smaller}, k.switched, 60, "openai ← openai/gpt-5 429"},
		{[]store.Attempt{open, limited, served}, k.switched, 60, "openai ← groq breaker open  after 429"},
	} {
		c := &store.CallRow{Call: store.Call{Provider: tc.attempts[len(tc.attempts)-1].Provider, Status: store.StatusOK}, Attempts: tc.attempts}
		o := v.judge(c)
		who, rest := o.words(tc.w)
		if who+rest != tc.want || o.glyph != tc.glyph {
			t.Errorf("%s %q, want %s %q", o.glyph, who+rest, tc.glyph, tc.want)
		}
	}
}

// A call without a provider says so: nobody was asked yet, or nobody answered
// before the client left.
func TestNobodyYet(t *testing.T) {
	skipped := store.Attempt{Provider: "openai", Outcome: store.OutcomeSkipped, Skipped: "breaker"}
	gone := store.Attempt{Provider: "anthropic", Outcome: "client_gone"}
	for name, c := range map[string]struct {
		status   store.Status
		attempts []store.Attempt
		live     bool
		want     string
	}{
		"no provider is chosen":     {store.StatusRunning, nil, true, "…  reading the request"},
		"the first was passed over": {store.StatusRunning, []store.Attempt{skipped, {Provider: "x", Outcome: store.OutcomeRunning}}, true, "… ← openai breaker open  reading the request"},
		"the client left before":    {store.StatusClientGone, []store.Attempt{gone}, false, "anthropic  client left"},
		"before anybody was asked":  {store.StatusClientGone, nil, false, "—  client left"},
		"nobody says what it does":  {store.StatusRunning, []store.Attempt{{Provider: "x", Outcome: store.OutcomeRunning}}, false, "x"},
	} {
		row := &store.CallRow{Call: store.Call{ID: "1", Status: c.status}, Attempts: c.attempts}
		s := &snapshot{server: store.Server{Alive: true}}
		if c.live {
			s.live = map[string]store.Live{"1": {CallID: "1", Phase: store.LiveReading}}
		}
		v := &view{snapshot: s, look: newLook(Plain, true, false), now: testNow, zone: testZone}
		who, rest := v.judge(row).words(100)
		if got := who + rest; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
