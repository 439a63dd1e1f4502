package dialect

import (
	"fmt"
	"strings"

	"llmgw/providers/llm"
)

// Facts is what a call's body says, found without decoding it.
type Facts struct {
	Model     string // "" when the body names none
	ModelSpan Span   // the value, quotes included
	Stream    bool
	MaxTokens llm.Count // output limit per choice; the larger where two spellings differ
	N         int       // answers asked for, 1 when absent; with best_of and several prompts, all of them

	StreamOptions   Span // the value
	IncludeUsage    bool // stream_options.include_usage is true
	HasIncludeUsage bool // it is there, whatever it says

	Reasoning bool // asks for reasoning or thinking
	Tools     bool // brings tools

	// Fallbacks is the caller's own chain in body member "fallbacks", nil when
	// there is none that llmgw understands (Anthropic has a member of that
	// name of its own, with objects in it, that is left alone). FallbacksSpan
	// is the member with one neighbouring comma, so that it can be cut out.
	Fallbacks     []string
	FallbacksSpan Span
	Models        []string // OpenRouter's "models"
	ModelsSpan    Span     // like FallbacksSpan

	// SessionHint names the conversation: prompt_cache_key, or the session in
	// Anthropic's metadata.user_id; "" when the body does not say.
	SessionHint string

	limits       [2]Span // the values of max_tokens and max_completion_tokens
	includeUsage Span    // the value of stream_options.include_usage
	openEnd      int     // after the body's opening brace
	streamEnd    int     // after the value of "stream", 0 when absent
	members      int     // of the body
}

// DuplicateKey is a body that says the same thing twice. Which one counts
// differs between parsers: what llmgw decided on and what the provider does
// could be two different things.
type DuplicateKey struct {
	Key string // dotted for nested members
}

// Error names the member.
func (e *DuplicateKey) Error() string {
	return fmt.Sprintf("reading the body as JSON: member %q appears more than once", e.Key)
}

// peeker collects facts while the body's members pass.
type peeker struct {
	facts Facts
	d     llm.Dialect
	op    Op
	body  []byte
	seen  watch // watched members that have passed
	n     int   // choices per prompt
	best  int   // best_of
	texts int   // prompts
}

// Peek finds the facts in the body of a call. The error is a [*BadJSON] for
// anything but one well-formed JSON object with members of the right type, or
// a [*DuplicateKey] for one that says something watched twice, however it
// spells the key.
func Peek(d llm.Dialect, op Op, body []byte) (Facts, error) {
	p := peeker{d: d, op: op, body: body, n: 1, texts: 1}
	sc := scan{b: body, at: skipSpace(body, 0)}
	if sc.at < len(body) && body[sc.at] != '{' {
		return Facts{}, &BadJSON{Offset: sc.at, Reason: "the body must be a JSON object: '{' expected"}
	}
	p.facts.openEnd = sc.at + 1
	m := sc.members(0)
	for previous := 0; m.next(); previous = sc.at {
		if err := p.member(&m, previous); err != nil {
			return Facts{}, err
		}
	}
	if err := sc.end(); err != nil {
		return Facts{}, err
	}
	p.facts.members = m.n
	if m.n == 1 {
		// Fallbacks alone ask for nothing, and cutting them would leave no
		// member for a comma to stand after.
		p.facts.Fallbacks, p.facts.FallbacksSpan, p.facts.ModelsSpan = nil, Span{}, Span{}
	}
	p.facts.N = max(p.n, p.best) * p.texts
	return p.facts, nil
}

// watch is a member that is read, as a bit.
type watch uint32

const (
	wModel watch = 1 << iota
	wStream
	wMaxTokens
	wMaxCompletionTokens
	wN
	wBestOf
	wPrompt
	wStreamOptions
	wReasoning
	wReasoningEffort
	wThinking
	wEnableThinking
	wTools
	wFunctions
	wFallbacks
	wModels
	wCacheKey
	wMetadata
)

