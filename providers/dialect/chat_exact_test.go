package dialect

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// awkward are arguments that decoding and encoding would change.
var awkward = []string{
	`{"id": 12345678901234567890, "b": 1, "a": 1.0, "a": 2}`,
	`{"s":"\u00e9\ud83d\ude00\u0000","t":"é😀"}`,
	`{"empty":"","nothing":null,"e":1e400,"minus":-0}`,
	"{\n  \"lines\": \"a\\nb\"\t}",
	`{"html":"<a href=\"x\">&</a>","slash":"\/"}`,
	`{}`, ``, `{"broken":`, `not JSON`, `null`, `"text"`,
}

// Arguments come through to the byte: from a client, from an answer, from a
// stream that cuts them anywhere.
func TestArgumentsAreExact(t *testing.T) {
	for _, args := range awkward {
		literal, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		message := `{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":` + string(literal) + `}}]}`
		r, err := DecodeRequest(llm.OpenAIChat, []byte(turn(message)))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Messages[1].Parts[0].Call.Args; string(got) != args {
			t.Errorf("in a request %q became %q", args, got)
		}
		answer := decodeChatAnswer([]byte(`{"choices":[{"message":` + message + `}]}`))
		if got := answer.Choices[0].Parts[0].Call.Args; string(got) != args {
			t.Errorf("in an answer %q became %q", args, got)
		}
		out, _ := metered(t, chatWant(llm.OpenAIChat, true), chunks(deltasOf(args)...), func() int { return 13 })
		parts := answerOf(chatEvents(out)).Choices[0].Parts
		if got := parts[0].Call.Args; string(got) != args {
			t.Errorf("in a stream %q became %q", args, got)
		}
	}
}

// deltasOf streams a call with its arguments in pieces of three bytes, none of
// which ends inside a character.
func deltasOf(args string) []string {
	deltas := []string{`{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}`}
	for piece := range slices.Chunk([]rune(args), 3) {
		var w jsonOut
		w.text("", string(piece))
		deltas = append(deltas, `{"tool_calls":[{"index":0,"function":{"arguments":`+string(w.out)+`}}]}`)
	}
	return append(deltas, "finish:tool_calls")
}

// Strings are written as encoding/json reads them.
func FuzzQuotedText(f *testing.F) {
	for _, seed := range append(awkward, "\x00\x1f\x7f\u2028", "\xff\xfe", "tab\t\"q\" back\\slash") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		literal := appendQuoted(nil, text)
		if err := json.Unmarshal(literal, &got); err != nil {
			t.Fatalf("%v in %s", err, literal)
		}
		if want := strings.ToValidUTF8(text, "\ufffd"); got != want && strings.ToValidUTF8(got, "\ufffd") != got {
			t.Errorf("%q became %q", text, got)
		}
		if !bytes.Equal(literal, appendQuoted(nil, []byte(text))) {
			t.Errorf("%q is written in two ways", text)
		}
	})
}

// Strings are read as encoding/json reads them.
func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{`plain`, `\n\t\"\\\/\b\f\r`, `\u00e9\ud83d\ude00`, `\ud83d`, `\ud83d\u0041`, `\ude00\ud83d`, `\ud83d\ud83d\ude00`, "\xff\\n\xfe", "é😀"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		literal := []byte(`"` + text + `"`)
		if _, err := validJSON(literal); err != nil {
			return
		}
		var want string
		if err := json.Unmarshal(literal, &want); err != nil {
			t.Fatal(err)
		}
		if got := unquote(literal); got != want {
			t.Errorf("%s: got %q, want %q", literal, got, want)
		}
	})
}

