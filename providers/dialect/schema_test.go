package dialect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// What becomes of a schema, by whom it is for: the schema, or why it cannot be;
// and what is said of it. "" is the schema as it was, to the byte.
var schemaCases = []struct {
	name, schema string
	to           subset
	want         string
	changes      []string
}{
	{"conforms", `{ "type":"object",	"properties":{"a":{"type":"string","description":"é\u0000"}}, "required":["a"],"additionalProperties":false}`, openAIStrict, "", nil},
	{"conforms", `{ "type":"object",	"properties":{"a":{"type":"string","description":"é\u0000"}}, "required":["a"],"additionalProperties":false}`, anthropicFormat, "", nil},

	// openai-node's zodResponseFormat of z.object({n: z.number().int(), w: z.string().min(1).max(9).nullable()}).
	{"zod", `{"type":"object","properties":{"n":{"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991},"w":{"anyOf":[{"type":"string","minLength":1,"maxLength":9},{"type":"null"}]}},"required":["n","w"],"additionalProperties":false,"$schema":"http://json-schema.org/draft-07/schema#"}`, anthropicFormat,
		`{"type":"object","properties":{"n":{"type":"integer","description":"{minimum: -9007199254740991, maximum: 9007199254740991}"},"w":{"anyOf":[{"type":"string","description":"{minLength: 1, maxLength: 9}"},{"type":"null"}]}},"required":["n","w"],"additionalProperties":false}`,
		[]string{"approximated properties.n.minimum", "approximated properties.n.maximum", "approximated properties.w.anyOf[0].minLength", "approximated properties.w.anyOf[0].maxLength", "edited "}},
	{"zod email", `{"type":"object","properties":{"e":{"type":"string","format":"email","pattern":"^(?!\\.)(?!.*\\.\\.)[a-z]+@x$"},"u":{"type":"string","format":"uri"}},"required":["e","u"],"additionalProperties":false}`, anthropicFormat,
		`{"type":"object","properties":{"e":{"type":"string","format":"email","description":"{pattern: \"^(?!\\\\.)(?!.*\\\\.\\\\.)[a-z]+@x$\"}"},"u":{"type":"string","format":"uri"}},"required":["e","u"],"additionalProperties":false}`,
		[]string{"approximated properties.e.pattern"}},
	{"uri", `{"type":"object","properties":{"u":{"type":"string","format":"uri"}},"required":["u"],"additionalProperties":false}`, openAIStrict,
		`{"type":"object","properties":{"u":{"type":"string","description":"{format: \"uri\"}"}},"required":["u"],"additionalProperties":false}`,
		[]string{"approximated properties.u.format"}},

	// pydantic: definitions, an enum that may be null, a constrained list, a tagged union.
	{"pydantic", `{"$defs":{"Cat":{"properties":{"kind":{"const":"cat","title":"Kind","type":"string"},"lives":{"exclusiveMinimum":0,"title":"Lives","type":"integer"}},"required":["kind","lives"],"title":"Cat","type":"object"},"Dog":{"properties":{"kind":{"const":"dog","type":"string"}},"required":["kind"],"type":"object"}},"properties":{"pet":{"discriminator":{"mapping":{"cat":"#/$defs/Cat","dog":"#/$defs/Dog"},"propertyName":"kind"},"oneOf":[{"$ref":"#/$defs/Cat"},{"$ref":"#/$defs/Dog"}]},"mood":{"enum":["good","bad",null],"type":["string","null"]},"tags":{"items":{"type":"string"},"maxItems":3,"minItems":1,"type":"array"}},"required":["pet"],"title":"Owner","type":"object"}`, anthropicFormat,
		`{"$defs":{"Cat":{"properties":{"kind":{"const":"cat","title":"Kind","type":"string"},"lives":{"title":"Lives","type":"integer","description":"{exclusiveMinimum: 0}"}},"required":["kind","lives"],"title":"Cat","type":"object","additionalProperties":false},"Dog":{"properties":{"kind":{"const":"dog","type":"string"}},"required":["kind"],"type":"object","additionalProperties":false}},"properties":{"pet":{"anyOf":[{"$ref":"#/$defs/Cat"},{"$ref":"#/$defs/Dog"}],"description":"{discriminator: {\"mapping\":{\"cat\":\"#/$defs/Cat\",\"dog\":\"#/$defs/Dog\"},\"propertyName\":\"kind\"}}"},"mood":{"enum":["good","bad",null]},"tags":{"items":{"type":"string"},"minItems":1,"type":"array","description":"{maxItems: 3}"}},"required":["pet"],"title":"Owner","type":"object","additionalProperties":false}`,
		[]string{"approximated $defs.Cat.properties.lives.exclusiveMinimum", "edited $defs.Cat.additionalProperties", "edited $defs.Dog.additionalProperties", "approximated properties.pet.discriminator", "approximated "}},
	{"described reference", `{"$defs":{"A":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false}},"type":"object","properties":{"a":{"$ref":"#/$defs/A","description":"The a."},"b":{"allOf":[{"$ref":"#/$defs/A"}]}},"required":["a","b"],"additionalProperties":false}`, openAIStrict,
		`{"$defs":{"A":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false}},"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/$defs/A"}},"required":["a","b"],"additionalProperties":false}`,
		[]string{"approximated properties.a.description", "edited properties.b.allOf"}},
	{"recursive", `{"$defs":{"Node":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/Node"},{"type":"null"}]}},"required":["next"],"additionalProperties":false}},"type":"object","properties":{"head":{"$ref":"#/$defs/Node"}},"required":["head"],"additionalProperties":false}`, openAIStrict, "", nil},
	{"recursive", `{"$defs":{"Node":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/Node"},{"type":"null"}]}},"required":["next"],"additionalProperties":false}},"type":"object","properties":{"head":{"$ref":"#/$defs/Node"}},"required":["head"],"additionalProperties":false}`, anthropicFormat, "cannot: the schema refers to itself", nil},
	{"recursive", `{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}},"required":["kids"],"additionalProperties":false}`, anthropicFormat, "cannot: the schema refers to itself", nil},
	{"references", `{"$ref":"#/definitions/a~1b%20c","definitions":{"a/b c":{"type":"string"}}}`, anthropicFormat, "", nil},
	{"references", `{"$ref":"#/definitions/no","definitions":{}}`, anthropicFormat, "cannot: a reference to what is not defined", nil},
	{"references", `{"type":"array","items":{"$ref":"https://example.com/a.json"}}`, anthropicFormat, "cannot: not a reference to a definition of the schema: items.$ref", nil},

	// Names of properties and contents of values are not keywords.
	{"names", `{"type":"object","properties":{"minimum":{"type":"integer"},"oneOf":{"type":"string","enum":["maxLength"]},"$ref":{"type":"string"},"":{"type":"null"}},"required":["minimum","oneOf","$ref",""],"additionalProperties":false}`, anthropicFormat, "", nil},
	{"names", `{"type":"object","properties":{"a\u0062":{"const":"{\"minimum\":1}","type":"string"}},"required":["ab"],"additionalProperties":false}`, openAIStrict, "", nil},
	{"data", `{"type":"array","items":{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false},"default":[{"minimum":1,"additionalProperties":true}],"examples":[[{"maximum":1.50}]]}`, anthropicFormat,
		`{"type":"array","items":{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false},"default":[{"minimum":1,"additionalProperties":true}],"description":"{examples: [[{\"maximum\":1.50}]]}"}`,
		[]string{"approximated examples"}},
	{"twice", `{"type":"string","type":"object","properties":{"a":{"type":"integer","maximum":1,"maximum":2}},"required":["a"],"additionalProperties":true,"additionalProperties":false}`, anthropicFormat,
		`{"type":"object","properties":{"a":{"type":"integer","description":"{maximum: 2}"}},"required":["a"],"additionalProperties":false}`,
		[]string{"approximated properties.a.maximum"}},
	{"described", `{"description":"A name.","type":"string","minLength":3}`, anthropicFormat,
		`{"description":"A name.\n\n{minLength: 3}","type":"string"}`, []string{"approximated minLength"}},

	{"open", `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"string"}}`, anthropicFormat,
		`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`, []string{"approximated additionalProperties"}},
	{"map", `{"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"string"}}},"additionalProperties":false}`, anthropicFormat, "cannot: an object's members must be named: properties.m", nil},
	{"anything", `{"type":"object","properties":{"m":{}},"required":["m"],"additionalProperties":false}`, anthropicFormat, "cannot: a schema without a type: properties.m", nil},
	{"anything", `{"type":"object","properties":{"m":true},"required":["m"],"additionalProperties":false}`, openAIStrict, "cannot: a schema without a type: properties.m", nil},
	{"joined", `{"type":"object","allOf":[{"properties":{"a":{"type":"string"}}}],"properties":{"b":{"type":"string"}}}`, anthropicFormat, "cannot: schemas cannot be joined: allOf", nil},
	{"few items", `{"type":"array","items":{"type":"string"},"minItems":2}`, anthropicFormat, `{"type":"array","items":{"type":"string"},"description":"{minItems: 2}"}`, []string{"approximated minItems"}},
	{"nullable enum", `{"type":["string","null"],"enum":["a",null]}`, anthropicFormat, `{"enum":["a",null]}`, []string{"edited type"}},
	{"enum beside its type", `{"type":"number","enum":[1,1.5]}`, anthropicFormat, "", nil},
	{"enum beside another type", `{"type":"string","enum":["a",1]}`, anthropicFormat, `{"enum":["a",1]}`, []string{"approximated type"}},
	{"no type", `{"properties":{"a":{"enum":["x",1]}},"required":["a"]}`, openAIStrict,
		`{"properties":{"a":{"enum":["x",1],"type":["string","integer"]}},"required":["a"],"type":"object","additionalProperties":false}`,
		[]string{"edited properties.a.type", "edited type", "edited additionalProperties"}},
	{"choice with a type", `{"type":"array","items":{"type":"object","oneOf":[{"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":false}]}}`, anthropicFormat,
		`{"type":"array","items":{"anyOf":[{"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":false}]}}`,
		[]string{"approximated items.type", "approximated items.oneOf"}},

	{"optional", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],"additionalProperties":false}`, anthropicStrictTool, "", nil},
	{"optional", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],"additionalProperties":false}`, openAIStrict, "cannot: OpenAI wants every property to be required: properties.b", nil},
	{"undescribed", `{"type":"object","properties":{"a":{"type":"string"}},"required":["a","b"],"additionalProperties":false}`, openAIStrict, "cannot: a property is required that is not described: required", nil},
	{"list", `{"type":"array","items":{"type":"string"}}`, anthropicFormat, "", nil},
	{"list", `{"type":"array","items":{"type":"string"}}`, anthropicStrictTool, "cannot: the schema must be of an object, and not a choice", nil},
	{"list", `{"type":"array","items":{"type":"string"}}`, openAIStrict, "cannot: the schema must be of an object, and not a choice", nil},
	{"choice", `{"anyOf":[{"type":"object","properties":{},"additionalProperties":false}]}`, openAIStrict, "cannot: the schema must be of an object, and not a choice", nil},
	{"list of anything", `{"type":"object","properties":{"a":{"type":"array"}},"required":["a"],"additionalProperties":false}`, openAIStrict, "cannot: a list's items must be described: properties.a.items", nil},
	{"default", `{"type":"object","properties":{"a":{"type":"integer","minimum":1,"default":1}},"required":["a"],"additionalProperties":false}`, openAIStrict,
		`{"type":"object","properties":{"a":{"type":"integer","minimum":1,"description":"{default: 1}"}},"required":["a"],"additionalProperties":false}`,
		[]string{"approximated properties.a.default"}},
	{"no arguments", `{"type":"object","additionalProperties":false}`, openAIStrict,
		`{"type":"object","additionalProperties":false,"properties":{},"required":[]}`, []string{"edited properties", "edited required"}},

	{"tool", `{"type":"object","properties":{"l":{"type":"array"},"n":{"type":"integer","minimum":1.0}}}`, anthropicTool, "", nil},
	{"tool", `{"type":"object","properties":{"items":{"type":"array"},"n":{"anyOf":[{"type":"integer","minimum":1.0},true]}}}`, openAITool,
		`{"type":"object","properties":{"items":{"type":"array","items":{}},"n":{"anyOf":[{"type":"integer","minimum":1.0},true]}}}`,
		[]string{"edited properties.items.items"}},
	{"tool of a choice", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, anthropicTool,
		`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"description":"{anyOf: [{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}"}`,
		[]string{"approximated anyOf"}},
	{"tool of a choice", `{"type":"object","oneOf":[{"required":["a"]}],"not":{"required":["b"]}}`, openAITool,
		`{"type":"object","properties":{},"description":"{oneOf: [{\"required\":[\"a\"]}], not: {\"required\":[\"b\"]}}"}`,
		[]string{"approximated oneOf", "approximated not", "edited properties"}},
	{"tool without a type", `{"properties":{"a":{}}}`, anthropicTool, `{"properties":{"a":{}},"type":"object"}`, []string{"edited type"}},
}

