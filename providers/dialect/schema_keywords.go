package dialect

import (
	"slices"
	"strings"
)

// What the providers hold their models to, as of 2026-11.
//
// Anthropic, for output_config.format and tools with "strict":
// platform.claude.com/docs/en/build-with-claude/structured-outputs ("JSON Schema
// limitations", "Schema complexity limits"), anthropic-sdk-go v1.84.0
// schemautil.go and @anthropic-ai/sdk 1.12.0 lib/transform-json-schema. A schema
// beyond it is refused: "For 'integer' type, properties maximum, minimum are not
// supported".
//
// OpenAI, where "strict" is true: developers.openai.com/api/docs/guides/
// structured-outputs ("Supported schemas"), openai-node v7.57.0 lib/transform;
// "In context=('properties', 'url'), 'uri' is not a valid format". Its pages list
// fewer keywords than it takes (no minLength, no default, which it once refused);
// what they do not list is told in words.

// verdict is what becomes of a keyword.
type verdict uint8

const (
	inWords   verdict = iota // told in the description
	kept                     // as it is
	unsaid                   // left out; it says nothing of the values
	untyped                  // left out: a type beside what says more
	closed                   // additionalProperties, which must be false
	ofSchema                 // a schema
	ofSchemas                // a list of them
	exclusive                // oneOf, which becomes anyOf
	byName                   // schemas by name
)

// verdict says what becomes of a keyword of a schema.
func (f *schemaFit) verdict(n *schemaNode, k *schemaKeyword) verdict {
	if !f.to.strict() {
		return f.looseVerdict(k)
	}
	switch k.name {
	case "$schema", "$id", "$comment":
		return unsaid
	case "$defs", "definitions":
		return f.definitions(k)
	case "type":
		return f.typeVerdict(n)
	case "properties":
		return keptIf(k.value[0] == '{', byName)
	case "items":
		return keptIf(k.value[0] == '{' && n.shapes("array"), ofSchema)
	case "anyOf":
		return keptIf(n.union(), ofSchemas)
	case "oneOf":
		return keptIf(n.union() && !n.has("anyOf"), exclusive)
	case "required":
		return keptIf(isList(k.value) && n.shapes("object"), kept)
	case "additionalProperties":
		return keptIf(n.shapes("object"), closedVerdict(k.value))
	case "enum", "const":
		return keptIf(n.values() != nil, kept)
	case "title", "description":
		return kept
	}
	return keptIf(f.takes(n, k), kept)
}

// looseVerdict is the verdict on a tool that the model is not held to. Both
// providers take any schema but for a choice at its top: "input_schema does not
// support oneOf, allOf, or anyOf at the top level" (Anthropic;
// anthropics/claude-code#44788, 2026-04), "schema must have type 'object' and not
// have 'oneOf'/'anyOf'/'allOf'/'enum'/'const'/'not' at the top level" (OpenAI;
// goruck/home-generative-agent#545, 2026-08). OpenAI looks into it for lists.
func (f *schemaFit) looseVerdict(k *schemaKeyword) verdict {
	top, openAI := len(f.path) == 0, f.to.openAI()
	switch k.name {
	case "oneOf", "anyOf", "allOf":
		if top {
			return inWords
		}
		return loosely(openAI && isList(k.value), ofSchemas)
	case "enum", "const", "not":
		return loosely(top && openAI, inWords)
	case "properties", "$defs", "definitions":
		return loosely(openAI && k.value[0] == '{', byName)
	case "items", "additionalProperties":
		return loosely(openAI && k.value[0] == '{', ofSchema)
	}
	return kept
}

// loosely is one verdict where something holds, and kept where not.
func loosely(holds bool, v verdict) verdict {
	if holds {
		return v
	}
	return kept
}

// keptIf is one verdict where something holds, and in words where not.
func keptIf(holds bool, v verdict) verdict {
	if holds {
		return v
	}
	return inWords
}

// definitions are for references, which are to those of the whole schema.
func (f *schemaFit) definitions(k *schemaKeyword) verdict {
	if len(f.path) > 0 || k.value[0] != '{' {
		return unsaid
	}
	return byName
}

func closedVerdict(value []byte) verdict {
	if string(value) == "false" {
		return kept
	}
	return closed
}

// typeVerdict: a type beside a choice of schemas would hold them to it as it
// is closed, and Anthropic refuses an enum beside more types than one ("Enum
// value 'low' does not match declared type '['string', 'null']'",
// BerriAI/litellm#37882, 2026-08).
func (f *schemaFit) typeVerdict(n *schemaNode) verdict {
	switch values := n.values(); {
	case n.union():
		return untyped
	case values == nil || f.to.openAI():
		return kept
	case len(n.types) == 1 && areOf(values, n.types[0]):
		return kept
	}
	return untyped
}

