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
	choices  map[int64]bool // seen: whether it has a finish reason
	stopped  bool           // some choice has
}

// chunk is the members of a chunk or an answer that matter; values as they
// stand in the text, nil when absent.
type chunk struct {
	id, model, tier, usage, xgroq, choices, data []byte
}

func (c *chunk) take(m *members) {
	switch string(m.key()) {
	case "id":
		c.id = m.value()
	case "model":
		c.model = m.value()
	case "service_tier":
		c.tier = m.value()
	case "usage":
		c.usage = m.value()
	case "x_groq":
		c.xgroq = m.value()
	case "choices":
		c.choices = m.value()
	case "data":
		c.data = m.value()
	}
}

func (c *chatReader) event(res *Result, ev event) Kind {
	if isDone(ev.data) {
		return End
	}
	value, err := validJSON(ev.data)
	if err != nil || value[0] != '{' {
		return unreadable(res, ev)
	}
	var ch chunk
	for m := objectIn(value); m.next(); {
		ch.take(&m)
	}
	kind := c.read(res, &ch)
	if text, raw, found := errorOf(value); found || string(ev.name) == "error" {
		res.setFault(llm.ErrorInBody, text, raw)
		return Failure
	}
	if kind == Tail && c.withhold && isEmptyList(ch.choices) && !isNull(ch.usage) {
		return Withheld
	}
	return kind
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

// read folds a chunk or a whole answer into res.
func (c *chatReader) read(res *Result, ch *chunk) Kind {
	noteNames(res, ch.id, ch.model, ch.tier)
	kind := Tail
	for e := arrayIn(ch.choices); e.next(); {
		switch k := c.choice(res, e.value()); {
		case k == Failure:
			kind = Failure
		case k == Content && kind != Failure:
			kind = Content
		}
	}
	if !isNull(ch.xgroq) {
		for m := objectIn(ch.xgroq); m.next(); {
			if string(m.key()) == "usage" {
				c.usage(res, m.value())
			}
		}
	}
	c.usage(res, ch.usage)
	if res.Usage.Known() && (c.stopped || isEmptyList(ch.choices) && !isNull(ch.usage)) {
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

// choice reads one choice of a chunk or answer.
func (c *chatReader) choice(res *Result, value []byte) Kind {
	var index int64
	var w weight
	finish, kind := "", Tail
	for m := objectIn(value); m.next(); {
		switch string(m.key()) {
		case "index":
			index = countIn(m.value()).N
		case "delta", "message":
			w = w.plus(generated(m.value()))
		case "text":
			w = w.plus(weigh(m.value()))
		case "finish_reason":
			finish = stringIn(m.value())
			kind = worse(kind, failedFinish(res, finish))
		case "native_finish_reason":
			kind = worse(kind, failedFinish(res, stringIn(m.value())))
		case "error":
			if isError(m.value()) {
				res.setFault(llm.ErrorInBody, errorText(m.value()), m.value())
				kind = Failure
			}
		case "usage": // Moonshot puts it here
			c.usage(res, m.value())
		}
	}
	c.note(res, index, finish)
	res.OutputBytes += w.text
	if kind == Tail && w.some {
		return Content
	}
	return kind
}

func worse(a, b Kind) Kind {
	if b == Failure {
		return b
	}
	return a
}

// failedFinish tells a finish reason that reports an error: "error"
// (OpenRouter), "network_error" (Z.ai).
func failedFinish(res *Result, finish string) Kind {
	low := strings.ToLower(finish)
	if low != "error" && !strings.HasSuffix(low, "_error") {
		return Tail
	}
	res.setFault(llm.ErrorInBody, "finish reason "+finish, nil)
	return Failure
}

// note remembers a choice and whether it is finished.
func (c *chatReader) note(res *Result, index int64, finish string) {
	if finish != "" {
		res.Finish, c.stopped = finish, true
	} else if _, seen := c.choices[index]; seen {
		return
	}
	if c.choices == nil {
		c.choices = make(map[int64]bool)
	}
	c.choices[index] = finish != ""
}

// finished: a stream may end without [DONE] when every choice has a finish
// reason (Perplexity).
func (c *chatReader) finished() bool {
	for _, done := range c.choices {
		if !done {
			return false
		}
	}
	return len(c.choices) > 0
}

// generated weighs a delta or message by the members in which providers send
// what a model makes. Roles, names, ids and channels are none of it.
func generated(delta []byte) weight {
	var w, reasoning, details weight
	for m := objectIn(delta); m.next(); {
		switch string(m.key()) {
		case "content", "refusal", "text", "tool_calls", "function_call", "audio",
			"images", "annotations", "executed_tools":
			w = w.plus(weigh(m.value()))
		case "reasoning_content", "reasoning", "thinking":
			reasoning = weigh(m.value())
		case "reasoning_details", "thinking_blocks":
			// They repeat the reasoning beside them.
			details = weigh(m.value())
		}
	}
	w = w.plus(weight{max(reasoning.text, details.text), reasoning.some || details.some})
	return w
}

// isEmptyList tells `choices: []`.
func isEmptyList(value []byte) bool {
	if len(value) == 0 || value[0] != '[' {
		return false
	}
	e := arrayIn(value)
	return !e.next()
}

func (c *chatReader) body(res *Result, value []byte) Kind {
	var ch chunk
	for m := objectIn(value); m.next(); {
		ch.take(&m)
	}
	kind := c.read(res, &ch)
	if text, raw, found := errorOf(value); found {
		res.setFault(llm.ErrorInBody, text, raw)
		return Failure
	}
	if kind == Failure {
		return Failure
	}
	list, name := ch.choices, "choices"
	if c.op == OpEmbeddings {
		list, name = ch.data, "data"
	}
	switch {
	case len(list) == 0 || list[0] != '[' && !isNull(list):
		res.setFault(llm.Malformed, `the answer has no "`+name+`": `+excerpt(value), nil)
		return Failure
	case isNull(list) || isEmptyList(list):
		res.setFault(llm.Empty, `the answer's "`+name+`" is empty`, nil)
		return Failure
	}
	res.Content = kind == Content || c.op == OpEmbeddings
	return End
}