func TestSchemasFit(t *testing.T) {
	for _, c := range schemaCases {
		t.Run(fmt.Sprintf("%s for %d", c.name, c.to), func(t *testing.T) {
			fit, misfit := fitSchema(llm.Raw(c.schema), c.to)
			got := string(fit.schema)
			if misfit != nil {
				got = "cannot: " + misfit.String()
			}
			if want := or(c.want, c.schema); got != want {
				t.Errorf("%s\nbecame\n%s\nwant\n%s", c.schema, got, want)
			}
			var changes []string
			for _, change := range fit.changes {
				changes = append(changes, change.Fate.String()+" "+change.Path)
			}
			if !slices.Equal(changes, c.changes) {
				t.Errorf("changes %q, want %q", changes, c.changes)
			}
			if misfit == nil {
				checkFitted(t, c.schema, fit, c.to)
			}
		})
	}
}

// checkFitted checks that a schema which was made to fit does.
func checkFitted(t *testing.T, schema string, fit fitted, to subset) {
	t.Helper()
	if !json.Valid(fit.schema) {
		t.Fatalf("%s\nbecame\n%s", schema, fit.schema)
	}
	again, misfit := fitSchema(fit.schema, to)
	if misfit != nil || len(again.changes) > 0 || string(again.schema) != string(fit.schema) {
		t.Fatalf("%s\nbecame\n%s\nand then\n%s %v %v", schema, fit.schema, again.schema, misfit, again.changes)
	}
	if len(fit.changes) > maxSchemaChanges+1 {
		t.Errorf("%d changes named", len(fit.changes))
	}
	if to.strict() {
		if refused := refusedBy(decodeJSON(t, fit.schema), to.openAI()); refused != "" {
			t.Errorf("%s\nbecame\n%s\nin which is %s", schema, fit.schema, refused)
		}
	}
}

