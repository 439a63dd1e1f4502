package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// hostile is a text that, written without escapes, ends the string it stands in
// and adds a member behind it.
const hostile = `p"}],"injected":[{"x":"` + "\x00\n\\"

// A text that a client sends stays a text wherever it stands, as the name of a
// member too: it cannot add anything to what the provider is asked.
func TestTextsCannotAddMembers(t *testing.T) {
	for _, from := range translated {
		for path, members := range from.examples {
			for place, body := range withHostile(t, example(t, from.base, members)) {
				r, err := DecodeRequest(from.d, body)
				if err != nil {
					t.Fatalf("%s: %s: %v in %s", path, place, err, body)
				}
				for _, to := range everyTarget {
					enc, err := EncodeRequest(r, to)
					if err != nil {
						t.Fatalf("%s: %s: %v", path, place, err)
					}
					checkMembers(t, r, to, &enc)
					if slices.Contains(memberNames(enc.Body), "injected") {
						t.Errorf("%s to %s: %s at %s\nbecame\n%s", from.d, to.Dialect, body, place, enc.Body)
					}
				}
			}
		}
	}
}

// everyTarget are those that requests are written differently for.
var everyTarget = []Target{
	{Dialect: llm.OpenAIChat, Model: "gpt-4o", IncludeUsage: true},
	{Dialect: llm.OpenAIChat, Model: "gpt-5"},
	{Dialect: llm.OpenAIChat, Model: "deepseek-chat", CacheControl: true, Thoughts: true},
	{Dialect: llm.Anthropic, Model: "claude-opus-4-8", MaxOutput: llm.Tokens(64000)},
	{Dialect: llm.Anthropic, Model: "claude-sonnet-4-5", MaxOutput: llm.Tokens(64000)},
}

// withHostile are copies of the body, each with the hostile text in place of,
// or within, one of its strings or beside the members of one of its objects.
func withHostile(t *testing.T, body []byte) map[string][]byte {
	copies := map[string][]byte{}
	root := decodeJSON(t, body)
	keep := func(place string) {
		changed, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		copies[place] = changed
	}
	var visit func(value any, path string, set func(any))
	visit = func(value any, path string, set func(any)) {
		switch v := value.(type) {
		case string:
			for kind, text := range []string{hostile, v + hostile, "data:image/" + hostile + ";base64," + hostile} {
				set(text)
				keep(fmt.Sprint(path, " ", kind))
			}
			set(v)
		case []any:
			for i, e := range v {
				visit(e, at(path, i), func(e any) { v[i] = e })
			}
		case map[string]any:
			for _, name := range slices.Collect(maps.Keys(v)) {
				visit(v[name], llm.Join(path, name), func(e any) { v[name] = e })
			}
			v[hostile] = hostile
			keep(path + " {}")
			delete(v, hostile)
		}
	}
	visit(root, "", nil)
	return copies
}

// checkMembers checks that what was written is one JSON object with the
// dialect's members and no others, each once, for the target's model.
func checkMembers(t *testing.T, r *llm.Request, to Target, enc *Encoded) {
	t.Helper()
	if !json.Valid(enc.Body) {
		t.Fatalf("to %s, not JSON:\n%s", to.Dialect, enc.Body)
	}
	if r.From == to.Dialect { // puts back what the client sent, twice if need be
		return
	}
	seen := map[string]bool{}
	for m := range Members(enc.Body) {
		if name := string(m.Name); seen[name] || !isTopMember(to.Dialect, name) {
			t.Fatalf("to %s, the member %q is too many:\n%s", to.Dialect, name, enc.Body)
		}
		seen[string(m.Name)] = true
	}
	if got := stringIn(memberOf(enc.Body, "model")); got != to.Model {
		t.Fatalf("to %s, for the model %q:\n%s", to.Dialect, got, enc.Body)
	}
	for e := arrayIn(memberOf(enc.Body, "messages")); e.next(); {
		o := readObject(e.val())
		for i := range o.members {
			if o.find(string(o.members[i].name)) != &o.members[i] {
				t.Fatalf("to %s, a message has a member twice:\n%s", to.Dialect, e.val())
			}
		}
		if len(o.members) == 0 {
			t.Fatalf("to %s, not a message: %s", to.Dialect, e.val())
		}
	}
}

// isTopMember tells whether the dialect's requests have that member.
func isTopMember(d llm.Dialect, name string) bool {
	return slices.ContainsFunc(fieldsOf(d), func(f field) bool {
		return name == f.path[:strings.IndexAny(f.path+".", ".[")]
	})
}

// memberNames are the names of all members of a JSON text, however deep.
func memberNames(value []byte) []string {
	var names []string
	for m := objectIn(value); m.next(); {
		names = append(append(names, string(m.name())), memberNames(m.val())...)
	}
	for e := arrayIn(value); e.next(); {
		names = append(names, memberNames(e.val())...)
	}
	return names
}