// takes tells whether a keyword that limits a value, or is a remark on it, is
// taken.
func (f *schemaFit) takes(n *schemaNode, k *schemaKeyword) bool {
	openAI := f.to.openAI()
	switch k.name {
	case "default":
		return !openAI
	case "format":
		return n.shapes("string") && f.takesFormat(stringIn(k.value))
	case "pattern":
		return n.shapes("string") && isPlainPattern(stringIn(k.value))
	case "minItems":
		few := string(k.value) == "0" || string(k.value) == "1"
		return n.shapes("array") && isNumber(k.value) && (openAI || few)
	case "maxItems":
		return openAI && n.shapes("array") && isNumber(k.value)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		return openAI && (n.shapes("number") || n.shapes("integer")) && isNumber(k.value)
	}
	return false
}

func isNumber(value []byte) bool { return value[0] == '-' || value[0]-'0' <= 9 }

// takesFormat tells whether strings can be held to a format. OpenAI takes the
// same as Anthropic but "uri".
func (f *schemaFit) takesFormat(name string) bool {
	switch name {
	case "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid":
		return true
	case "uri":
		return !f.to.openAI()
	}
	return false
}

// isPlainPattern tells whether a regular expression has only what a grammar can
// be made of: no look-around, no references back, no word boundaries, no
// classes by Unicode property, no counts above 99 (Anthropic takes "simple"
// counts and says no number).
func isPlainPattern(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch rest := pattern[i+1:]; pattern[i] {
		case '\\':
			if rest == "" || strings.IndexByte("bBkpPAzZG123456789", rest[0]) >= 0 {
				return false
			}
			i++
		case '(':
			if strings.HasPrefix(rest, "?") && !strings.HasPrefix(rest, "?:") {
				return false
			}
		case '{':
			if count, _, _ := strings.Cut(rest, "}"); slices.ContainsFunc(strings.Split(count, ","), isLong) {
				return false
			}
		}
	}
	return pattern != ""
}

func isLong(number string) bool { return len(number) > 2 }

// check finds what cannot be told in words either.
func (f *schemaFit) check(n *schemaNode) {
	object := n.shapes("object") && !n.union()
	switch {
	case f.to != anthropicFormat && len(f.path) == 0 && (n.union() || !n.shapes("object") || len(n.types) > 1):
		f.cannot("", "the schema must be of an object, and not a choice")
	case n.has("allOf") && (!n.has("type") || n.shapes("object") || n.shapes("array")):
		f.cannot("allOf", "schemas cannot be joined")
	case !n.has("type") && !n.has("properties") && !n.union() && n.values() == nil:
		f.cannot("", "a schema without a type")
	case n.has("type") && !areTypes(n.types):
		f.cannot("type", "not a type of JSON Schema")
	case object && string(n.value("additionalProperties")) != "false" && !isFilledObject(n.value("properties")):
		f.cannot("", "an object's members must be named")
	case object && n.has("properties") && n.value("properties")[0] != '{':
		f.cannot("properties", "properties are an object")
	}
	if f.to == openAIStrict {
		f.checkStrict(n, object)
	}
}

// checkStrict finds what OpenAI refuses besides.
func (f *schemaFit) checkStrict(n *schemaNode, object bool) {
	if items := n.value("items"); n.shapes("array") && (items == nil || items[0] != '{') {
		f.cannot("items", "a list's items must be described")
	}
	if !object {
		return
	}
	required := map[string]bool{}
	for e := arrayIn(n.value("required")); e.next(); {
		required[stringIn(e.val())] = true
	}
	for m := objectIn(n.value("properties")); m.next(); {
		if name := string(m.name()); !required[name] {
			f.cannot("properties."+name, "OpenAI wants every property to be required")
		} else {
			delete(required, name)
		}
	}
	if len(required) > 0 {
		f.cannot("required", "a property is required that is not described")
	}
}

// isFilledObject tells whether a value is an object with members.
func isFilledObject(value []byte) bool {
	return len(value) > 0 && value[0] == '{' && value[skipSpace(value, 1)] != '}'
}

func areTypes(types []string) bool {
	for _, t := range types {
		switch t {
		case "object", "array", "string", "number", "integer", "boolean", "null":
		default:
			return false
		}
	}
	return len(types) > 0
}
