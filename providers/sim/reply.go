package sim

import (
	"strings"

	"llmgw/providers/llm"
)

// finish is why an answer ends, in no dialect.
type finish int

const (
	finishStop finish = iota
	finishSequence
	finishLength
	finishTools
	finishForced // a named tool was forced: OpenAI says "stop" then
	finishFilter
	finishRefusal
	finishError
)

// usageMode is where and how usage is told.
type usageMode int

const (
	usageUsual usageMode = iota
	usageNone
	usageNull
	usageZero
	usageCumulative
	usageOnFinish
)

// reply is what the model says, in no dialect: the same for a stream and for
// one body.
type reply struct {
	model    string
	choices  []choice
	usage    llm.Usage
	mode     usageMode
	thinking []string
	sign     string // signature of the thinking
	tangled  bool   // parallel calls alternate
	noIndex  bool
}

type choice struct {
	text     []string
	calls    []toolCall
	refusal  []string
	finish   finish
	sequence string // the stop sequence that was met
}

type toolCall struct {
	id, name string
	args     []string // pieces of JSON
}

// compose says what the model answers. Its text is a function of provider,
// seed, model and prompt alone: asking for a stream changes nothing.
func (c *call) compose() *reply {
	q := c.q
	r := rng(mix(c.sim.opt.Seed, hashOf(c.sim.opt.Name, q.model, string(q.prompt))))
	out := &reply{model: q.model}
	reasoning := q.reasoningTokens(&r)
	if q.thinking {
		out.thinking, out.sign = r.words(min(reasoning, maxWords)), r.signature()
	}
	room := -1
	if q.limit > 0 {
		room = max(q.limit-reasoning, 0)
	}
	generated := 0
	for range max(q.n, 1) {
		ch := c.composeChoice(&r, room, reasoning)
		generated += len(ch.text) + len(ch.refusal)
		for _, t := range ch.calls {
			generated += 1 + len(t.args)
		}
		out.choices = append(out.choices, ch)
	}
	out.usage = q.usage(reasoning, reasoning+generated)
	c.cacheUsage(&out.usage)
	return out
}

// maxWords bounds the text of an answer whose usage directive claims more.
const maxWords = 16384

// reasoningTokens are spent before the first visible token, and may eat up
// the whole limit, as the real ones do.
func (q *ask) reasoningTokens(r *rng) int {
	n, given := q.d.usage["reasoning"]
	if !given && (q.reasoning || q.thinking) {
		n = 5 + r.below(8)
	}
	if q.limit > 0 {
		n = min(n, q.limit)
	}
	return n
}

func (c *call) composeChoice(r *rng, room, reasoning int) choice {
	q := c.q
	if q.d.refuse || c.fault.Kind == Refusal {
		return choice{refusal: pieces("I'm sorry, I can't help with that."), finish: finishRefusal}
	}
	if n := q.callsWanted(); n > 0 {
		return q.composeCalls(r, n)
	}
	ch := choice{text: c.sayings(r, reasoning)}
	ch.stopAt(q.stops)
	if room >= 0 && len(ch.text) > room && q.model != echoModel {
		ch.text, ch.finish, ch.sequence = ch.text[:room], finishLength, ""
	}
	if c.fault.Kind == ContentFilter {
		ch.text, ch.finish = ch.text[:min(c.fault.After, len(ch.text))], finishFilter
	}
	if c.fault.Kind == EmptyAnswer {
		ch = choice{}
	}
	if c.fault.Kind == FinishError {
		ch.finish = finishError
	}
	return ch
}

// sayings is the text before any limit.
func (c *call) sayings(r *rng, reasoning int) []string {
	q := c.q
	out, given := q.d.usage["out"]
	switch {
	case c.fault.Kind == LongLine:
		return []string{longText(r, c.fault.Size)}
	case q.model == echoModel:
		return chop(c.echo(), 64)
	case q.d.say != nil:
		return pieces(*q.d.say)
	case q.schema != nil:
		return chop(sample(q.schema, r), 8)
	case q.jsonObject:
		return chop(`{"answer":"`+strings.Join(plainWords[:4], " ")+`"}`, 8)
	case q.d.words >= 0:
		return r.words(q.d.words)
	case given:
		return r.words(min(max(out-reasoning, 0), maxWords))
	}
	return r.words(12 + r.below(24))
}

