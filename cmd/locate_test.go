package cmd

import (
	"maps"
	"slices"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestLocateFindsTheLineOfEveryKey(t *testing.T) {
	text := `# a comment with [brackets] and = signs
listen = "a # b"   # not a comment inside
[server]
  max_request = "64MB"
quoted."dotted key".x = 1

[[provider]]
name = '''
spans
lines = "2"
'''
[provider.headers]
"X-A" = "1"
[[provider]]
headers = { a = "1", b = { c = [1, 2] } }
targets = [
  "one", # first
  "two"
]
[prices.model."openai/gpt.4"]
input = """a \""" b""""
output = 1979-05-27T07:32:00Z
`
	want := map[string]int{
		"listen":                               2,
		"server":                               3,
		"server.max_request":                   4,
		`server.quoted."dotted key".x`:         5,
		"provider[0]":                          7,
		"provider[0].name":                     8,
		"provider[0].headers":                  12,
		"provider[0].headers.X-A":              13,
		"provider[1]":                          14,
		"provider[1].headers.a":                15,
		"provider[1].headers.b.c":              15,
		"provider[1].targets":                  16,
		"provider[1].targets[0]":               17,
		"provider[1].targets[1]":               18,
		`prices.model."openai/gpt.4"`:          20,
		`prices.model."openai/gpt.4".input`:    21,
		`prices.model."openai/gpt.4".output`:   22,
		`prices.model."openai/gpt.4".nonsense`: 20, // falls back to its table
		"nowhere":                              0,
	}
	if err := toml.Unmarshal([]byte(text), new(map[string]any)); err != nil {
		t.Fatalf("the text is no TOML: %v", err)
	}
	lines := locate(text)
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got := lines.at(path); got != want[path] {
			t.Errorf("%s: line %d, want %d", path, got, want[path])
		}
	}
}

// Every key that the TOML library reads has a line, whatever the text: the two
// parsers agree on what is a key.
func FuzzLocate(f *testing.F) {
	for _, seed := range []string{
		"a = 1\n[b]\nc.d = {e = [[1], {f = 2}]}\n[[g]]\n[[g.h]]\ni = '''x'''\n",
		"a = \"\"\"\\\n  b\"\"\"\"\"\n'c d' = ''\n\"e\\u0041\" = 1",
		"x=[a=1},\n{a=}", "[a]\r\nb=1 # c\r\n", "x=[{a=1},\n{a=2}]", "[[a]]\n[a.b]\n[[a]]\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := locate(text) // must not panic or hang, even on what is no TOML
		raw := map[string]any{}
		if err := toml.Unmarshal([]byte(text), &raw); err != nil {
			return
		}
		for key, value := range raw {
			path := joinKey("", key)
			if _, array := value.([]map[string]any); array && lines[path] == 0 {
				path = indexKey(path, 0)
			}
			if lines[path] == 0 {
				t.Errorf("no line for %s", path)
			}
		}
	})
}
