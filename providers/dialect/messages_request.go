package dialect

import (
	"iter"
	"slices"

	"llmgw/providers/llm"
)

// messagesRequest reads the body of a call to Anthropic's /v1/messages
// (platform.claude.com/docs/en/api/messages and anthropic-sdk-go v1.84.0, its
// beta types too, 2026-11).
type messagesRequest struct {
	object
	*llm.Request
}

func decodeMessages(body []byte) (*llm.Request, error) {
	m := messagesRequest{Request: &llm.Request{From: llm.Anthropic, Size: len(body), Halves: hasHalf(body), Spelled: map[llm.Field]string{}}}
	var bad *BadJSON
	m.object, bad = readBody(trimMark(body), "messages", func(items iter.Seq2[int, object]) {
		m.Messages = nil
		for i, msg := range items {
			m.Messages = append(m.Messages, messagesMessage(msg, at("messages", i)))
		}
	})
	if bad != nil {
		return nil, bad
	}
	if m.take("messages", "[") == nil {
		return nil, &BadJSON{Offset: len(body), Reason: `no list "messages" in the body`}
	}
	m.Model = m.string("model")
	m.members()
	m.thinking()
	m.output()
	m.readTools()
	m.choice()
	m.system()
	m.Extra = append(m.Extra, m.rest("")...)
	return m.Request, nil
}

// members reads what stands at the top and needs no reading.
func (m *messagesRequest) members() {
	r := m.Request
	r.MaxTokens = m.count("max_tokens")
	r.Stop = m.texts("stop_sequences")
	r.Sampling.Temperature = m.number("temperature")
	r.Sampling.TopP = m.number("top_p")
	r.Sampling.TopK = m.number("top_k")
	r.Stream = m.flag("stream")
	r.ServiceTier = m.text("service_tier")
	if o, found := m.inner("metadata"); found {
		r.User = o.text("user_id")
		r.Extra = append(r.Extra, o.rest("metadata")...)
	}
}

// thinking reads how much the model is to think. Modes are kept in Anthropic's
// words.
func (m *messagesRequest) thinking() {
	o, found := m.inner("thinking")
	if !found {
		return
	}
	m.Reasoning = &llm.Reasoning{Mode: o.word("type"), Budget: o.count("budget_tokens"), Display: o.text("display")}
	m.Extra = append(m.Extra, o.rest("thinking")...)
}

// output reads "output_config", and the "output_format" that betas had for its
// format.
func (m *messagesRequest) output() {
	if o, found := m.inner("output_config"); found {
		if effort := o.text("effort"); effort != nil {
			if m.Reasoning == nil {
				m.Reasoning = &llm.Reasoning{}
			}
			m.Reasoning.Effort = effort
		}
		m.format(&o, "format", "output_config")
		m.Extra = append(m.Extra, o.rest("output_config")...)
	}
	if m.Format == nil {
		m.format(&m.object, "output_format", "")
		if m.Format != nil {
			m.Spelled[llm.FieldFormatSchema] = "output_format.schema"
		}
	}
}

// format reads the schema of the answer; a format of another type is left over.
func (m *messagesRequest) format(o *object, name, in string) {
	if stringIn(memberOf(o.peek(name), "type")) != string(llm.FormatSchema) {
		return
	}
	f, _ := o.inner(name)
	f.string("type")
	m.Format = &llm.Format{Kind: llm.FormatSchema, Schema: f.take("schema", "{")}
	m.Extra = append(m.Extra, f.rest(llm.Join(in, name))...)
}

// system reads the instructions before all messages.
func (m *messagesRequest) system() {
	const path = "system"
	if s := m.text(path); s != nil {
		m.instruct(llm.Message{Path: path, Role: llm.System, Plain: true, Parts: []llm.Part{{Path: path, Text: *s}}})
	} else if blocks, found := m.list(path); found {
		m.instruct(llm.Message{Path: path, Role: llm.System, Parts: messagesBlocks(blocks, path, "")})
	}
}

// instruct puts instructions before all messages.
func (m *messagesRequest) instruct(system llm.Message) {
	m.Messages = slices.Insert(m.Messages, 0, system)
}

const mcpServers = "mcp_servers"

// readTools reads the tools, and the servers whose tools the provider is to
// call: tools that only this dialect has.
func (m *messagesRequest) readTools() {
	for i, tool := range m.filled("tools") {
		m.Tools = append(m.Tools, messagesTool(tool, at("tools", i)))
	}
	for i, server := range m.filled(mcpServers) {
		m.Tools = append(m.Tools, llm.Tool{Path: at(mcpServers, i), Native: &llm.NativePart{Type: mcpServers, Raw: server.whole}})
	}
}

// messagesTool reads a tool: one that the caller runs and describes, or one
// that the provider does.
func messagesTool(o object, path string) llm.Tool {
	kind := stringIn(o.peek("type"))
	if kind != "" && kind != "custom" || !isString(o.peek("name")) {
		return llm.Tool{Path: path, Native: &llm.NativePart{Type: kind, Raw: o.whole}}
	}
	t := llm.Tool{Path: path, Name: o.string("name"), Description: o.text("description")}
	t.Schema = o.take("input_schema", "{")
	t.Strict = o.flag("strict")
	t.Cache = cacheMark(&o, cacheControl)
	t.Typed = o.word("type") != ""
	t.Extra = o.rest("")
	return t
}

// cacheControl is the name of Anthropic's cache markers.
const cacheControl = "cache_control"

// choice reads which tools may or must be called. One that is not understood is
// left over.
func (m *messagesRequest) choice() {
	value := m.peek("tool_choice")
	o := readObject(value)
	c := llm.ToolChoice{Raw: value, Name: o.string("name")}
	switch o.string("type") {
	case "auto":
		c.Mode = llm.ToolAuto
	case "any":
		c.Mode = llm.ToolRequired
	case "none":
		c.Mode = llm.ToolNone
	case "tool":
		c.Mode = llm.ToolNamed
	default:
		return
	}
	if alone := o.flag("disable_parallel_tool_use"); alone != nil {
		m.Parallel = new(!*alone)
	}
	m.Choice = &c
	m.take("tool_choice", "{")
}
