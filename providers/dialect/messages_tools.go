package dialect

import (
	"slices"

	"llmgw/providers/llm"
)

// tools writes the tools, and the servers whose tools the provider calls.
func (m *messagesOut) tools() {
	m.toolList("tools")
	m.toolList(mcpServers)
}

// toolList writes the tools that belong to that list.
func (m *messagesOut) toolList(name string) {
	begun := false
	for i := range m.req.Tools {
		t := &m.req.Tools[i]
		if listOf(t) != name || !m.takesTool(t) {
			continue
		}
		if !begun {
			m.open(name, '[')
			begun = true
		}
		m.tool(t)
		m.offered = append(m.offered, t.Name)
	}
	if begun {
		m.close('[')
	}
}

// listOf is the list that a tool stands in.
func listOf(t *llm.Tool) string {
	if t.Native != nil && t.Native.Type == mcpServers {
		return mcpServers
	}
	return "tools"
}

// takesTool tells whether a tool can be offered to the model.
func (m *messagesOut) takesTool(t *llm.Tool) bool {
	switch c := m.req.Choice; {
	case m.own:
	case t.Native != nil:
		m.lose(t.Path, llm.FieldToolNative)
		return false
	case t.Custom:
		m.lose(t.Path, llm.FieldToolCustom)
		m.nameExtra(t.Path, t.Extra)
		return false
	case !namesFit(t.Schema):
		m.change(Refused, t.Path, llm.FieldToolSchema, "Anthropic takes arguments named with letters, digits and _.- only, at most 64")
		return false
	case c != nil && c.Allowed != nil:
		return slices.Contains(c.Allowed, t.Name)
	}
	return true
}

func (m *messagesOut) tool(t *llm.Tool) {
	if t.Native != nil {
		m.raw("", t.Native.Raw)
		return
	}
	m.open("", '{')
	if t.Typed && m.own {
		m.word("type", "custom")
	}
	m.text("name", t.Name)
	m.maybeText("description", t.Description)
	schema, strict := m.arguments(t)
	m.maybeRaw("input_schema", schema)
	m.maybeBool("strict", strict)
	m.cache(t.Path, t.Cache, llm.FieldToolCache)
	m.putBack("", t.Extra)
	m.close('{')
	m.nameExtra(t.Path, t.Extra)
}

// cache writes a cache marker.
func (m *messagesOut) cache(node string, c *llm.CacheMark, f llm.Field) {
	switch {
	case c == nil:
		return
	case m.own:
		m.raw(c.Name, c.Raw)
		return
	}
	m.open(cacheControl, '{')
	m.word("type", "ephemeral")
	switch c.TTL {
	case "":
	case "5m", "1h":
		m.word("ttl", c.TTL)
	default:
		m.change(Approximated, node, f, "Anthropic caches for 5m or 1h")
	}
	m.close('{')
}

// choice writes which tools may or must be called, and whether several at once.
func (m *messagesOut) choice() {
	if m.own {
		if c := m.req.Choice; c != nil {
			m.raw("tool_choice", c.Raw)
		}
		return
	}
	var c *llm.ToolChoice
	if asked := m.req.Choice; asked != nil && asked.Custom {
		m.lose("", llm.FieldChoiceCustom)
	} else {
		c = m.choosable()
	}
	parallel := m.parallel()
	alone := parallel != nil && !*parallel
	switch {
	case c == nil && !alone:
		return
	case c == nil:
		c = &llm.ToolChoice{Mode: llm.ToolAuto}
	}
	m.forced = c.Mode == llm.ToolRequired || c.Mode == llm.ToolNamed
	if c.Allowed != nil {
		m.lose("", llm.FieldAllowedTools)
	}
	m.open("tool_choice", '{')
	m.word("type", choiceWord(c.Mode))
	if c.Mode == llm.ToolNamed {
		m.text("name", c.Name)
	}
	if alone && c.Mode != llm.ToolNone {
		m.raw("disable_parallel_tool_use", []byte("true"))
	}
	m.close('{')
}

func choiceWord(mode llm.ToolMode) string {
	switch mode {
	case llm.ToolRequired:
		return "any"
	case llm.ToolNamed:
		return "tool"
	}
	return string(mode)
}