// refusedBy names what of a schema a provider refuses; "" when nothing. It is
// written from the providers' pages and not from the code, and reads a schema as
// they do: by position.
func refusedBy(schema any, openAI bool) string {
	s, ok := schema.(map[string]any)
	if !ok {
		return fmt.Sprintf("a schema %v", schema)
	}
	allowed := "type properties required additionalProperties items anyOf enum const $ref $defs definitions title description format pattern minItems "
	if openAI {
		allowed += "maxItems minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
	} else {
		allowed += "default "
	}
	for keyword := range s {
		if !strings.Contains(allowed, keyword+" ") || keyword == "" {
			return keyword
		}
	}
	kinds := fmt.Sprint(s["type"])
	if strings.Contains(kinds, "object") && s["additionalProperties"] != false {
		return "an open object"
	}
	if n, found := s["minItems"].(json.Number); found && !openAI && n != "0" && n != "1" {
		return "minItems " + string(n)
	}
	if properties, _ := s["properties"].(map[string]any); openAI && len(properties) != len(listOfAny(s["required"])) {
		return "an optional property"
	}
	return refusedBelow(s, openAI)
}

func listOfAny(v any) []any {
	list, _ := v.([]any)
	return list
}

func refusedBelow(s map[string]any, openAI bool) string {
	var inner []any
	for _, names := range []string{"properties", "$defs", "definitions"} {
		members, _ := s[names].(map[string]any)
		for _, schema := range members {
			inner = append(inner, schema)
		}
	}
	inner = append(inner, listOfAny(s["anyOf"])...)
	if items, found := s["items"]; found {
		inner = append(inner, items)
	}
	for _, schema := range inner {
		if refused := refusedBy(schema, openAI); refused != "" {
			return refused
		}
	}
	return ""
}

