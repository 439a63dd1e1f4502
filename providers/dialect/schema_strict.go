package dialect

import (
	"strings"

	"llmgw/providers/llm"
)

// shown is a schema as it is written where the model is not held to it.
func shown(schema llm.Raw, to subset) fitted {
	fit, misfit := fitSchema(schema, to)
	if misfit != nil {
		return fitted{schema: schema}
	}
	return fit
}

// adapted names what changed in a schema.
func (e *encoder) adapted(node string, f llm.Field, fit *fitted) []byte {
	root := e.pathOf(node, f)
	for _, c := range fit.changes {
		c.Path = llm.Join(root, c.Path)
		e.changes = append(e.changes, c)
	}
	return fit.schema
}

// chatParameters are a tool's schema and whether the model is held to it.
func (e *encoder) chatParameters(t *llm.Tool) (schema llm.Raw, strict *bool) {
	if e.own || t.Schema == nil {
		return t.Schema, t.Strict
	}
	strict = t.Strict
	if strict != nil && *strict {
		fit, misfit := fitSchema(t.Schema, openAIStrict)
		if misfit == nil {
			return e.adapted(t.Path, llm.FieldToolSchema, &fit), strict
		}
		e.change(Dropped, t.Path, llm.FieldToolStrict, misfit.String())
		strict = nil
	}
	fit := shown(t.Schema, openAITool)
	return e.adapted(t.Path, llm.FieldToolSchema, &fit), strict
}

// chatShape is the shape of the answer's text as OpenAI takes it. Anthropic
// always holds its models to a schema; OpenAI does where "strict" says so and
// the schema fits.
func (e *encoder) chatShape() *llm.Format {
	f := e.req.Format
	if e.own || f == nil || f.Kind != llm.FormatSchema || f.Schema == nil {
		return f
	}
	held := *f
	fit, misfit := fitSchema(f.Schema, openAIStrict)
	switch root := readSchema(f.Schema); {
	case misfit == nil:
		strict := true
		held.Schema, held.Strict = e.adapted("", llm.FieldFormatSchema, &fit), &strict
	case isOpenAIs(e.t.Model) && !root.shapes("object"):
		e.change(Refused, "", llm.FieldFormatSchema, "OpenAI's models answer with an object")
		return nil
	default:
		path := strings.TrimSuffix(e.pathOf("", llm.FieldFormatSchema), ".schema")
		e.changes = append(e.changes, Change{path, Approximated, "the model is shown the schema but not held to it: " + misfit.String()})
	}
	return &held
}

// Anthropic makes one grammar of all schemas of a call that the model is held
// to (platform.claude.com/docs/en/build-with-claude/structured-outputs, "Schema
// complexity limits", 2026-11: "Schemas contains too many optional parameters
// (87) ... (limit: 24)").
const (
	maxStrictTools    = 20
	maxStrictOptional = 24
	maxStrictUnions   = 16
)

// grammar is what the model is held to.
type grammar struct {
	format *fitted // the schema of the answer
	misfit *misfit // why it cannot be held to that
	begun  bool    // format and misfit are decided

	tools, optional, unions int
}

// add takes a schema into the grammar unless it becomes too large.
func (g *grammar) add(fit *fitted) *misfit {
	switch {
	case g.optional+fit.optional > maxStrictOptional:
		return &misfit{why: "Anthropic takes 24 properties that are not required"}
	case g.unions+fit.unions > maxStrictUnions:
		return &misfit{why: "Anthropic takes 16 values of one of several types"}
	}
	g.optional += fit.optional
	g.unions += fit.unions
	return nil
}

// held is the grammar. The schema of the answer comes first: a tool can do
// without.
func (m *messagesOut) held() *grammar {
	g := &m.grammar
	f := m.req.Format
	if g.begun || f == nil || f.Kind != llm.FormatSchema || f.Schema == nil || !m.model.formats() {
		return g
	}
	g.begun = true
	fit, no := fitSchema(f.Schema, anthropicFormat)
	if no == nil {
		no = g.add(&fit)
	}
	g.format, g.misfit = &fit, no
	return g
}

// namesFit tells whether Anthropic takes the names of a tool's arguments:
// "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'", it says of any
// other (platform.claude.com/docs/en/managed-agents/self-hosted-sandboxes,
// 2026-09).
func namesFit(schema llm.Raw) bool {
	for m := objectIn(memberOf(schema, "properties")); m.next(); {
		name := m.name()
		if len(name) == 0 || len(name) > 64 || strings.ContainsFunc(string(name), isOddInName) {
			return false
		}
	}
	return true
}

func isOddInName(r rune) bool {
	return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && r != '_' && r != '.' && r != '-'
}

// noArguments is the schema of a function that has none.
const noArguments = `{"type":"object","properties":{}}`

// arguments are the schema of a tool's arguments and whether the model is held
// to it. Anthropic wants a schema that says that it is of an object.
func (m *messagesOut) arguments(t *llm.Tool) (schema llm.Raw, strict *bool) {
	schema, strict = t.Schema, t.Strict
	switch {
	case m.own:
		return schema, strict
	case schema == nil && strict != nil && *strict:
		return llm.Raw(`{"type":"object","properties":{},"additionalProperties":false}`), strict
	case schema == nil:
		return llm.Raw(noArguments), strict
	case strict != nil && *strict:
		fit, no := m.strictArguments(schema)
		if no == nil {
			return m.adapted(t.Path, llm.FieldToolSchema, &fit), strict
		}
		m.change(Dropped, t.Path, llm.FieldToolStrict, no.String())
		strict = nil
	}
	fit := shown(schema, anthropicTool)
	return m.adapted(t.Path, llm.FieldToolSchema, &fit), strict
}

// strictArguments are a tool's schema that the model can be held to.
func (m *messagesOut) strictArguments(schema llm.Raw) (fitted, *misfit) {
	g := m.held()
	switch {
	case !m.model.formats():
		return fitted{}, &misfit{why: "the model cannot be held to a schema"}
	case g.tools == maxStrictTools:
		return fitted{}, &misfit{why: "Anthropic takes 20 strict tools"}
	}
	fit, no := fitSchema(schema, anthropicStrictTool)
	if no == nil {
		no = g.add(&fit)
	}
	if no == nil {
		g.tools++
	}
	return fit, no
}
