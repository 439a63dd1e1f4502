package sim

import (
	"encoding/json"
	"strings"
)

// ask is what a request wants, in no dialect.
type ask struct {
	model        string
	stream       bool
	includeUsage bool // OpenAI: the usage chunk was asked for
	obfuscation  bool // OpenAI: chunks are padded (the default)
	n            int  // answers wanted
	limit        int  // most output tokens; 0: none
	stops        []string
	tools        []tool
	choice       toolChoice
	oneCall      bool // parallel calls are forbidden
	schema       json.RawMessage
	jsonObject   bool
	logprobs     bool
	thinking     bool // a visible thinking block (Anthropic)
	reasoning    bool // hidden reasoning, seen in usage only (OpenAI)
	afterTool    bool // the last message brings tool results
	units        []unit
	prompt       []byte // all of it: what the answer is a function of
	lastUser     string // the last user message that has text
	system       string
	d            directives
	inputs       []string // of an embeddings request
	dimensions   int
	base64       bool
	size         int // input tokens by size, when the prompt does not say
}

// tool is one function that may be called.
type tool struct {
	name   string
	schema json.RawMessage
}

// toolChoice is what the request says about calling: the zero value is auto.
type toolChoice struct {
	none, required bool
	name           string // required, and this one
}

// unit is a piece of the prompt, in prompt order.
type unit struct {
	role   string
	bytes  []byte // the text, or the block's JSON without its cache_control
	marked bool   // a cache_control marker ends here
	hour   bool   // its ttl is one hour
}

// tokens is the simulator's tokenizer: four bytes a token.
func (u unit) tokens() int { return (len(u.bytes) + 3) / 4 }

// content is a message's content: a string, or a list of blocks.
type content []block

type block struct {
	Type         string        `json:"type"`
	Text         string        `json:"text"`
	CacheControl *cacheControl `json:"cache_control"`
	raw          []byte
}

type cacheControl struct {
	TTL string `json:"ttl"`
}

func (c *content) UnmarshalJSON(data []byte) error {
	*c = nil
	if data[0] != '[' {
		var text *string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		if text != nil {
			*c = content{{Type: "text", Text: *text, raw: data}}
		}
		return nil
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(data, &raws); err != nil {
		return err
	}
	for _, raw := range raws {
		b := block{raw: raw}
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		*c = append(*c, b)
	}
	return nil
}

// unit normalises the block: clients move their marker from turn to turn, and
// what it marked before has to be recognised without it.
func (b block) unit(role string) unit {
	u := unit{role: role, bytes: b.raw, marked: b.CacheControl != nil}
	u.hour = u.marked && b.CacheControl.TTL == "1h"
	if b.Type == "text" {
		u.bytes = []byte(b.Text)
		return u
	}
	var fields map[string]json.RawMessage
	if u.marked && json.Unmarshal(b.raw, &fields) == nil {
		delete(fields, "cache_control")
		u.bytes = marshal(fields)
	}
	return u
}

func (c content) text() string {
	var b strings.Builder
	for _, p := range c {
		if p.Type == "text" {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// stopList is "stop": a string or a list of them.
type stopList []string

func (s *stopList) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(s))
	}
	var one *string
	if err := json.Unmarshal(data, &one); err != nil || one == nil {
		return err
	}
	*s = stopList{*one}
	return nil
}

// add appends a piece of prompt. Text that users or the system wrote may hold
// directives; an assistant's or a tool's may not, or an echo would repeat them.
func (q *ask) add(role string, c content) {
	for _, b := range c {
		q.addBlock(role, b)
	}
	text := c.text()
	switch {
	case text == "":
	case role == "user":
		q.lastUser = text
	case role == "system" || role == "developer":
		q.system += text + "\n"
	}
}

// addBlock appends a piece of prompt, text or not.
func (q *ask) addBlock(role string, b block) {
	u := b.unit(role)
	q.units = append(q.units, u)
	q.prompt = append(q.prompt, role+"\x00"...)
	q.prompt = append(append(q.prompt, u.bytes...), 0)
}

// ready settles what follows from the whole prompt.
func (q *ask) ready(provider string) error {
	for _, u := range q.units {
		q.size += u.tokens()
	}
	var err error
	q.d, err = readDirectives(q.system+q.lastUser, provider)
	return err
}

// callsWanted says how many tools to call: as many as the prompt orders, one
// when a choice forces it or the last user text names a tool.
func (q *ask) callsWanted() int {
	if len(q.tools) == 0 || q.choice.none || q.afterTool {
		return 0
	}
	n := 0
	switch {
	case q.d.tools >= 0:
		n = q.d.tools
	case q.choice.required || q.namesTool():
		n = 1
	}
	if q.choice.required {
		n = max(n, 1)
	}
	if q.oneCall {
		n = min(n, 1)
	}
	return n
}

func (q *ask) namesTool() bool {
	for _, t := range q.tools {
		if strings.Contains(q.lastUser, t.name) {
			return true
		}
	}
	return false
}
