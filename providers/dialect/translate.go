package dialect

import (
	"fmt"

	"llmgw/providers/llm"
)

// Translates tells whether a call in one dialect can be put to a provider of
// another.
func Translates(from, to llm.Dialect, op Op) bool {
	return from != to && requestOp(from) == op && op != OpOther && requestOp(to) != OpOther
}

// requestOp is the operation of a dialect that is translated.
func requestOp(d llm.Dialect) Op {
	switch d {
	case llm.OpenAIChat:
		return OpChat
	case llm.Anthropic:
		return OpMessages
	}
	return OpOther
}

// DecodeRequest reads the body of a call that [Translates]. The request shares
// memory with the body. The error is a [*BadJSON], or
// says that the dialect is not translated.
func DecodeRequest(d llm.Dialect, body []byte) (*llm.Request, error) {
	switch d {
	case llm.OpenAIChat:
		return decodeChat(body)
	case llm.Anthropic:
		return decodeMessages(body)
	}
	return nil, fmt.Errorf("translating: %s is not a dialect that is translated", d)
}

// Target is whom a request is written for.
type Target struct {
	Dialect llm.Dialect
	Model   string // the name to ask for

	// MaxOutput is the most that the model can generate: providers refuse a
	// request for more, and in some dialects it must say how much it may.
	// Unknown where nobody knows.
	MaxOutput llm.Count

	// IncludeUsage asks for the usage of a stream, whether or not the client
	// did: the provider is known to understand that.
	IncludeUsage bool

	// Reasons tells that the model is one of OpenAI's that reason, whatever its
	// name says: it has refused a call as they do ([RefusesAsReasoning]).
	Reasons bool

	// Thoughtless leaves out what the model thought in earlier turns, whoever
	// signed it: it has refused a call for that ([RefusesThoughts]).
	Thoughtless bool

	// CacheControl tells that the provider takes Anthropic's cache markers in
	// OpenAI's chat protocol (OpenRouter does; OpenAI refuses them).
	CacheControl bool

	// Thoughts tells that the provider takes back what its models thought in
	// earlier turns as "reasoning_content" (DeepSeek, Moonshot, vLLM; OpenAI
	// refuses members that it does not know).
	Thoughts bool
}

// Encoded is a request in the target's dialect.
type Encoded struct {
	Op      Op
	Rest    string // the path below the API's version: "/chat/completions"
	Body    []byte
	Changes Changes
}

// EncodeRequest writes a request for a target. What its dialect lacks is left
// out and named in Changes; a caller that must not go on without something
// looks for those that are [Refused]. In the dialect that the request came from
// everything is put back, Extra included. The error says why nothing can be
// written at all.
func EncodeRequest(r *llm.Request, t Target) (Encoded, error) {
	e := encoder{req: r, t: t, own: r.From == t.Dialect}
	e.out = make([]byte, 0, r.Size+r.Size/16+1024)
	if r.Halves && !e.own {
		e.change(Edited, "messages", "", "half of a character, which no text can hold, became U+FFFD")
	}
	var err error
	enc := Encoded{Op: requestOp(t.Dialect)}
	switch t.Dialect {
	case llm.OpenAIChat:
		enc.Rest = "/chat/completions"
		err = e.chat()
	case llm.Anthropic:
		enc.Rest = "/messages"
		e.messages()
	default:
		err = fmt.Errorf("translating: %s is not a dialect that is translated", t.Dialect)
	}
	enc.Body, enc.Changes = e.out, e.changes
	return enc, err
}

// encoder writes one request.
type encoder struct {
	jsonOut
	req     *llm.Request
	t       Target
	own     bool // the request's own dialect: Extra is put back
	changes Changes
	offered []string           // the names of the tools that were written
	paired  map[*llm.Part]bool // of another dialect's calls and results, those that belong together
}

// lose names a field that the target does not take as it is; the node is where
// it stands in the client's request, "" for the request itself. What becomes of
// it, and why, is the target's table's to say.
func (e *encoder) lose(node string, f llm.Field) {
	t := takingOf(e.t.Dialect, f)
	e.change(t.fate, node, f, t.why)
}

// loseNative names a part that only the request's own dialect has.
func (e *encoder) loseNative(p *llm.Part) {
	t := takingOf(e.t.Dialect, llm.FieldNative)
	kind := p.Native.Type
	e.change(t.fate, p.Path, "", t.why+": "+or(kind[:min(len(kind), 64)], "one without a type"))
}

// change names a change that depends on a value, as the table cannot.
func (e *encoder) change(fate Fate, node string, f llm.Field, why string) {
	e.changes = append(e.changes, Change{Path: e.pathOf(node, f), Fate: fate, Why: why})
}

// pathOf is where a field stands in the client's request.
func (e *encoder) pathOf(node string, f llm.Field) string {
	name := ""
	if f != "" {
		name = spelledIn(e.req.From, f)
	}
	if spelled, other := e.req.Spelled[f]; other && node == "" {
		name = spelled
	}
	return llm.Join(node, name)
}

// putBack writes what the neutral form has no name for, below in, when the
// dialect is the request's own.
func (e *encoder) putBack(in string, extra []llm.Extra) {
	if e.own {
		e.extra(in, extra)
	}
}

// nameExtra names the Extra of a node as dropped when the dialect is another.
func (e *encoder) nameExtra(node string, extra []llm.Extra) {
	if e.own {
		return
	}
	for i := range extra {
		if extra[i].Asks() {
			e.changes = append(e.changes, Change{Path: extra[i].Path(node), Fate: Dropped, Why: takingOf(e.t.Dialect, "").why})
		}
	}
}

// Reply is how a client wants its answer.
type Reply struct {
	Dialect      llm.Dialect
	Stream       bool
	IncludeUsage bool // the usage of an OpenAI chat stream was asked for

	// Created is the time, in Unix seconds, that an answer carries where its
	// dialect has one and the provider's has not.
	Created int64

	functions bool              // the client speaks OpenAI's deprecated function_call
	names     map[string]string // of tools, by the shorter ones that the provider was told
	ids       map[string]bool   // of the calls so far
}

// ReplyTo is how the client that sent r wants its answer.
func ReplyTo(r *llm.Request, created int64) *Reply {
	return &Reply{
		Dialect:      r.From,
		Stream:       r.Stream != nil && *r.Stream,
		IncludeUsage: r.IncludeUsage != nil && *r.IncludeUsage,
		Created:      created,
		functions:    r.Spelled[llm.FieldTools] == "functions",
		names:        longNames(r.Tools),
		ids:          callsIn(r.Messages),
	}
}
