package dialect

import (
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// losses finds what an answer holds that the client's dialect has no words for.
type losses struct {
	to    llm.Dialect
	names []string // each once: "answer.image"
	told  bool     // something is left for the client

	begun   bool
	choice  int // the first that says anything
	hidden  map[partKey]bool
	foreign map[partKey]bool // thoughts whose signature says nothing to the client's provider
}

// partKey is a part of an answer.
type partKey struct{ choice, index int }

// note looks at an event that is about to be told.
func (l *losses) note(e *llm.Event) {
	key := partKey{e.Choice, e.Index}
	switch e.Kind {
	case llm.EventPart:
		l.part(key, e.Part)
	case llm.EventDelta:
		l.told = l.told || !l.hidden[key]
	case llm.EventSignature:
		if l.foreign[key] {
			l.add("signature")
		}
	case llm.EventCitation:
		if l.to == llm.OpenAIChat && e.Citation.URL == "" {
			l.add("citation")
		}
	}
}

func (l *losses) part(key partKey, p *llm.Part) {
	if !l.begun {
		l.begun, l.choice = true, key.choice
	}
	anthropic := l.to == llm.Anthropic
	switch {
	case anthropic && key.choice != l.choice:
		l.hide(key, at("choices", key.choice))
	case p.Kind == llm.Native:
		l.hide(key, or(p.Native.Type, p.Kind.String()))
	case p.Media != nil:
		l.hide(key, p.Kind.String())
	case p.Kind == llm.Call:
		l.told = true
	case p.Kind == llm.Thinking && anthropic && p.Thought.Origin != llm.Anthropic:
		if l.foreign == nil {
			l.foreign = make(map[partKey]bool)
		}
		l.foreign[key] = true
		if p.Thought.Encrypted != "" {
			l.add("encrypted thinking")
		}
	}
}

// hide notes a part that the client is told nothing of.
func (l *losses) hide(key partKey, name string) {
	if l.hidden == nil {
		l.hidden = make(map[partKey]bool)
	}
	l.hidden[key] = true
	l.add(name)
}

func (l *losses) add(name string) {
	if name = "answer." + strings.ReplaceAll(name, " ", "_"); !slices.Contains(l.names, name) {
		l.names = append(l.names, name)
	}
}

// all says that nothing of the answer is left for the client, "" where
// something is: what is empty for it must not look like a whole answer.
func (l *losses) all() string {
	if l.told || len(l.hidden) == 0 {
		return ""
	}
	return "the answer holds nothing that the client's protocol has words for: " + strings.Join(l.names, ", ")
}
