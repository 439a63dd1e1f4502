package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// translated are the dialects that have a table of fields, with a request that
// each example is put into and an example of every field.
var translated = []struct {
	d        llm.Dialect
	base     string
	examples map[string]string // by path: the members to add to the base
	opaque   []string          // members in which nobody looks for members
	answer   string            // that has every field the dialect knows
}{
	{llm.OpenAIChat, chatBase, chatExamples, chatOpaque, chatWholeAnswer},
	{llm.Anthropic, messagesBase, messagesExamples, messagesOpaque, messagesWholeAnswer},
}

// example is a request of the dialect that has the members.
func example(t *testing.T, base, members string) []byte {
	t.Helper()
	request := map[string]json.RawMessage{}
	for _, text := range []string{base, members} {
		if err := json.Unmarshal([]byte(text), &request); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// translate puts a request to a model of another dialect.
func translate(t *testing.T, from, to llm.Dialect, body []byte) (*llm.Request, Encoded) {
	t.Helper()
	r, err := DecodeRequest(from, body)
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	enc, err := EncodeRequest(r, Target{Dialect: to, Model: "test-model", MaxOutput: llm.Tokens(4096), IncludeUsage: true})
	if err != nil {
		t.Fatalf("%v for %s", err, body)
	}
	if !json.Valid(enc.Body) {
		t.Fatalf("%s\nbecame\n%s", body, enc.Body)
	}
	return r, enc
}

// What the tables say becomes of a member is what becomes of it, for every
// documented member, from every dialect to every other.
func TestEveryFieldHasItsFate(t *testing.T) {
	for _, from := range translated {
		for _, row := range fieldsOf(from.d) {
			members, found := from.examples[row.path]
			if !found {
				t.Errorf("%s: %s has no example", from.d, row.path)
				continue
			}
			body := example(t, from.base, members)
			if got := own(t, from.d, body); !sameJSON(t, got, body) {
				t.Errorf("%s: %s does not survive its own dialect:\n%s\nbecame\n%s", from.d, row.path, body, got)
			}
			for _, to := range translated {
				if Translates(from.d, to.d, requestOp(from.d)) {
					t.Run(fmt.Sprintf("%s to %s/%s", from.d, to.d, row.path), func(t *testing.T) {
						_, enc := translate(t, from.d, to.d, body)
						checkFate(t, row, takingOf(to.d, row.is), body, enc)
					})
				}
			}
		}
		for path := range from.examples {
			if !slices.ContainsFunc(fieldsOf(from.d), func(f field) bool { return f.path == path }) {
				t.Errorf("%s: an example of %s, which is not in the table", from.d, path)
			}
		}
	}
}

func checkFate(t *testing.T, row field, want taking, body []byte, enc Encoded) {
	pattern := regexp.MustCompile("^" + pathPattern(row.path) + "$")
	got := Passed
	for _, c := range enc.Changes {
		if pattern.MatchString(c.Path) && c.Fate != Edited {
			got = max(got, c.Fate)
		}
	}
	if want.fate <= Mapped {
		want.fate = Passed
	}
	if got != want.fate {
		t.Errorf("is %s, the table says %s:\n%s\nbecame\n%s\n%v", got, want.fate, body, enc.Body, enc.Changes)
	}
	if want.fate <= Approximated && want.to != "" && !has(decodeJSON(t, enc.Body), want.to) {
		t.Errorf("there is no %q:\n%s\nbecame\n%s", want.to, body, enc.Body)
	}
}

var selector = regexp.MustCompile(`\\\[[a-z_]+=[a-z_]+\\\]`)

// pathPattern is the regular expression of the paths that a table's path
// stands for.
func pathPattern(path string) string {
	text := regexp.QuoteMeta(path)
	text = strings.ReplaceAll(text, `\[\]`, `\[\d+\]`)
	return selector.ReplaceAllString(text, `(\[\d+\]|\.[a-z_]+)?`)
}

// has tells whether a value has a member at the path.
func has(value any, path string) bool {
	name, rest, nested := strings.Cut(path, ".")
	name, list := strings.CutSuffix(name, "[]")
	members, _ := value.(map[string]any)
	value, found := members[name]
	if !found {
		return false
	}
	if !list {
		return !nested || has(value, rest)
	}
	elements, _ := value.([]any)
	return slices.ContainsFunc(elements, func(e any) bool { return !nested || has(e, rest) })
}

// A member that nobody knows is named, wherever it stands.
func TestUnknownMembersAreNamed(t *testing.T) {
	for _, from := range translated {
		for _, to := range translated {
			if !Translates(from.d, to.d, requestOp(from.d)) {
				continue
			}
			for _, path := range slices.Sorted(maps.Keys(from.examples)) {
				body := example(t, from.base, from.examples[path])
				for place, changed := range withUnknown(t, body, from.opaque) {
					_, enc := translate(t, from.d, to.d, changed)
					if !named(enc.Changes, place) {
						t.Errorf("%s to %s: %s is not named in %v of\n%s", from.d, to.d, place, enc.Changes, changed)
					}
				}
			}
		}
	}
}

const unknownMember = "x_unknown"

// named tells whether the unknown member at place is named, or something that
// it is a part of.
func named(changes Changes, place string) bool {
	return slices.ContainsFunc(changes, func(c Change) bool {
		return c.Fate >= Approximated && (c.Path == place || strings.HasPrefix(place, c.Path+".") || strings.HasPrefix(place, c.Path+"["))
	})
}

// withUnknown are copies of the body, each with an unknown member in another
// object, by the member's path.
func withUnknown(t *testing.T, body []byte, opaque []string) map[string][]byte {
	copies := map[string][]byte{}
	var visit func(value any, path string)
	root := decodeJSON(t, body)
	visit = func(value any, path string) {
		if slices.ContainsFunc(opaque, func(o string) bool { return regexp.MustCompile("^" + pathPattern(o) + "$").MatchString(path) }) {
			return
		}
		switch v := value.(type) {
		case []any:
			for i, e := range v {
				visit(e, at(path, i))
			}
		case map[string]any:
			v[unknownMember] = 1
			changed, err := json.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			copies[llm.Join(path, unknownMember)] = changed
			delete(v, unknownMember)
			for name, e := range v {
				visit(e, llm.Join(path, name))
			}
		}
	}
	visit(root, "")
	return copies
}

// An answer's fields arrive where the tables say, from every dialect in every
// other.
func TestEveryFieldOfAnAnswerArrives(t *testing.T) {
	for _, from := range translated {
		members, _ := answersOf(from.d)
		for _, to := range translated {
			_, gives := answersOf(to.d)
			if from.d == to.d {
				continue
			}
			w := Want{Dialect: from.d, Op: requestOp(from.d), Status: 200, Reply: &Reply{Dialect: to.d, Created: 7}}
			out, _ := metered(t, w, []byte(from.answer), func() int { return 1000 })
			got := decodeJSON(t, out)
			for _, row := range members {
				if to := gives[row.is]; to != "" && has(decodeJSON(t, []byte(from.answer)), row.path) && !has(got, to) {
					t.Errorf("%s: no %q in\n%s", row.path, to, out)
				}
			}
		}
	}
}
