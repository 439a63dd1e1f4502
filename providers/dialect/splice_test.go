package dialect

import (
	"encoding/json"
	"testing"

	"llmgw/providers/llm"
)

func TestSplice(t *testing.T) {
	for _, c := range []struct{ body, model, want string }{
		// Order, white space, numbers and unknown members stay.
		{`{ "seed" : 12345678901234567890 , "model":"a", "x":1.0e2}`, "b", `{ "seed" : 12345678901234567890 , "model":"b", "x":1.0e2}`},
		{`{"model":"a","stream":true}`, `q"\`, `{"model":"q\"\\","stream":true,"stream_options":{"include_usage":true}}`},
		{`{"mod\u0065l":"a"}`, "b", `{"mod\u0065l":"b"}`},
		{`{"stream":true,"fallbacks":["x"]}`, "", `{"stream":true,"stream_options":{"include_usage":true}}`},
		{`{"fallbacks":["x"] , "model":"a","stream":true}`, "b", `{ "model":"b","stream":true,"stream_options":{"include_usage":true}}`},
		{`{"model":"a" , "fallbacks":["x"],"stream":true}`, "b", `{"model":"b","stream":true,"stream_options":{"include_usage":true}}`},
		{`{"stream":true,"stream_options":{}}`, "", `{"stream":true,"stream_options":{"include_usage":true}}`},
		{`{"stream":true,"stream_options":{ "x":1}}`, "", `{"stream":true,"stream_options":{"include_usage":true, "x":1}}`},
		{`{"stream":true,"stream_options":null}`, "", `{"stream":true,"stream_options":{"include_usage":true}}`},
		{`{"stream":true,"stream_options":{"include_usage": false }}`, "", `{"stream":true,"stream_options":{"include_usage": true }}`},
		{`{"stream":true,"stream_options":{"include_usage":true}}`, "", `{"stream":true,"stream_options":{"include_usage":true}}`},
		{`{"fallbacks":["x"]}`, "b", `{"model":"b","fallbacks":["x"]}`},
		{`{"stream":false}`, "b", `{"model":"b","stream":false}`},
		{`{}`, "b", `{"model":"b"}`},
	} {
		f, err := Peek(llm.OpenAIChat, OpChat, []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		var edits []Edit
		if f.Stream {
			edits = append(edits, f.AddIncludeUsage([]byte(c.body)))
		}
		if f.Fallbacks != nil {
			edits = append(edits, Edit{Span: f.FallbacksSpan, Name: "fallbacks"})
		}
		if c.model != "" {
			edits = append(edits, f.SetModel(c.model))
		}
		if got := string(Splice([]byte(c.body), edits...)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

// checkEdits makes every edit on a body that was accepted: it must be accepted
// again, say what the edits say and be otherwise the same.
func checkEdits(t *testing.T, body []byte, f *Facts) {
	t.Helper()
	edits := []Edit{f.SetModel("other/model"), f.AddIncludeUsage(body)}
	if f.Fallbacks != nil {
		edits = append(edits, Edit{Span: f.FallbacksSpan})
	}
	out := Splice(body, edits...)
	g, err := Peek(llm.OpenAIChat, OpChat, out)
	if err != nil {
		t.Fatalf("%q became %q: %v", body, out, err)
	}
	if g.Model != "other/model" || g.IncludeUsage != (f.Stream || f.IncludeUsage) || g.Stream != f.Stream || g.N != f.N {
		t.Fatalf("%q became %q: %+v", body, out, g)
	}
	var before, after map[string]json.RawMessage
	if json.Unmarshal(body, &before) != nil || json.Unmarshal(out, &after) != nil {
		t.Fatalf("%q became %q", body, out)
	}
	for key, value := range before {
		switch key {
		case "model", "stream_options", "fallbacks":
		default:
			if string(after[key]) != string(value) {
				t.Fatalf("%q became %q: %s changed", body, out, key)
			}
		}
	}
}