func TestPlainPatterns(t *testing.T) {
	for pattern, plain := range map[string]bool{
		`^[a-z]+\d{2,5}(?:x|y)?\.$`: true, `^\(\?=$`: true, `(?=a)`: false, `(?<!a)b`: false, `(a)\1`: false, `\bword\b`: false,
		`a{1,200}`: false, `\p{L}`: false, `(?i)a`: false, `a\`: false, ``: false,
	} {
		if got := isPlainPattern(pattern); got != plain {
			t.Errorf("%s: %v", pattern, got)
		}
	}
}

// A schema's size is counted, and what is counted is bounded.
func TestLargeSchemas(t *testing.T) {
	object := func(properties, required string) string {
		return `{"type":"object","properties":{` + properties + `},"required":[` + required + `],"additionalProperties":false}`
	}
	var enum, properties, required []string
	for i := range maxOpenAIProperties + 1 {
		enum = append(enum, strconv.Itoa(i))
		properties = append(properties, `"p`+strconv.Itoa(i)+`":{"type":"null"}`)
		required = append(required, `"p`+strconv.Itoa(i)+`"`)
	}
	nested := `{"type":"string"}`
	for range maxOpenAILevels + 1 {
		nested = object(`"a":`+nested, `"a"`)
	}
	deep := strings.Repeat(`{"type":"array","items":`, 5000) + `{"type":"string"}` + strings.Repeat(`}`, 5000)
	for schema, want := range map[string]string{
		object(strings.Join(properties, ","), strings.Join(required, ",")):                                       "OpenAI takes 5,000 properties",
		object(`"e":{"type":"integer","enum":[`+strings.Join(enum[:maxOpenAIValues+1], ",")+`]}`, `"e"`):         "OpenAI takes 1,000 values in enums",
		object(`"e":{"type":"string","const":"`+strings.Repeat("x", maxOpenAIText)+`"}`, `"e"`):                  "OpenAI takes 120,000 characters of names and values",
		object(`"e":{"type":"string","enum":["`+strings.Repeat(strings.Repeat("x", 60)+`","`, 300)+`"]}`, `"e"`): "OpenAI takes 15,000 characters in an enum of more than 250 values: properties.e.enum",
		nested: "OpenAI takes 10 levels of nesting: properties.a" + strings.Repeat(".properties.a", maxOpenAILevels-1),
	} {
		if _, misfit := fitSchema(llm.Raw(schema), openAIStrict); misfit == nil || misfit.String() != want {
			t.Errorf("%v, want %s", misfit, want)
		}
		if _, misfit := fitSchema(llm.Raw(schema), anthropicFormat); misfit != nil {
			t.Errorf("Anthropic: %v", misfit)
		}
	}
	if _, misfit := fitSchema(llm.Raw(deep), anthropicFormat); misfit == nil || misfit.why != "the schema is nested too deeply" {
		t.Errorf("%v", misfit)
	}
}

func FuzzSchemasFit(f *testing.F) {
	for _, c := range schemaCases {
		f.Add([]byte(c.schema), uint8(c.to))
	}
	f.Fuzz(func(t *testing.T, schema []byte, to uint8) {
		value, err := validJSON(schema)
		if err != nil || value[0] != '{' {
			return
		}
		s := subset(to) % (openAIStrict + 1)
		if fit, misfit := fitSchema(value, s); misfit == nil {
			checkFitted(t, string(value), fit, s)
		}
	})
}