// watched names the member if it is one that is read in dialect d, else 0.
func watched(d llm.Dialect, key []byte) watch {
	switch string(key) {
	case "model":
		return wModel
	case "stream":
		return wStream
	case "max_tokens":
		return wMaxTokens
	case "thinking":
		return wThinking
	case "tools":
		return wTools
	case "fallbacks":
		return wFallbacks
	}
	if d == llm.Anthropic {
		if string(key) == "metadata" {
			return wMetadata
		}
		return 0
	}
	return watchedByOpenAI(key)
}

func watchedByOpenAI(key []byte) watch {
	switch string(key) {
	case "max_completion_tokens":
		return wMaxCompletionTokens
	case "n":
		return wN
	case "best_of":
		return wBestOf
	case "prompt":
		return wPrompt
	case "stream_options":
		return wStreamOptions
	case "reasoning":
		return wReasoning
	case "reasoning_effort":
		return wReasoningEffort
	case "enable_thinking":
		return wEnableThinking
	case "functions":
		return wFunctions
	case "models":
		return wModels
	case "prompt_cache_key":
		return wCacheKey
	}
	return 0
}

// member reads one member; previous is the end of the one before it.
func (p *peeker) member(m *walk, previous int) error {
	what := watched(p.d, m.name())
	if p.seen&what != 0 {
		return &DuplicateKey{Key: string(m.name())}
	}
	p.seen |= what
	value := m.val()
	if what == 0 || value == nil {
		return nil
	}
	return p.read(what, m, value, previous)
}

// read takes a watched member's value.
func (p *peeker) read(what watch, m *walk, value []byte, previous int) error {
	f, span := &p.facts, Span{m.item, m.at}
	switch what {
	case wModel:
		if !isString(value) {
			return p.wrong(span, "model must be a string")
		}
		f.Model, f.ModelSpan = unquote(value), span
	case wStream:
		f.Stream, f.streamEnd = value[0] == 't', span.End
		if !isBool(value) {
			return p.wrong(span, "stream must be true or false")
		}
	case wMaxTokens, wMaxCompletionTokens:
		p.limit(what, value, span)
	case wStreamOptions:
		return p.streamOptions(span)
	case wThinking, wReasoning, wReasoningEffort, wEnableThinking:
		f.Reasoning = f.Reasoning || asksToReason(value)
	case wTools, wFunctions:
		e := arrayIn(value)
		f.Tools = f.Tools || e.next()
	case wFallbacks:
		if f.Fallbacks = p.chain(value); f.Fallbacks != nil {
			f.FallbacksSpan = cutSpan(p.body, Span{m.keyAt, span.End}, previous)
		}
	case wModels:
		if f.Models = chainOf(value, false); f.Models != nil {
			f.ModelsSpan = cutSpan(p.body, Span{m.keyAt, span.End}, previous)
		}
	case wCacheKey:
		f.SessionHint = stringIn(value)
	case wMetadata:
		f.SessionHint = sessionIn(value)
	default:
		p.choices(what, value)
	}
	return nil
}

// limit reads an output limit.
func (p *peeker) limit(what watch, value []byte, at Span) {
	f := &p.facts
	if what == wMaxTokens {
		f.limits[0] = at
	} else {
		f.limits[1] = at
	}
	if limit := countIn(value); limit.Known && limit.N >= f.MaxTokens.N {
		f.MaxTokens = limit
	}
}

// choices reads the members that multiply the answers. OpenAI's legacy
// completions answer every prompt of a list n times, and bill best_of.
func (p *peeker) choices(w watch, value []byte) {
	switch count := countIn(value); {
	case w == wN && count.N >= 1:
		p.n = clampInt(count.N)
	case p.op != OpCompletions:
	case w == wBestOf && count.N >= 1:
		p.best = clampInt(count.N)
	case w == wPrompt:
		prompts := 0
		for e := arrayIn(value); e.next(); {
			// An array of numbers is one prompt, as tokens.
			if first := e.val()[0]; first == '"' || first == '[' {
				prompts++
			}
		}
		p.texts = max(prompts, 1)
	}
}

