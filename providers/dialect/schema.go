package dialect

import (
	"strconv"
	"strings"

	"llmgw/providers/llm"
)

// A provider that holds a model to a JSON schema does so while it generates,
// and takes only as much of JSON Schema as it can hold it to. What it does not
// take is written into the description of the value that it is about, where the
// model reads it; so does Anthropic's own SDK.

// subset is as much of JSON Schema as a provider takes.
type subset uint8

const (
	anthropicTool       subset = iota // of a tool whose arguments may be anything
	anthropicStrictTool               // of one whose arguments are held to it
	anthropicFormat                   // of an answer
	openAITool
	openAIStrict // of a tool or an answer
)

func (s subset) strict() bool { return s != anthropicTool && s != openAITool }
func (s subset) openAI() bool { return s == openAITool || s == openAIStrict }

// fitted is a schema that fits a subset.
type fitted struct {
	schema   []byte
	changes  Changes // paths below the schema: "properties.n.minimum"
	optional int     // properties that are not required
	unions   int     // values of one of several types
}

// misfit is why a schema cannot be made to fit.
type misfit struct{ path, why string }

// String says where and why.
func (m *misfit) String() string {
	if m.path == "" {
		return m.why
	}
	return m.why + ": " + m.path
}

// fitSchema makes a schema fit. One that fits is returned as it is, byte for
// byte; of another, what is kept is, and in its order.
func fitSchema(schema llm.Raw, to subset) (fitted, *misfit) {
	f := schemaFit{to: to}
	f.out = make([]byte, 0, len(schema)+len(schema)/4)
	f.schema(schema)
	f.checkRefs()
	f.checkSize()
	if f.misfit != nil {
		return fitted{}, f.misfit
	}
	fit := fitted{schema: schema, changes: f.named(), optional: f.optional, unions: f.unions}
	if len(fit.changes) > 0 {
		fit.schema = f.out
	}
	return fit, nil
}

// schemaFit writes a schema that fits.
type schemaFit struct {
	jsonOut
	to     subset
	path   []string // where the schema that is being written stands
	misfit *misfit  // the first
	schemaSize
	schemaRefs

	changes Changes // the first few
	more    int     // how many there are besides
	worst   Fate    // among those
}

// maxSchemaNesting is how deeply schemas may stand within another, in names and
// keywords: 30 objects. That bounds the work, as each level reads what is below.
const maxSchemaNesting = 60

// schema writes the schema that value is.
func (f *schemaFit) schema(value []byte) {
	switch {
	case f.misfit != nil:
		return
	case value[0] != '{' && !f.to.strict():
		f.raw("", value)
		return
	case value[0] != '{':
		f.cannot("", "a schema without a type")
		return
	case len(f.path) > maxSchemaNesting:
		f.cannot("", "the schema is nested too deeply")
		return
	}
	n := readSchema(value)
	ref := n.reference()
	switch {
	case !f.to.strict():
		f.write(&n)
	case ref != nil:
		f.reference(&n, ref)
	default:
		f.check(&n)
		f.measure(&n)
		f.write(&n)
		f.level -= n.levels()
	}
}

// write writes a schema's keywords in their order, and behind them what is
// missing.
func (f *schemaFit) write(n *schemaNode) {
	words := f.words(n)
	f.open("", '{')
	for i := range n.keywords {
		if k := &n.keywords[i]; k.name == "description" {
			f.description(k, words)
			words = ""
		} else {
			f.keyword(n, k)
		}
	}
	f.missing(n)
	if words != "" {
		f.text("description", words)
	}
	f.close('{')
}

