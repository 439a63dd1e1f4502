package dialect

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"llmgw/providers/llm"
)

// Put together again, the members are the body; their names and values are
// those that encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{
		`{}`, ` { } `, `{"a":1}`, "\n{ \"a\" : 1 ,\t\"b\":[1,{\"c\":null}] }\n", `{"a":1,"a":2}`,
		`{"\u0061":"}","b":"\",","c":{"d":[]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := Peek(llm.OpenAIChat, OpChat, body); err != nil {
			t.Skip()
		}
		var all [][]byte
		last := map[string]json.RawMessage{}
		for m := range Members(body) {
			all = append(all, m.Whole)
			last[string(m.Name)] = m.Value
		}
		inner := bytes.TrimSpace(body)
		inner = inner[1 : len(inner)-1]
		if got := bytes.Join(all, []byte(",")); !bytes.Equal(got, inner) && len(bytes.TrimSpace(inner)) > 0 {
			t.Errorf("%q became %q", inner, got)
		}
		var want map[string]json.RawMessage
		if !utf8.Valid(body) || json.Unmarshal(body, &want) != nil {
			return // encoding/json replaces what is no UTF-8
		}
		for name, value := range want {
			if got, ok := last[name]; !ok || !bytes.Equal(got, value) {
				t.Errorf("%q is %q, want %q", name, got, value)
			}
		}
	})
}