// clampInt keeps a product of two counts within an int.
func clampInt(n int64) int { return int(min(n, 1<<20)) }

func (p *peeker) wrong(at Span, reason string) error {
	return &BadJSON{Offset: at.Start, Reason: reason}
}

func (p *peeker) streamOptions(at Span) error {
	value := at.of(p.body)
	if value[0] != '{' && !isNull(value) {
		return p.wrong(at, "stream_options must be an object")
	}
	p.facts.StreamOptions = at
	for m := objectIn(value); m.next(); {
		if string(m.name()) != "include_usage" {
			continue
		}
		if p.facts.HasIncludeUsage {
			return &DuplicateKey{Key: "stream_options.include_usage"}
		}
		span := Span{at.Start + m.item, at.Start + m.item + len(m.val())}
		said := span.of(p.body)
		if !isBool(said) {
			return p.wrong(span, "stream_options.include_usage must be true or false")
		}
		p.facts.HasIncludeUsage, p.facts.includeUsage = true, span
		p.facts.IncludeUsage = said[0] == 't'
	}
	return nil
}

// isBool accepts null too, which every provider reads as "not given".
func isBool(value []byte) bool { return value[0] == 't' || value[0] == 'f' || value[0] == 'n' }

// asksToReason reads the spellings of one wish: reasoning_effort "high",
// reasoning {"effort": …} or {"enabled": true}, thinking {"type": "enabled"},
// enable_thinking true. Off is said as "none", "disabled", false or null.
func asksToReason(value []byte) bool {
	switch value[0] {
	case 't':
		return true
	case '"':
		s := stringIn(value)
		return s != "" && s != "none" && s != "disabled"
	case '{':
		for m := objectIn(value); m.next(); {
			switch string(m.name()) {
			case "type", "effort", "enabled":
				if !asksToReason(m.val()) {
					return false
				}
			}
		}
		return true
	}
	return false
}

// chain reads "fallbacks". Anthropic's own has objects in it and must pass
// through untouched.
func (p *peeker) chain(value []byte) []string {
	return chainOf(value, p.d != llm.Anthropic)
}

// chainOf reads a list of models as strings or, where allowed, as objects with
// a model and perhaps a provider. An entry that says anything else makes it a
// chain that cannot be honoured: nil.
func chainOf(value []byte, objects bool) []string {
	var chain []string
	e := arrayIn(value)
	for e.next() {
		name := stringIn(e.val())
		if objects && name == "" {
			name = modelIn(e.val())
		}
		if name == "" {
			return nil
		}
		chain = append(chain, name)
	}
	return chain
}

func modelIn(value []byte) string {
	var provider, model string
	for m := objectIn(value); m.next(); {
		switch string(m.name()) {
		case "model":
			model = stringIn(m.val())
		case "provider":
			provider = stringIn(m.val())
		default:
			return ""
		}
	}
	if model != "" && provider != "" {
		return provider + "/" + model
	}
	return model
}

// cutSpan is a member with the comma before it or, for the first member, the
// one after it.
func cutSpan(body []byte, member Span, previous int) Span {
	if previous > 0 {
		return Span{previous, member.End}
	}
	end := skipSpace(body, member.End)
	if end < len(body) && body[end] == ',' {
		member.End = end + 1
	}
	return member
}

// sessionIn finds the session in Anthropic's metadata.user_id: Claude Code
// sends a JSON object with session_id in it as text; older versions
// "user_…_account_…_session_ID".
func sessionIn(metadata []byte) string {
	user := ""
	for m := objectIn(metadata); m.next(); {
		if string(m.name()) == "user_id" {
			user = stringIn(m.val())
		}
	}
	if value, err := validJSON([]byte(user)); err == nil {
		for m := objectIn(value); m.next(); {
			if string(m.name()) == "session_id" {
				return stringIn(m.val())
			}
		}
		return ""
	}
	if _, session, found := strings.Cut(user, "_session_"); found {
		return session
	}
	return ""
}
