package proxy

import (
	"slices"
	"sync"
	"time"
)

const (
	learnSamples = 128             // first tokens remembered of a target
	learnEnough  = 20              // of them before they say anything
	learnMost    = 2 * time.Minute // what learning lengthens first_token = "auto" to at most
	learnTargets = 1024            // targets remembered; callers choose the names of models
)

// firstTokens remembers how long targets took to their first content, so that
// one that is slow by nature is not taken for a silent one. Learning only ever
// lengthens the limit.
type firstTokens struct {
	mu       sync.Mutex
	byTarget map[string]*samples
}

// samples is a ring of the newest first tokens.
type samples struct {
	took []time.Duration
	next int
}

func newFirstTokens() *firstTokens { return &firstTokens{byTarget: make(map[string]*samples)} }

// add notes one served stream.
func (f *firstTokens) add(target string, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.byTarget[target]
	switch {
	case s == nil && len(f.byTarget) >= learnTargets:
		return
	case s == nil:
		s = new(samples)
		f.byTarget[target] = s
	}
	if len(s.took) < learnSamples {
		s.took = append(s.took, took)
		return
	}
	s.took[s.next] = took
	s.next = (s.next + 1) % learnSamples
}

// limit returns three times the target's 99th percentile, at most two minutes;
// 0 while too little is known.
func (f *firstTokens) limit(target string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.byTarget[target]
	if s == nil || len(s.took) < learnEnough {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.took))
	p99 := sorted[(len(sorted)*99-1)/100]
	return min(3*p99, learnMost)
}

// noteReasons remembers that a target is a model of OpenAI's that reasons, as its
// refusal told.
func (h *health) noteReasons(target string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.reasons) < learnTargets {
		h.reasons[target] = true
	}
}

// knownToReason tells whether a target has said so.
func (h *health) knownToReason(target string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reasons[target]
}
