package dialect

import (
	"strings"

	"llmgw/providers/llm"
)

// Fate is what becomes of a member of a request in another dialect.
type Fate uint8

// The fates. A fate above Mapped is declared; nothing is lost unseen.
const (
	Passed       Fate = iota // the same member, the same value
	Mapped                   // another member or shape that means the same
	Edited                   // changed so that the target takes it: an id rewritten, an empty block left out
	Approximated             // the nearest that the target has
	Dropped                  // left out; the answer is one to what was asked all the same
	Refused                  // left out, and the answer is not to what was asked: whether to go on is for the caller
)

// String names the fate for documents and tests.
func (f Fate) String() string {
	return [...]string{"passed", "mapped", "edited", "approximated", "dropped", "refused"}[f]
}

// Change is one thing that a translation did not carry over as it was.
type Change struct {
	Path string // in the client's request, in its dialect: "tools[2].function.strict"
	Fate Fate   // Edited or above
	Why  string
}

// Changes are all of a translation's.
type Changes []Change

// Paths lists the paths of the changes with one of these fates, each once, in
// the order in which they were named.
func (c Changes) Paths(fates ...Fate) []string {
	var paths []string
	seen := map[string]bool{}
	for _, change := range c {
		for _, f := range fates {
			if change.Fate == f && !seen[change.Path] {
				seen[change.Path] = true
				paths = append(paths, change.Path)
			}
		}
	}
	return paths
}

// field is one documented member of a dialect's requests or answers.
type field struct {
	path string    // lists as []: "messages[].content[].image_url.detail"
	is   llm.Field // what it is in the neutral form; "" when it travels as [llm.Extra]
}

// taking is what a dialect's encoder does with a field of the neutral form.
type taking struct {
	fate Fate
	to   string // the member that it becomes, as in [field]; "" when it becomes none
	why  string // what is lost; "" for Passed and Mapped
}

// fieldsOf are the documented members of a dialect's requests.
func fieldsOf(d llm.Dialect) []field {
	switch d {
	case llm.OpenAIChat:
		return chatFields
	case llm.Anthropic:
		return messagesFields
	}
	return nil
}

// answersOf are the documented members of a dialect's answers, and the member
// that each field of an answer in the neutral form becomes.
func answersOf(d llm.Dialect) (members []field, gives map[llm.Field]string) {
	switch d {
	case llm.OpenAIChat:
		return chatAnswerFields, chatGives
	case llm.Anthropic:
		return messagesAnswerFields, messagesGives
	}
	return nil, nil
}

// takingOf is what the dialect's encoder does with a field; f is "" for what
// the neutral form has no name for.
func takingOf(d llm.Dialect, f llm.Field) taking {
	var t taking
	known := false
	switch d {
	case llm.OpenAIChat:
		t, known = chatTakes[f]
	case llm.Anthropic:
		t, known = messagesTakes[f]
	}
	if !known {
		return taking{fate: Dropped, why: "not a member of this protocol"}
	}
	return t
}

// spelledIn is a field's member in a dialect, below its node: "image_url.detail".
func spelledIn(d llm.Dialect, f llm.Field) string {
	for _, row := range fieldsOf(d) {
		if row.is == f {
			path := strings.TrimPrefix(row.path[strings.LastIndex(row.path, "[]")+1:], "]")
			return strings.TrimPrefix(unselected(path), ".")
		}
	}
	return string(f)
}

// unselected is a table's path without what it says of which variant it is in:
// "response_format[type=text]".
func unselected(path string) string {
	before, rest, found := strings.Cut(path, "[")
	selector, after, _ := strings.Cut(rest, "]")
	if !found || !strings.Contains(selector, "=") {
		return path
	}
	return before + unselected(after)
}
