package dialect

import (
	"bytes"
	"strings"

	"llmgw/providers/llm"
)

// chatReader reads answers of OpenAI's chat, legacy completions and embeddings
// protocols, in the variants that compatible providers send.
type chatReader struct {
	op       Op
	withhold bool
	finishes map[int64]bool // choices seen: whether each has a finish reason
	stopped  bool           // some choice has
	last     int64          // the choice seen last, if any was
	chunk    chunk          // reused
}

// chunk is what matters in a chunk or a whole answer; values as they stand in
// the text, nil when absent.
type chunk struct {
	id, model, tier   []byte
	usage, groqUsage  []byte
	err               []byte // the error member, or the whole object where that is an error
	errObject         bool   // "object" or "type" says so
	message           bool   // it has words at the top, as no answer has
	hasList, hasItems bool   // the list of choices (or embeddings) is there; has items
	choices           []choice
}

// choice is one choice of a chunk or an answer.
type choice struct {
	index                      int64
	weight                     weight
	finish, native, err, usage []byte
}

func (c *chatReader) event(res *Result, ev event) Kind {
	if isDone(ev.data) {
		return End
	}
	if !c.parse(ev.data) {
		return unreadable(res, ev)
	}
	kind := c.fold(res)
	switch ch := &c.chunk; {
	case string(ev.name) == "error" && ch.err == nil:
		res.setFault(llm.ErrorInBody, errorText(ev.data), ev.data)
		return Failure
	case kind == Tail && c.withhold && ch.hasList && !ch.hasItems && !isNull(ch.usage):
		return Withheld
	}
	return kind
}

// parse reads a JSON object into c.chunk in one pass; false for anything else.
func (c *chatReader) parse(data []byte) bool {
	s := scan{b: data, at: skipSpace(data, 0)}
	if s.at >= len(data) || data[s.at] != '{' {
		return false
	}
	c.chunk = chunk{choices: c.chunk.choices[:0]}
	for m := s.members(0); m.next(); {
		c.chunk.take(&m, c.op)
	}
	if s.end() != nil {
		return false
	}
	if ch := &c.chunk; ch.err == nil && (ch.errObject || ch.message && !ch.hasList && isNull(ch.usage)) {
		ch.err = data
	}
	return true
}

func (ch *chunk) take(m *walk, op Op) {
	switch string(m.name()) {
	case "id":
		ch.id = m.val()
	case "model":
		ch.model = m.val()
	case "service_tier":
		ch.tier = m.val()
	case "usage":
		ch.usage = m.val()
	case "x_groq":
		for g := m.object(); g.next(); {
			switch string(g.name()) {
			case "usage":
				ch.groqUsage = g.val()
			case "error": // why Groq stopped early
				ch.takeError(g.val())
			}
		}
	case "choices":
		ch.takeChoices(m)
	case "data":
		if op == OpEmbeddings {
			e := arrayIn(m.val())
			ch.hasList, ch.hasItems = isList(m.val()), e.next()
		}
	case "error":
		ch.takeError(m.val())
	case "object", "type":
		ch.errObject = ch.errObject || string(m.val()) == `"error"`
	case "message", "detail":
		ch.message = isString(m.val())
	}
}

func (ch *chunk) takeError(value []byte) {
	if isError(value) {
		ch.err = value
	}
}

// takeChoices reads the choices. null stands for none.
func (ch *chunk) takeChoices(m *walk) {
	first := m.b[m.at:]
	ch.hasList = len(first) > 0 && (first[0] == '[' || first[0] == 'n')
	for e := m.array(); e.next(); {
		ch.hasItems = true
		ch.choices = append(ch.choices, choice{})
		one := &ch.choices[len(ch.choices)-1]
		for f := e.object(); f.next(); {
			one.take(&f)
		}
	}
}

func (c *choice) take(m *walk) {
	switch string(m.name()) {
	case "index":
		c.index = countIn(m.val()).N
	case "delta", "message":
		c.weight = c.weight.plus(generated(m.object()))
	case "text":
		c.weight = c.weight.plus(weigh(m.val()))
	case "finish_reason":
		c.finish = m.val()
	case "native_finish_reason":
		c.native = m.val()
	case "error":
		c.err = m.val()
	case "usage": // Moonshot puts it here
		c.usage = m.val()
	}
}

// isDone tells the chat protocol's end: data: [DONE].
func isDone(data []byte) bool { return string(bytes.TrimSpace(data)) == "[DONE]" }

