package proxy

import (
	"sync"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
)

const (
	sessionsKept = 64
	sessionBody  = 2 << 20 // bytes of a body that are remembered
	prefixSlack  = 64      // tokens, for what joins the two prompts
)

// sessions remembers the last call of each session at a target: the next one
// usually begins with the same bytes, whose tokens are then known.
type sessions struct {
	mu    sync.Mutex
	last  map[string]turn
	order []string // oldest first
}

// turn is a call whose prompt was counted by its provider.
type turn struct {
	body     []byte
	input    int64
	output   int64 // of the session's calls of late, the newest counting for a quarter
	overhead int64
}

func newSessions() *sessions { return &sessions{last: make(map[string]turn)} }

func sessionKey(c *call, t *candidate) string {
	return c.rec.Session + "\x00" + t.targetKey(c)
}

// bound is the most that the call's prompt can count, by what the session's
// last one did; the largest number where nothing is known.
func (s *sessions) bound(c *call, t *candidate, b *dialect.Bound) int64 {
	const unknown = 1<<63 - 1
	last, n, ok := s.recall(c, t)
	if !ok || b.Overhead > last.overhead || n == 0 {
		return unknown
	}
	return last.input + b.After(t.modelFor(c), n) + prefixSlack
}

// recall is the session's last call at the target, and how many bytes of its
// body the call begins with.
func (s *sessions) recall(c *call, t *candidate) (last turn, same int, ok bool) {
	if c.rec.Session == "" {
		return turn{}, 0, false
	}
	s.mu.Lock()
	last, ok = s.last[sessionKey(c, t)]
	s.mu.Unlock()
	if !ok {
		return turn{}, 0, false
	}
	return last, dialect.PrefixBound(last.body, t.words.body), true
}

// learn remembers a call that was answered and counted.
func (s *sessions) learn(c *call, t *candidate, usage llm.Usage) {
	if c.rec.Session == "" || t.words.bound == nil || !usage.Input.Known || len(t.words.body) > sessionBody {
		return
	}
	b := t.words.bound.For(t.modelFor(c))
	if len(b.Unbounded) > 0 {
		return
	}
	key := sessionKey(c, t)
	s.mu.Lock()
	defer s.mu.Unlock()
	output := usage.Output.Or(usualOutput)
	if before, known := s.last[key]; known {
		output = (3*before.output + output) / 4
	} else {
		if len(s.order) >= sessionsKept {
			delete(s.last, s.order[0])
			s.order = s.order[1:]
		}
		s.order = append(s.order, key)
	}
	s.last[key] = turn{body: t.words.body, input: usage.Input.N, output: output, overhead: b.Overhead}
}
