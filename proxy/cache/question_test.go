package cache

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func question() Question {
	return Question{
		Dialect: "openai-chat", Operation: "chat", Named: "", Path: "/chat/completions", Query: "api-version=1",
		Header: http.Header{"Openai-Beta": {"a"}, "User-Agent": {"x"}},
		Body:   []byte(`{"model":"m"}`), Members: [][]byte{[]byte(`"model":"m"`)},
		Provider: "openai", BaseURL: "https://api.openai.com/v1", Model: "m", Added: http.Header{"X-Added": {"1"}},
		Project: "default", Upstream: [32]byte{1}, Client: [32]byte{2},
	}
}

// SF-C1, SF-C3: no field of a question can change, appear or vanish without
// another key. A field that is added to the struct and not to the key fails
// here.
func TestKeyCoversEveryField(t *testing.T) {
	base := question()
	if got := question(); got.Key() != base.Key() {
		t.Fatal("the same question has two keys")
	}
	v := reflect.ValueOf(base)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		q := question()
		if name == "Members" {
			base.Ignored, q.Ignored = []string{"user"}, []string{"user"} // they count only then
		}
		switch f := reflect.ValueOf(&q).Elem().Field(i).Addr().Interface().(type) {
		case *string:
			*f += "x"
		case *[]byte:
			*f = append(slices.Clone(*f), ' ')
		case *[][]byte:
			*f = append(slices.Clone(*f), []byte(`"n":1`))
		case *[]string:
			*f = append(slices.Clone(*f), "user")
		case *[32]byte:
			f[31]++
		case *http.Header:
			*f = f.Clone()
			f.Set("Openai-Beta", "b")
		default:
			t.Fatalf("%s: no change is known for a %T", name, f)
		}
		if q.Key() == base.Key() {
			t.Errorf("%s may change and the key stays", name)
		}
		base.Ignored = nil
	}
}

func TestKeyHeaders(t *testing.T) {
	base := question()
	for _, c := range []struct {
		name   string
		change func(http.Header)
		same   bool
	}{
		{"another client", func(h http.Header) { h.Set("User-Agent", "y") }, true},
		{"a version", func(h http.Header) { h.Set("Anthropic-Version", "2023-06-01") }, false},
		{"a beta", func(h http.Header) { h.Set("Anthropic-Beta", "x") }, false},
		{"an organisation", func(h http.Header) { h.Set("Openai-Organization", "o") }, false},
		{"a project", func(h http.Header) { h.Set("Openai-Project", "p") }, false},
		{"an account", func(h http.Header) { h.Set("Chatgpt-Account-Id", "p") }, false},
		{"no beta", func(h http.Header) { h.Del("Openai-Beta") }, false},
		{"an empty one", func(h http.Header) { h["Anthropic-Beta"] = []string{""} }, false},
		{"two in one", func(h http.Header) { h["Openai-Beta"] = []string{"a,b"} }, false},
		{"keep-alive", func(h http.Header) { h.Set("Connection", "Keep-Alive") }, true},
		{"one that is not passed on", func(h http.Header) { h.Set("Connection", "openai-beta") }, false},
	} {
		q := question()
		c.change(q.Header)
		if (q.Key() == base.Key()) != c.same {
			t.Errorf("%s: same key %v", c.name, !c.same)
		}
	}
	one, two := question(), question()
	one.Header["Openai-Beta"], two.Header["Openai-Beta"] = []string{"a", "b"}, []string{"a,b"}
	if one.Key() == two.Key() {
		t.Error("two values are one")
	}
}

// No byte can wander from one part of a question into the next and leave the
// key as it is: whatever way a text is cut into parts, each way is a key of
// its own.
func TestKeyPartsDoNotRunTogether(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := strings.Repeat("ab\x00", 4)
	seen := map[Key]string{}
	for range 4000 {
		cuts := []int{random.IntN(len(text) + 1), random.IntN(len(text) + 1), random.IntN(len(text) + 1), random.IntN(len(text) + 1), random.IntN(len(text) + 1)}
		slices.Sort(cuts)
		part := func(i int) string {
			from, to := 0, len(text)
			if i > 0 {
				from = cuts[i-1]
			}
			if i < len(cuts) {
				to = cuts[i]
			}
			return text[from:to]
		}
		q := Question{Path: part(0), Query: part(1), Provider: part(2), BaseURL: part(3), Model: part(4), Project: part(5)}
		name := strings.Join([]string{part(0), part(1), part(2), part(3), part(4), part(5)}, "|")
		if old, ok := seen[q.Key()]; ok && old != name {
			t.Fatalf("%q and %q have one key", old, name)
		}
		seen[q.Key()] = name
	}
	if len(seen) < 1000 {
		t.Errorf("only %d ways were tried", len(seen))
	}
	one := Question{Ignored: []string{"x"}, Members: [][]byte{[]byte("ab"), []byte("c")}}
	two := Question{Ignored: []string{"x"}, Members: [][]byte{[]byte("a"), []byte("bc")}}
	if one.Key() == two.Key() {
		t.Error("members run together")
	}
}

// Any change of any byte of the body is another question.
func FuzzKeyBody(f *testing.F) {
	f.Add([]byte(`{"seed":12345678901234567890}`), []byte(`{"seed":12345678901234567891}`))
	f.Add([]byte(`{"a":1,"b":2}`), []byte(`{"b":2,"a":1}`))
	f.Add([]byte(`{"a":1}`), []byte(`{"a": 1}`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		a, b := question(), question()
		a.Body, b.Body = one, two
		if (a.Key() == b.Key()) != bytes.Equal(one, two) {
			t.Errorf("%q and %q", one, two)
		}
	})
}
