package dialect

// schemaSize counts what the providers limit.
type schemaSize struct {
	level      int // objects and lists around the schema that is being written, itself included
	properties int
	optional   int // properties that are not required
	unions     int // values of one of several types
	listed     int // values in enums
	chars      int // bytes of the names of properties and definitions and of the values
}

// What a schema may have where OpenAI is strict ("Objects have limitations on
// nesting depth and size", "Limitations on enum size",
// developers.openai.com/api/docs/guides/structured-outputs, 2026-11). Lists count
// as levels here; the page says only "levels of nesting".
const (
	maxOpenAILevels     = 10
	maxOpenAIProperties = 5000
	maxOpenAIValues     = 1000
	maxOpenAIText       = 120_000
	manyOpenAIValues    = 250 // in one enum: their text is limited as well
	maxOpenAIValuesText = 15_000
)

// levels is how many levels of nesting a schema adds.
func (n *schemaNode) levels() int {
	if n.shapes("object") || n.shapes("array") {
		return 1
	}
	return 0
}

// measure counts a schema.
func (f *schemaFit) measure(n *schemaNode) {
	f.level += n.levels()
	if f.to == openAIStrict && f.level > maxOpenAILevels {
		f.cannot("", "OpenAI takes 10 levels of nesting")
	}
	if n.union() || len(n.types) > 1 && f.typeVerdict(n) == kept {
		f.unions++
	}
	chars := 0
	values := n.values()
	for _, v := range values {
		chars += len(v)
	}
	f.listed += len(values)
	f.chars += chars
	if f.to == openAIStrict && len(values) > manyOpenAIValues && chars > maxOpenAIValuesText {
		f.cannot("enum", "OpenAI takes 15,000 characters in an enum of more than 250 values")
	}
	f.measureProperties(n)
}

func (f *schemaFit) measureProperties(n *schemaNode) {
	required := map[string]bool{}
	for e := arrayIn(n.value("required")); e.next(); {
		required[stringIn(e.val())] = true
	}
	for m := objectIn(n.value("properties")); m.next(); {
		f.properties++
		f.chars += len(m.name())
		if !required[string(m.name())] {
			f.optional++
		}
	}
}

// checkSize checks the limits of a schema by itself; Anthropic's are of all
// schemas in a call together.
func (f *schemaFit) checkSize() {
	switch {
	case f.to != openAIStrict:
	case f.properties > maxOpenAIProperties:
		f.cannot("", "OpenAI takes 5,000 properties")
	case f.listed > maxOpenAIValues:
		f.cannot("", "OpenAI takes 1,000 values in enums")
	case f.chars > maxOpenAIText:
		f.cannot("", "OpenAI takes 120,000 characters of names and values")
	}
}
