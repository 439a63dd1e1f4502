package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

func TestPeek(t *testing.T) {
	for _, c := range []struct {
		name string
		d    llm.Dialect
		op   Op
		body string
		want func(*Facts) any
		is   any
	}{
		{"model", llm.OpenAIChat, OpChat, `{"messages":[],"model":"gpt-4o"}`, func(f *Facts) any { return f.Model }, "gpt-4o"},
		{"model in the wrong place", llm.OpenAIChat, OpChat, `{"x":{"model":"no"}}`, func(f *Facts) any { return f.Model }, ""},
		{"exact case", llm.OpenAIChat, OpChat, `{"Model":"no"}`, func(f *Facts) any { return f.Model }, ""},
		{"escaped key", llm.OpenAIChat, OpChat, `{"mod\u0065l":"a\/b \ud83d\ude00"}`, func(f *Facts) any { return f.Model }, "a/b 😀"},
		{"invalid UTF-8", llm.OpenAIChat, OpChat, "{\"model\":\"a\xffb\"}", func(f *Facts) any { return f.Model }, "a\ufffdb"},
		{"stream", llm.OpenAIChat, OpChat, ` {"stream" : true} `, func(f *Facts) any { return f.Stream }, true},
		{"stream null", llm.OpenAIChat, OpChat, `{"stream":null}`, func(f *Facts) any { return f.Stream }, false},
		{"limit", llm.OpenAIChat, OpChat, `{"max_tokens":5}`, func(f *Facts) any { return f.MaxTokens }, llm.Tokens(5)},
		{"no limit", llm.OpenAIChat, OpChat, `{}`, func(f *Facts) any { return f.MaxTokens }, llm.Count{}},
		{"larger limit", llm.OpenAIChat, OpChat, `{"max_completion_tokens":50,"max_tokens":5}`, func(f *Facts) any { return f.MaxTokens }, llm.Tokens(50)},
		{"limit that is none", llm.OpenAIChat, OpChat, `{"max_tokens":"5"}`, func(f *Facts) any { return f.MaxTokens }, llm.Count{}},
		{"n absent", llm.OpenAIChat, OpChat, `{}`, func(f *Facts) any { return f.N }, 1},
		{"n", llm.OpenAIChat, OpChat, `{"n":3}`, func(f *Facts) any { return f.N }, 3},
		{"prompts", llm.OpenAIChat, OpCompletions, `{"n":2,"best_of":3,"prompt":["a","b"]}`, func(f *Facts) any { return f.N }, 6},
		{"prompt as tokens", llm.OpenAIChat, OpCompletions, `{"prompt":[1,2,3]}`, func(f *Facts) any { return f.N }, 1},
		{"usage asked", llm.OpenAIChat, OpChat, `{"stream_options":{"include_usage":true}}`, func(f *Facts) any { return f.IncludeUsage && f.HasIncludeUsage }, true},
		{"usage declined", llm.OpenAIChat, OpChat, `{"stream_options":{"include_usage":false}}`, func(f *Facts) any { return !f.IncludeUsage && f.HasIncludeUsage }, true},
		{"effort", llm.OpenAIChat, OpChat, `{"reasoning_effort":"high"}`, func(f *Facts) any { return f.Reasoning }, true},
		{"effort none", llm.OpenAIChat, OpChat, `{"reasoning_effort":"none"}`, func(f *Facts) any { return f.Reasoning }, false},
		{"reasoning off", llm.OpenAIChat, OpChat, `{"reasoning":{"enabled":false}}`, func(f *Facts) any { return f.Reasoning }, false},
		{"reasoning budget", llm.OpenAIChat, OpChat, `{"reasoning":{"max_tokens":2000}}`, func(f *Facts) any { return f.Reasoning }, true},
		{"thinking", llm.Anthropic, OpMessages, `{"thinking":{"type":"adaptive"}}`, func(f *Facts) any { return f.Reasoning }, true},
		{"thinking off", llm.Anthropic, OpMessages, `{"thinking":{"type":"disabled"}}`, func(f *Facts) any { return f.Reasoning }, false},
		{"tools", llm.Anthropic, OpMessages, `{"tools":[{}]}`, func(f *Facts) any { return f.Tools }, true},
		{"no tools", llm.Anthropic, OpMessages, `{"tools":[]}`, func(f *Facts) any { return f.Tools }, false},
		{"fallbacks", llm.OpenAIChat, OpChat, `{"model":"a","fallbacks":["a","b/c"]}`, func(f *Facts) any { return f.Fallbacks }, []string{"a", "b/c"}},
		{"fallbacks as objects", llm.OpenAIChat, OpChat, `{"model":"a","fallbacks":[{"provider":"p","model":"m"},{"model":"n"}]}`, func(f *Facts) any { return f.Fallbacks }, []string{"p/m", "n"}},
		{"fallbacks with more in them", llm.OpenAIChat, OpChat, `{"model":"a","fallbacks":[{"model":"m","messages":[]}]}`, func(f *Facts) any { return f.Fallbacks }, []string(nil)},
		{"Anthropic's own fallbacks", llm.Anthropic, OpMessages, `{"model":"a","fallbacks":[{"model":"keeper-3"}]}`, func(f *Facts) any { return f.FallbacksSpan }, Span{}},
		{"models", llm.OpenAIChat, OpChat, `{"models":["x","y"]}`, func(f *Facts) any { return f.Models }, []string{"x", "y"}},
		{"cache key", llm.OpenAIChat, OpChat, `{"prompt_cache_key":"s-1"}`, func(f *Facts) any { return f.SessionHint }, "s-1"},
		{"session", llm.Anthropic, OpMessages, `{"metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s-2\"}"}}`, func(f *Facts) any { return f.SessionHint }, "s-2"},
		{"older session", llm.Anthropic, OpMessages, `{"metadata":{"user_id":"user_1_account_2_session_s-3"}}`, func(f *Facts) any { return f.SessionHint }, "s-3"},
		{"no session", llm.Anthropic, OpMessages, `{"metadata":{"user_id":"123"}}`, func(f *Facts) any { return f.SessionHint }, ""},
	} {
		f, err := Peek(c.d, c.op, []byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := c.want(&f); !reflect.DeepEqual(got, c.is) {
			t.Errorf("%s: %#v, want %#v", c.name, got, c.is)
		}
	}
}

func TestPeekRefuses(t *testing.T) {
	for _, c := range []struct{ body, message string }{
		{``, "unexpected end at byte 0"},
		{`  `, "unexpected end at byte 2"},
		{`[]`, "the body must be a JSON object"},
		{`"x"`, "the body must be a JSON object"},
		{`{`, "unexpected end at byte 1"},
		{`{"model":"x"`, "unexpected end at byte 12"},
		{`{"model":"x`, "unexpected end at byte 11"},
		{`{"a":1,}`, "a member name expected at byte 7"},
		{`{"a":[1,]}`, "a value expected at byte 8"},
		{`{"a":[1 2]}`, "',' or ']' expected at byte 8"},
		{`{"a" 1}`, "':' expected at byte 5"},
		{`{"a":01}`, "malformed number at byte 7"},
		{`{"a":1.}`, "malformed number"},
		{`{"a":tru}`, "a value expected"},
		{`{"a":"\x"}`, "malformed escape"},
		{`{"a":"\u12g4"}`, "malformed escape"},
		{"{\"a\":\"\n\"}", "control character"},
		{`{} {}`, "something after the JSON"},
		{"\xef\xbb\xbf{}", "the body must be a JSON object"},
		{`{"model":null}`, "model must be a string at byte 9"},
		{`{"model":["x"]}`, "model must be a string"},
		{`{"stream":"true"}`, "stream must be true or false at byte 10"},
		{`{"stream":1}`, "stream must be true or false"},
		{`{"stream_options":[]}`, "stream_options must be an object"},
		{`{"stream_options":{"include_usage":1}}`, "include_usage must be true or false at byte 35"},
		{`{"model":"a","model":"a"}`, `"model" appears more than once`},
		{`{"model":"a","mod\u0065l":"b"}`, `"model" appears more than once`},
		{`{"stream_options":{"include_usage":true,"include_usage":false}}`, `"stream_options.include_usage" appears more than once`},
	} {
		_, err := Peek(llm.OpenAIChat, OpChat, []byte(c.body))
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: error %v, want %q", c.body, err, c.message)
		}
	}
	// Members that are not read may come twice: they pass through as they are.
	if _, err := Peek(llm.OpenAIChat, OpChat, []byte(`{"seed":1,"seed":2}`)); err != nil {
		t.Error(err)
	}
}

