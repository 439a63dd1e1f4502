package dialect

import "llmgw/providers/llm"

// sequencer puts the events of a choice in an order in which one part ends
// before the next begins, for protocols that have no other: what belongs to a
// later part waits until those before it have ended. Every part
// ends: decoders see to that.
type sequencer struct {
	current int // the part whose events pass
	waiting []llm.Event
	ended   []bool // by part
}

// add takes an event of a part, and appends those that may pass.
func (s *sequencer) add(events []llm.Event, e *llm.Event) []llm.Event {
	for e.Index >= len(s.ended) {
		s.ended = append(s.ended, false)
	}
	s.ended[e.Index] = s.ended[e.Index] || e.Kind == llm.EventPartEnd
	if e.Index != s.current {
		s.waiting = append(s.waiting, *e)
		return events
	}
	events = append(events, *e)
	for s.current < len(s.ended) && s.ended[s.current] {
		s.current++
		events = s.release(events)
	}
	return events
}

// release appends what waited for the current part.
func (s *sequencer) release(events []llm.Event) []llm.Event {
	rest := s.waiting[:0]
	for _, e := range s.waiting {
		if e.Index == s.current {
			events = append(events, e)
		} else {
			rest = append(rest, e)
		}
	}
	s.waiting = rest
	return events
}