// A request in no dialect that says everything a chat request can lose.
func foreignRequest() *llm.Request {
	image := llm.Part{Kind: llm.Image, Path: "messages[2].content[0].content[1]", Media: &llm.Media{Type: "image/png", Data: []byte("iVBORw0KGgo=")}}
	return &llm.Request{
		From:     llm.Anthropic,
		Model:    "claude",
		Sampling: llm.Sampling{TopK: llm.Raw("5"), Temperature: llm.Raw("0.3")},
		Messages: []llm.Message{
			{Path: "messages[0]", Role: llm.User, Parts: []llm.Part{
				{Kind: llm.Text, Path: "messages[0].content[0]", Text: "Hi", Cache: &llm.CacheMark{TTL: "1h"}},
				{Kind: llm.Document, Path: "messages[0].content[1]", Media: &llm.Media{Type: "application/pdf", Data: []byte("JVBERi0=")}},
				{Kind: llm.Document, Path: "messages[0].content[2]", Media: &llm.Media{URL: "https://example.com/a.pdf"}},
				{Kind: llm.Document, Path: "messages[0].content[3]", Media: &llm.Media{Text: new("plain"), Name: new("notes")}},
				{Kind: llm.Native, Path: "messages[0].content[4]", Native: &llm.NativePart{Type: "search_result"}},
			}},
			{Path: "messages[1]", Role: llm.Assistant, Parts: []llm.Part{
				{Kind: llm.Thinking, Path: "messages[1].content[0]", Thought: &llm.Thought{Text: "hm", Signature: "c2ln", Origin: llm.Anthropic}},
				{Kind: llm.Call, Path: "messages[1].content[1]", Call: &llm.ToolCall{ID: "toolu_" + strings.Repeat("x", 40), Name: "f", Args: llm.Raw(`{"n":12345678901234567890}`)}},
			}},
			{Path: "messages[2]", Role: llm.User, Parts: []llm.Part{
				{Kind: llm.Result, Path: "messages[2].content[0]", Result: &llm.ToolResult{CallID: "toolu_" + strings.Repeat("x", 40),
					Parts: []llm.Part{{Kind: llm.Text, Path: "messages[2].content[0].content[0]", Text: "ok"}, image}, Error: new(true)}},
				{Kind: llm.Text, Path: "messages[2].content[1]", Text: "Go on"},
			}},
		},
		Tools:     []llm.Tool{{Path: "tools[0]", Native: &llm.NativePart{Type: "web_search_20250305"}}},
		Reasoning: &llm.Reasoning{Mode: "enabled", Budget: llm.Tokens(10000)},
		MaxTokens: llm.Tokens(500),
		Extra:     []llm.Extra{{Name: "container", Value: llm.Raw(`"c1"`)}},
	}
}

// What another dialect's request becomes, and everything that is said of it.
func TestForeignRequestToChat(t *testing.T) {
	enc, err := EncodeRequest(foreignRequest(), Target{Dialect: llm.OpenAIChat, Model: "gpt-4o"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"gpt-4o","messages":[
		{"role":"user","content":[{"type":"text","text":"Hi"},
			{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0=","filename":"document.pdf"}},
			{"type":"text","text":"plain"}]},
		{"role":"assistant","content":null,"tool_calls":[{"id":"call_4a58ffaee9f7d8b4d3c09e0d0e5ad5b7","type":"function",
			"function":{"name":"f","arguments":"{\"n\":12345678901234567890}"}}]},
		{"role":"tool","tool_call_id":"call_4a58ffaee9f7d8b4d3c09e0d0e5ad5b7","content":"ok"},
		{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},{"type":"text","text":"Go on"}]}],
		"max_tokens":500,"temperature":0.3}`
	id := string(memberOf(enc.Body[bytes.Index(enc.Body, []byte(`{"role":"tool"`)):], "tool_call_id"))
	if len(id) > maxCallID+2 {
		t.Errorf("the id %s is too long", id)
	}
	want = strings.ReplaceAll(want, `"call_4a58ffaee9f7d8b4d3c09e0d0e5ad5b7"`, id)
	if !sameJSON(t, enc.Body, []byte(want)) {
		t.Errorf("got  %s\nwant %s", enc.Body, want)
	}
	var got []string
	for _, c := range enc.Changes {
		got = append(got, c.Fate.String()+" "+c.Path)
	}
	name := func(fate Fate, node string, f llm.Field) string {
		return fate.String() + " " + llm.Join(node, spelledIn(llm.Anthropic, f))
	}
	wantChanges := []string{
		name(Refused, "messages[0].content[4]", llm.FieldNative),
		name(Dropped, "messages[0].content[0]", llm.FieldCache),
		name(Edited, "messages[0].content[1]", llm.FieldDocName),
		name(Refused, "messages[0].content[2]", llm.FieldDocURL),
		name(Approximated, "messages[0].content[3]", llm.FieldDocText),
		name(Dropped, "messages[0].content[3]", llm.FieldDocName),
		name(Dropped, "messages[1].content[0]", llm.FieldThought),
		name(Dropped, "messages[1].content[0]", llm.FieldSignature),
		name(Edited, "messages[1].content[1]", llm.FieldCallID),
		name(Approximated, "messages[2].content[0].content[1]", llm.FieldResultImage),
		name(Edited, "messages[2].content[0]", llm.FieldResultID),
		name(Dropped, "messages[2].content[0]", llm.FieldResultError),
		name(Refused, "tools[0]", llm.FieldToolNative),
		name(Dropped, "", llm.FieldTopK),
		name(Dropped, "", llm.FieldThinking),
		name(Dropped, "", llm.FieldBudget),
		"dropped container",
	}
	if !slices.Equal(got, wantChanges) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantChanges, "\n"))
	}
}