// words are the keywords that become text.
func (f *schemaFit) words(n *schemaNode) string {
	var all []string
	for i := range n.keywords {
		if k := &n.keywords[i]; f.verdict(n, k) == inWords {
			all = append(all, k.name+": "+string(k.value))
			f.change(k.name, Approximated, "the model is told in words only")
		}
	}
	if all == nil {
		return ""
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func (f *schemaFit) description(k *schemaKeyword, words string) {
	switch text := stringIn(k.value); {
	case words == "" && isString(k.value):
		f.raw("description", k.value)
	case words == "":
		f.change("description", Edited, "it is no text")
	case text == "":
		f.text("description", words)
	default:
		f.text("description", text+"\n\n"+words)
	}
}

// keyword writes one keyword as far as it is taken.
func (f *schemaFit) keyword(n *schemaNode, k *schemaKeyword) {
	switch f.verdict(n, k) {
	case kept:
		f.member(k, k.value)
	case unsaid:
		f.change(k.name, Edited, "says nothing of the value that the provider needs")
	case untyped:
		f.change(k.name, n.typeFate(), "what stands beside it says which values there are")
	case closed:
		f.change(k.name, Approximated, "the members of an object are those it names")
		f.member(k, []byte("false"))
	case ofSchema:
		f.below(k)
	case ofSchemas:
		f.open(k.name, '[')
		f.branches(k)
		f.close('[')
	case exclusive:
		f.change(k.name, Approximated, "oneOf became anyOf")
		f.open("anyOf", '[')
		f.branches(k)
		f.close('[')
	case byName:
		f.byName(k)
	}
}

func (f *schemaFit) branches(k *schemaKeyword) {
	for e := arrayIn(k.value); e.next(); {
		f.path = append(f.path, at(k.name, e.n-1))
		f.schema(e.val())
		f.path = f.path[:len(f.path)-1]
	}
}

// member writes a member whose name stays as it was written.
func (f *schemaFit) member(k *schemaKeyword, value []byte) {
	f.comma()
	f.out = append(append(append(f.out, k.literal...), ':'), value...)
}

// below writes a schema as a member.
func (f *schemaFit) below(k *schemaKeyword) {
	f.member(k, nil)
	f.path = append(f.path, k.name)
	f.schema(k.value)
	f.path = f.path[:len(f.path)-1]
}

// byName writes schemas by names that are not keywords: properties, definitions.
func (f *schemaFit) byName(k *schemaKeyword) {
	f.open(k.name, '{')
	f.path = append(f.path, k.name)
	members := readSchema(k.value).keywords
	for i := range members {
		if k.name != "properties" {
			f.define(k.name, members[i].name)
		}
		f.below(&members[i])
	}
	f.path = f.path[:len(f.path)-1]
	f.close('{')
}

// missing writes what a provider wants to be said.
func (f *schemaFit) missing(n *schemaNode) {
	switch {
	case !f.to.strict():
		f.missingLoose(n)
		return
	case n.has("type"):
	case n.has("properties"):
		f.added("type", `"object"`)
	case f.to == openAIStrict && !n.union() && n.values() != nil:
		f.added("type", typesOf(n.values()))
	}
	if !n.shapes("object") || n.union() {
		return
	}
	if f.to == openAIStrict && !n.has("properties") {
		f.added("properties", "{}")
	}
	if f.to == openAIStrict && !n.has("required") {
		f.added("required", "[]")
	}
	if !n.has("additionalProperties") {
		f.added("additionalProperties", "false")
	}
}

// missingLoose: "array schema missing items" and "object schema missing
// properties", says OpenAI of any tool.
func (f *schemaFit) missingLoose(n *schemaNode) {
	top := len(f.path) == 0
	if top && !n.has("type") {
		f.added("type", `"object"`)
	}
	if top && f.to.openAI() && !n.has("properties") {
		f.added("properties", "{}")
	}
	if f.to.openAI() && n.shapes("array") && !n.has("items") {
		f.added("items", "{}")
	}
}

func (f *schemaFit) added(name, value string) {
	f.raw(name, []byte(value))
	f.change(name, Edited, "the provider wants it said")
}

// maxSchemaChanges is how many places of a schema are named one by one.
const (
	maxSchemaChanges = 4
	maxSchemaPath    = 160 // bytes
)

func (f *schemaFit) change(keyword string, fate Fate, why string) {
	path := f.place(keyword)
	if len(f.changes) >= maxSchemaChanges || path == "" {
		f.more++
		f.worst = max(f.worst, fate)
		return
	}
	f.changes = append(f.changes, Change{Path: path, Fate: fate, Why: why})
}

// named are the changes; what is not named by itself is counted, at the
// schema's own path.
func (f *schemaFit) named() Changes {
	if f.more == 0 {
		return f.changes
	}
	why := strconv.Itoa(f.more) + " more places of the schema were adapted"
	return append(f.changes, Change{Fate: f.worst, Why: why})
}

// cannot says that the schema cannot be made to fit.
func (f *schemaFit) cannot(keyword, why string) {
	if f.misfit == nil {
		f.misfit = &misfit{f.place(keyword), why}
	}
}

// place is the path of a keyword of the schema that is being written, "" where
// that is too long to be told.
func (f *schemaFit) place(keyword string) string {
	size := len(keyword)
	for _, name := range f.path {
		size += len(name) + 1
	}
	if size > maxSchemaPath {
		return ""
	}
	return llm.Join(strings.Join(f.path, "."), keyword)
}
