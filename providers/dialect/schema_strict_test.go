package dialect

import (
	"fmt"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// translatedTo puts a call to a model of another dialect.
func translatedTo(t *testing.T, from, to llm.Dialect, model, members string) Encoded {
	t.Helper()
	r, err := DecodeRequest(from, []byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],`+members+`}`))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := EncodeRequest(r, Target{Dialect: to, Model: model, MaxOutput: llm.Tokens(100)})
	if err != nil {
		t.Fatal(err)
	}
	return enc
}

const (
	closedObject = `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`
	halfOptional = `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],"additionalProperties":false}`
	limited      = `{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"required":["a"],"additionalProperties":false}`
	spoken       = `{"type":"object","properties":{"a":{"type":"integer","description":"{minimum: 1}"}},"required":["a"],"additionalProperties":false}`
	recursive    = `{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"],"additionalProperties":false}`
)

// What a call says of schemas in the other protocol, and what of it is named.
func TestSchemasAcross(t *testing.T) {
	const (
		chat, claude = llm.OpenAIChat, llm.Anthropic
		sonnet       = "claude-sonnet-4-5"
	)
	function := func(schema, strict string) string {
		return `"tools":[{"type":"function","function":{"name":"f","parameters":` + schema + strict + `}}]`
	}
	tool := func(schema, strict string) string {
		return `"tools":[{"name":"f","input_schema":` + schema + strict + `}]`
	}
	answer := func(schema string) string {
		return `"response_format":{"type":"json_schema","json_schema":{"strict":true,"schema":` + schema + `}}`
	}
	format := func(schema string) string {
		return `"output_config":{"format":{"type":"json_schema","schema":` + schema + `}}`
	}
	named := func(schema, strict string) string {
		return `"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":` + schema + strict + `}}`
	}
	const yes, nameless = `,"strict":true`, "edited format.name"
	for _, c := range []struct {
		from            llm.Dialect
		model, in, want string
		changes         string
	}{
		{chat, sonnet, answer(closedObject), format(closedObject), ""},
		{chat, sonnet, answer(limited), format(spoken), "approximated response_format.json_schema.schema.properties.a.minimum"},
		{chat, sonnet, answer(recursive), "", "refused response_format.json_schema.schema"},
		{chat, sonnet, function(limited, yes), tool(spoken, yes), "approximated tools[0].function.parameters.properties.a.minimum"},
		{chat, sonnet, function(limited, `,"strict":false`), tool(limited, `,"strict":false`), ""},
		{chat, sonnet, function(limited, ""), tool(limited, ""), ""},
		{chat, sonnet, function(recursive, yes), tool(recursive, ""), "dropped tools[0].function.strict"},
		{chat, "claude-3-haiku-20240307", function(limited, yes), tool(limited, ""), "dropped tools[0].function.strict"},
		{chat, sonnet, `"tools":[{"type":"function","function":{"name":"f","strict":true}}]`, tool(`{"type":"object","properties":{},"additionalProperties":false}`, yes), ""},
		{chat, sonnet, function(`{"type":"object","properties":{"größe":{"type":"string"}}}`, ""), "", "refused tools[0].function.parameters"},
		{claude, "gpt-4o", tool(closedObject, yes), function(closedObject, yes), ""},
		{claude, "gpt-4o", tool(limited, yes), function(limited, yes), ""},
		{claude, "gpt-4o", tool(halfOptional, yes), function(halfOptional, ""), "dropped tools[0].strict"},
		{claude, "gpt-4o", tool(halfOptional, ""), function(halfOptional, ""), ""},
		{claude, "gpt-4o", format(limited), named(limited, yes), nameless},
		{claude, "gpt-4o", format(recursive), named(recursive, yes), nameless},
		{claude, "gpt-4o", format(halfOptional), named(halfOptional, ""), "approximated output_config.format, " + nameless},
		{claude, "gpt-4o", format(`{"type":"array","items":{"type":"string"}}`), "", "refused output_config.format.schema"},
		{claude, "mistral-large", format(`{"type":"array","items":{"type":"string"}}`), named(`{"type":"array","items":{"type":"string"}}`, ""), "approximated output_config.format, " + nameless},
		{claude, "gpt-4o", `"output_format":{"type":"json_schema","schema":` + halfOptional + `}`, named(halfOptional, ""), "approximated output_format, edited format.name"},
	} {
		to := chat
		if c.from == chat {
			to = claude
		}
		enc := translatedTo(t, c.from, to, c.model, c.in)
		for _, member := range []string{`"tools"`, `"response_format"`, `"output_config"`} {
			if has := strings.Contains(string(enc.Body), member); has != strings.Contains(c.want, member) {
				t.Errorf("%s: %s in\n%s", c.in, member, enc.Body)
			}
		}
		if !strings.Contains(string(enc.Body), c.want) {
			t.Errorf("%s\nbecame\n%s\nwant\n%s", c.in, enc.Body, c.want)
		}
		if got := changesOf(enc); got != c.changes {
			t.Errorf("%s: %s, want %s", c.in, got, c.changes)
		}
	}
}

func changesOf(enc Encoded) string {
	var all []string
	for _, c := range enc.Changes {
		all = append(all, c.Fate.String()+" "+c.Path)
	}
	return strings.Join(all, ", ")
}

// Anthropic limits what the schemas of a call have together: an answer's comes
// first, and tools are held to theirs as long as they fit.
func TestGrammarIsBounded(t *testing.T) {
	tools := func(n int, schema string) string {
		one := `{"type":"function","function":{"name":"f","strict":true,"parameters":` + schema + `}}`
		return `"tools":[` + strings.Repeat(one+",", n-1) + one + `]`
	}
	open := func(n int, schema string) string {
		var properties []string
		for i := range n {
			properties = append(properties, fmt.Sprintf(`"p%d":%s`, i, schema))
		}
		return `{"type":"object","properties":{` + strings.Join(properties, ",") + `},"additionalProperties":false}`
	}
	answer := func(schema string) string {
		return `"response_format":{"type":"json_schema","json_schema":{"strict":true,"schema":` + schema + `}}`
	}
	const text, union = `{"type":"string"}`, `{"type":["string","null"]}`
	for _, c := range []struct {
		members string
		strict  int
		refused bool
	}{
		{tools(maxStrictTools, closedObject), maxStrictTools, false},
		{tools(maxStrictTools+2, closedObject), maxStrictTools, false},
		{tools(2, open(maxStrictOptional, text)), 1, false},
		{tools(2, open(maxStrictUnions, union)), 1, false},
		{tools(2, open(maxStrictUnions+1, union)), 0, false},
		{tools(1, open(5, text)) + "," + answer(open(20, text)), 0, false},
		{tools(1, open(4, text)) + "," + answer(open(20, text)), 1, false},
		{tools(1, closedObject) + "," + answer(open(maxStrictOptional+1, text)), 1, true},
	} {
		enc := translatedTo(t, llm.OpenAIChat, llm.Anthropic, "claude-sonnet-4-5", c.members)
		if got := strings.Count(string(enc.Body), `"strict":true`); got != c.strict {
			t.Errorf("%d strict tools, want %d: %s", got, c.strict, enc.Body)
		}
		if got := len(enc.Changes.Paths(Refused)) > 0; got != c.refused {
			t.Errorf("refused %v: %v", got, enc.Changes)
		}
		lost := strings.Count(c.members, `"name":"f"`) - c.strict
		if got := len(enc.Changes.Paths(Dropped)); got != lost {
			t.Errorf("%d named, want %d: %v", got, lost, enc.Changes)
		}
	}
}