func longText(r *rng, size int) string {
	if size == 0 {
		size = defaultLongLine
	}
	unit := "漢字 " + r.token(25)
	return strings.Repeat(unit, size/len(unit)+1)[:size/len(unit)*len(unit)]
}

// stopAt ends the text before the first stop sequence in it.
func (ch *choice) stopAt(stops []string) {
	text := strings.Join(ch.text, "")
	at := len(text)
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && i < at {
			at, ch.sequence, ch.finish = i, s, finishSequence
		}
	}
	if ch.finish == finishSequence {
		ch.text = pieces(text[:at])
	}
}

func (q *ask) composeCalls(r *rng, n int) choice {
	ch := choice{finish: finishTools}
	if q.choice.name != "" {
		ch.finish = finishForced
	}
	for i := range n {
		t := q.tools[i%len(q.tools)]
		for _, o := range q.tools {
			if o.name == q.choice.name {
				t = o
			}
		}
		ch.calls = append(ch.calls, toolCall{id: r.token(24), name: t.name, args: chop(sample(t.schema, r), 7)})
	}
	return ch
}

// usage is by size unless the prompt says otherwise. Parts never exceed their
// whole, and an answer cut by the limit reports no more than the limit.
func (q *ask) usage(reasoning, generated int) llm.Usage {
	get := func(name string, otherwise int) int {
		if n, ok := q.d.usage[name]; ok {
			return n
		}
		return otherwise
	}
	in, out := get("in", q.size), get("out", generated)
	if q.limit > 0 {
		out = min(out, q.limit*max(q.n, 1))
	}
	cached := min(get("cached", 0), in)
	write := min(get("write", get("write1h", 0)), in-cached)
	u := llm.Usage{
		Input:        llm.Tokens(int64(in)),
		CachedInput:  llm.Tokens(int64(cached)),
		CacheWrite:   llm.Tokens(int64(write)),
		CacheWrite1h: llm.Tokens(int64(min(get("write1h", 0), write))),
		Output:       llm.Tokens(int64(out)),
		Reasoning:    llm.Tokens(int64(min(reasoning, out))),
	}
	if n, ok := q.d.usage["searches"]; ok {
		u.WebSearches = llm.Tokens(int64(n))
	}
	return u
}

// cacheUsage lets cache_control markers work: of the prompt up to the last
// marker, the longest prefix that ended at a marker before is read, the rest
// is written.
func (c *call) cacheUsage(u *llm.Usage) {
	if _, given := c.q.d.usage["in"]; given {
		return
	}
	read, marked, hour := c.sim.cacheLook(c.q)
	if marked == 0 {
		return
	}
	u.CachedInput, u.CacheWrite = llm.Tokens(int64(read)), llm.Tokens(int64(marked-read))
	if hour {
		u.CacheWrite1h = u.CacheWrite
	}
}

// cacheLook returns the tokens read from the cache and those up to the last
// marker, whose life it tells, and remembers the marked prefixes.
func (s *Sim) cacheLook(q *ask) (read, marked int, hour bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash, sum, seen := hashOf(q.model), 0, 0
	for _, u := range q.units {
		hash = mix(hash, hashOf(u.role, string(u.bytes)))
		sum += u.tokens()
		if _, ok := s.cached[hash]; ok {
			seen = sum
		}
		if u.marked {
			s.cached[hash] = struct{}{}
			read, marked, hour = seen, sum, u.hour
		}
	}
	return read, marked, hour
}

// bend applies the faults that change what is said rather than how it is sent.
func (c *call) bend(r *reply) *reply {
	switch c.fault.Kind {
	case ServedModel:
		r.model = c.fault.Model
	case NoUsage:
		r.mode = usageNone
	case NullUsage:
		r.mode = usageNull
	case ZeroUsage:
		r.mode = usageZero
		r.usage = zeroed(r.usage)
	case CumulativeUsage:
		r.mode = usageCumulative
	case FinishUsage:
		r.mode = usageOnFinish
	case ToolsInterleaved:
		r.tangled = true
	case ToolsNoIndex:
		r.noIndex = true
	}
	return r
}

// zeroed is u with every known count 0.
func zeroed(u llm.Usage) llm.Usage {
	for _, c := range []*llm.Count{&u.Input, &u.CachedInput, &u.CacheWrite, &u.CacheWrite1h, &u.Output, &u.Reasoning, &u.InputAudio, &u.OutputAudio, &u.WebSearches} {
		c.N = 0
	}
	return u
}