// Nesting is bounded as encoding/json bounds it, at any depth of attack.
func TestPeekDepth(t *testing.T) {
	for _, depth := range []int{9998, 9999, 10000, 1_000_000} {
		for _, bracket := range []string{"[", `{"a":`} {
			open := strings.Repeat(bracket, depth)
			shut := strings.Repeat(string(bracket[0]+2), depth)
			body := []byte(`{"x":` + open + "1" + shut + "}")
			_, err := Peek(llm.OpenAIChat, OpChat, body)
			if valid := json.Valid(body); valid != (err == nil) {
				t.Errorf("depth %d: %v, encoding/json says %v", depth, err, valid)
			}
		}
	}
}

// Where "model" stands in a large body makes no difference.
func TestPeekLarge(t *testing.T) {
	media := strings.Repeat("iVBORw0KGgo", 20<<20/11)
	for _, body := range []string{
		`{"model":"late","x":"` + media + `"}`,
		`{"x":"` + media + `","model":"late"}`,
	} {
		f, err := Peek(llm.OpenAIChat, OpChat, []byte(body))
		if err != nil || f.Model != "late" || body[f.ModelSpan.Start:f.ModelSpan.End] != `"late"` {
			t.Errorf("model %q, %v", f.Model, err)
		}
	}
}

