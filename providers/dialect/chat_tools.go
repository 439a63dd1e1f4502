package dialect

import (
	"llmgw/providers/llm"
)

// chatTools writes the tools.
func (e *encoder) chatTools() {
	name := e.spelled(llm.FieldTools, "tools")
	begun := false
	for i := range e.req.Tools {
		t := &e.req.Tools[i]
		if t.Native != nil && !e.own {
			e.lose(t.Path, llm.FieldToolNative)
			continue
		}
		if len(e.offered) == maxTools && !e.own && isOpenAIs(e.t.Model) {
			e.change(Refused, "", llm.FieldTools, "OpenAI takes 128 tools; the first 128 were kept")
			break
		}
		if !begun {
			e.open(name, '[')
			begun = true
		}
		e.chatTool(t, name == "functions")
		e.offered = append(e.offered, t.Name)
	}
	if begun {
		e.close('[')
	}
}

func (e *encoder) chatTool(t *llm.Tool, bare bool) {
	kind := "function"
	switch {
	case t.Native != nil:
		e.raw("", t.Native.Raw)
		return
	case bare:
		e.open("", '{')
		e.chatFunction(t, "")
		e.close('{')
		return
	case t.Custom:
		kind = "custom"
	}
	e.open("", '{')
	e.word("type", kind)
	e.open(kind, '{')
	e.chatFunction(t, kind)
	e.close('{')
	e.chatCache(t.Path, t.Cache, llm.FieldToolCache)
	e.putBack("", t.Extra)
	e.close('{')
	e.nameExtra(t.Path, t.Extra)
}

// chatFunction writes what a tool is; in is the object that it stands in.
func (e *encoder) chatFunction(t *llm.Tool, in string) {
	e.text("name", e.toolName(t.Path, llm.FieldToolName, t.Name))
	e.maybeText("description", t.Description)
	schema, strict := e.chatParameters(t)
	e.maybeRaw("parameters", schema)
	e.maybeBool("strict", strict)
	e.maybeRaw("format", t.Grammar)
	e.putBack(in, t.Extra)
}

// chatCache writes a cache marker where the provider takes one.
func (e *encoder) chatCache(node string, c *llm.CacheMark, f llm.Field) {
	switch {
	case c == nil:
	case e.own:
		e.raw(c.Name, c.Raw)
	case !e.t.CacheControl:
		e.lose(node, f)
	default:
		e.open("cache_control", '{')
		e.word("type", "ephemeral")
		if c.TTL != "" {
			e.text("ttl", c.TTL)
		}
		e.close('{')
	}
}

// chatChoice writes which tools may or must be called.
func (e *encoder) chatChoice() {
	c := e.choosable()
	if c == nil {
		return
	}
	name := e.spelled(llm.FieldToolChoice, "tool_choice")
	switch {
	case e.own:
		e.raw(name, c.Raw)
	case c.Allowed != nil:
		e.chatAllowed(c)
	case c.Mode == llm.ToolNamed:
		e.open(name, '{')
		e.namedTool(e.toolName("", llm.FieldToolChoice, c.Name), c.Custom)
		e.close('{')
	default:
		e.text(name, string(c.Mode))
	}
}

// namedTool writes the name of a tool, as choices have it.
func (e *encoder) namedTool(name string, custom bool) {
	kind := "function"
	if custom {
		kind = "custom"
	}
	e.word("type", kind)
	e.open(kind, '{')
	e.text("name", name)
	e.close('{')
}

func (e *encoder) chatAllowed(c *llm.ToolChoice) {
	e.open("tool_choice", '{')
	e.word("type", "allowed_tools")
	e.open("allowed_tools", '{')
	e.text("mode", string(c.Mode))
	e.open("tools", '[')
	for _, name := range c.Allowed {
		e.open("", '{')
		e.namedTool(e.toolName("", llm.FieldToolChoice, name), false)
		e.close('{')
	}
	e.close('[')
	e.close('{')
	e.close('{')
}

// defaultFormatName is the name of a schema that came without; OpenAI wants one.
const defaultFormatName = "answer"

// chatFormat writes the shape that the answer's text must have.
func (e *encoder) chatFormat() {
	f := e.chatShape()
	if f == nil {
		return
	}
	const in = "response_format"
	e.open(in, '{')
	e.word("type", string(f.Kind))
	if f.Kind == llm.FormatSchema {
		e.chatSchema(f)
	}
	e.putBack(in, e.req.Extra)
	e.close('{')
}

func (e *encoder) chatSchema(f *llm.Format) {
	e.open("json_schema", '{')
	switch {
	case f.Name != nil:
		e.text("name", *f.Name)
	case !e.own:
		e.word("name", defaultFormatName)
		e.change(Edited, "", llm.FieldFormatName, "OpenAI wants a name")
	}
	e.maybeText("description", f.Description)
	e.maybeRaw("schema", f.Schema)
	e.maybeBool("strict", f.Strict)
	e.putBack("response_format.json_schema", e.req.Extra)
	e.close('{')
}
