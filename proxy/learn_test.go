package proxy

import (
	"testing"
	"time"

	"llmgw/providers"
)

func TestFirstTokenLimitIsLearnt(t *testing.T) {
	f := newFirstTokens()
	for range learnEnough - 1 {
		f.add("slow", 10*time.Second)
	}
	if got := f.limit("slow"); got != 0 {
		t.Errorf("limit %s from %d samples, want none yet", got, learnEnough-1)
	}
	f.add("slow", 12*time.Second)
	if got := f.limit("slow"); got != 36*time.Second {
		t.Errorf("limit %s, want three times the slowest of twenty", got)
	}
	for range learnSamples {
		f.add("slow", time.Second)
	}
	if got := f.limit("slow"); got != 3*time.Second {
		t.Errorf("limit %s after it became fast, want 3s", got)
	}
	for range learnSamples {
		f.add("glacial", 10*time.Minute)
	}
	if got := f.limit("glacial"); got != learnMost {
		t.Errorf("limit %s, want at most %s", got, learnMost)
	}
	if got := f.limit("unknown"); got != 0 {
		t.Errorf("limit %s of a target never called", got)
	}
}

// Learning lengthens the limit of a target that is slow by nature and leaves
// the ten seconds of a fast one alone.
func TestLearningOnlyLengthens(t *testing.T) {
	set := &settings{}
	g := &Gateway{health: &health{learnt: newFirstTokens()}}
	for range learnSamples {
		g.health.learnt.add("p/fast", 10*time.Millisecond)
		g.health.learnt.add("p/slow", 8*time.Second)
	}
	c := &call{g: g, set: set}
	for model, want := range map[string]time.Duration{"fast": 10 * time.Second, "slow": 24 * time.Second} {
		cand := &candidate{target: target{up: &upstream{p: &providers.Provider{Name: "p"}}, model: model}, limits: DefaultFailoverConfig()}
		if got := c.firstTokenLimit(cand); got != want {
			t.Errorf("%s: limit %s, want %s", model, got, want)
		}
	}
}