// The common case allocates the model's name and nothing else.
func TestPeekAllocates(t *testing.T) {
	body := chatBody(20 << 10)
	if n := testing.AllocsPerRun(20, func() { Peek(llm.OpenAIChat, OpChat, body) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

var peekSeeds = []string{
	`{"model":"gpt-4o","stream":true,"n":2,"max_tokens":1e2,"stream_options":{"include_usage":true}}`,
	`{"mod\u0065l":"\ud800","model":1}`, `{"model":"a","model":"b"}`, `{"a":{"model":2},"stream":null}`,
	`{"stream":"x"}`, `{"x":[{},[],"",0,-0.5E-7,true,false,null]}`, `{"":""} `, `{"a":"\u00e9\n\\"}x`,
	"{\"model\":\"\xc3\x28\"}", `{"stream_options":null}`, `{"stream_options":3}`, `[{"model":"a"}]`, `{"a":1e}`, `{"a":-}`,
	`{"model":"m","max_tokens":16,"messages":[{"role":"user","content":"` + "\x01" + `"}]}`,
}

// The scanner and encoding/json agree on every input: the same texts are
// refused, and the same values found.
func FuzzPeek(f *testing.F) {
	for _, s := range peekSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Peek(llm.OpenAIChat, OpChat, body)
		want, wantErr := peekSlowly(body)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, want %v", body, err, wantErr)
		}
		if err != nil {
			return
		}
		if got.Model != want.Model || got.Stream != want.Stream || got.N != want.N ||
			got.IncludeUsage != want.IncludeUsage || got.HasIncludeUsage != want.HasIncludeUsage {
			t.Fatalf("%q:\n got %+v\nwant %+v", body, got, want)
		}
		checkEdits(t, body, &got)
	})
}

// peekSlowly is Peek by encoding/json.
func peekSlowly(body []byte) (Facts, error) {
	f := Facts{N: 1}
	members, err := membersOf(body)
	if err != nil {
		return f, err
	}
	seen := map[string]bool{}
	for _, m := range members {
		if watched(llm.OpenAIChat, []byte(m.key)) != 0 && seen[m.key] {
			return f, &DuplicateKey{m.key}
		}
		seen[m.key] = true
		switch m.key {
		case "model":
			if m.value[0] != '"' {
				return f, errors.New("model")
			}
			err = json.Unmarshal(m.value, &f.Model)
		case "stream":
			err = json.Unmarshal(m.value, &f.Stream)
		case "n":
			var n int64
			if json.Unmarshal(m.value, &n) == nil && n >= 1 && n < 1000 {
				f.N = int(n)
			} else {
				f.N = int(max(1, min(countIn(m.value).N, 1<<20)))
			}
		case "stream_options":
			err = optionsSlowly(&f, m.value)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func optionsSlowly(f *Facts, value []byte) error {
	if string(value) == "null" {
		return nil
	}
	members, err := membersOf(value)
	for _, m := range members {
		if m.key != "include_usage" {
			continue
		}
		if f.HasIncludeUsage {
			return &DuplicateKey{"stream_options.include_usage"}
		}
		f.HasIncludeUsage = true
		if err := json.Unmarshal(m.value, &f.IncludeUsage); err != nil {
			return err
		}
	}
	return err
}

type member struct {
	key   string
	value json.RawMessage
}

// membersOf lists the members of an object in order, duplicates too.
func membersOf(body []byte) ([]member, error) {
	if !json.Valid(body) {
		return nil, errors.New("not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("not an object: %v, %v", open, err)
	}
	var all []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: key.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}