// unreadable is an event that is no JSON object. One named error is an error
// whatever it holds; any other is relayed and counted.
func unreadable(res *Result, ev event) Kind {
	if string(ev.name) == "error" {
		res.setFault(llm.ErrorInBody, excerpt(ev.data), nil)
		return Failure
	}
	res.BadEvents++
	return Tail
}

// fold puts the chunk into res and says what it is.
func (c *chatReader) fold(res *Result) Kind {
	ch := &c.chunk
	noteNames(res, ch.id, ch.model, ch.tier)
	kind := Tail
	if ch.err != nil {
		text, raw, _ := errorOf(ch.err)
		res.setFault(llm.ErrorInBody, text, raw)
		kind = Failure
	}
	for i := range ch.choices {
		switch k := c.foldChoice(res, &ch.choices[i]); {
		case k == Failure:
			kind = Failure
		case k == Content && kind != Failure:
			kind = Content
		}
	}
	c.usage(res, ch.groqUsage)
	c.usage(res, ch.usage)
	if res.Usage.Known() && (c.stopped || !ch.hasItems && !isNull(ch.usage)) {
		res.UsageFinal = true
	}
	return kind
}

// noteNames keeps the answer's id and model as first named, the service tier
// as last.
func noteNames(res *Result, id, model, tier []byte) {
	if res.ID == "" {
		res.ID = stringIn(id)
	}
	if res.Model == "" {
		res.Model = stringIn(model)
	}
	if s := stringIn(tier); s != "" && s != res.Usage.ServiceTier {
		res.Usage.ServiceTier = s
	}
}

func (c *chatReader) foldChoice(res *Result, one *choice) Kind {
	c.usage(res, one.usage)
	res.OutputBytes += one.weight.text
	finish := stringIn(one.finish)
	c.note(res, one.index, finish)
	switch {
	case isError(one.err):
		res.setFault(llm.ErrorInBody, errorText(one.err), one.err)
		return Failure
	case failedFinish(res, finish), failedFinish(res, stringIn(one.native)):
		return Failure
	case one.weight.some:
		return Content
	}
	return Tail
}

// failedFinish notes a finish reason that reports an error: "error"
// (OpenRouter), "network_error" (Z.ai).
func failedFinish(res *Result, finish string) bool {
	if finish == "" {
		return false
	}
	low := strings.ToLower(finish)
	if low != "error" && !strings.HasSuffix(low, "_error") {
		return false
	}
	res.setFault(llm.ErrorInBody, "finish reason "+finish, nil)
	return true
}

// note remembers a choice and whether it is finished.
func (c *chatReader) note(res *Result, index int64, finish string) {
	if finish != "" {
		res.Finish, c.stopped = finish, true
	} else if c.last == index && c.finishes != nil {
		return
	} else if _, seen := c.finishes[index]; seen {
		return
	}
	if c.finishes == nil {
		c.finishes = make(map[int64]bool)
	}
	c.last, c.finishes[index] = index, finish != ""
}

// finished: a stream may end without [DONE] when every choice has a finish
// reason (Perplexity).
func (c *chatReader) finished() bool {
	for _, done := range c.finishes {
		if !done {
			return false
		}
	}
	return len(c.finishes) > 0
}

// generated weighs a delta or message by the members in which providers send
// what a model makes. Roles, names, ids and channels are none of it.
func generated(m walk) weight {
	var w, reasoning, details weight
	for m.next() {
		switch string(m.name()) {
		case "content", "refusal", "text", "tool_calls", "function_call", "audio",
			"images", "annotations", "executed_tools":
			w = w.plus(weigh(m.val()))
		case "reasoning_content", "reasoning", "thinking":
			reasoning = weigh(m.val())
		case "reasoning_details", "thinking_blocks":
			// They repeat the reasoning beside them.
			details = weigh(m.val())
		}
	}
	return w.plus(weight{max(reasoning.text, details.text), reasoning.some || details.some})
}

func isList(value []byte) bool { return len(value) > 0 && value[0] == '[' }

func (c *chatReader) body(res *Result, value []byte) Kind {
	if !c.parse(value) {
		res.setFault(llm.Malformed, "the answer is no JSON object: "+excerpt(value), nil)
		return Failure
	}
	kind := c.fold(res)
	if kind == Failure {
		return Failure
	}
	list := "choices"
	if c.op == OpEmbeddings {
		list = "data"
	}
	switch ch := &c.chunk; {
	case !ch.hasList:
		res.setFault(llm.Malformed, `the answer has no "`+list+`": `+excerpt(value), nil)
		return Failure
	case !ch.hasItems:
		res.setFault(llm.Empty, `the answer's "`+list+`" is empty`, nil)
		return Failure
	}
	res.Content = kind == Content || c.op == OpEmbeddings
	return End
}
