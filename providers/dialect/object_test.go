package dialect

import (
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// Of a member that stands twice the last one counts, the conversation too.
func TestLastConversationCounts(t *testing.T) {
	for _, d := range translated {
		for body, want := range map[string]string{
			`{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}],"messages":[{"role":"user","content":"c"}]}`: "c",
			`{"messages":[{"role":"user","content":"a"}],"messages":[]}`:                                                            "",
			`{"messages":"no list","messages":[{"role":"user","content":"d"}]}`:                                                     "d",
		} {
			r, err := DecodeRequest(d.d, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, m := range r.Messages {
				got += m.Parts[0].Text
			}
			if got != want {
				t.Errorf("%s: %s: %q, want %q", d.d, body, got, want)
			}
		}
		if r, err := DecodeRequest(d.d, []byte(`{"messages":[{"role":"user","content":"a"}],"messages":1}`)); err == nil {
			t.Errorf("%s: %+v although the conversation that counts is none", d.d, r.Messages)
		}
	}
}

// What one message had does not show in the next one, which is read in its room.
func TestMessagesKeepApart(t *testing.T) {
	block := `{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}},{"type":"new","more":[{"k":[1]}]}]}`
	wide := `{"role":"user","content":[` + strings.Repeat(block+",", 400) + block + `],"name":"n","own":[{"a":1}]}`
	body := `{"model":"m","messages":[` + wide + `,{"role":"user","content":[{"type":"text","text":"y"}]},` + wide + `,{"role":"assistant"}],"max_tokens":1}`
	r, err := DecodeRequest(llm.Anthropic, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := EncodeRequest(r, Target{Dialect: llm.Anthropic, Model: "m", MaxOutput: llm.Tokens(1)})
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeRequest(llm.Anthropic, enc.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*llm.Request{r, again} {
		if len(m.Messages) != 4 || len(m.Messages[0].Parts) != 401 || len(m.Messages[2].Parts) != 401 || len(m.Messages[3].Parts) != 0 {
			t.Fatalf("%d messages, %d and %d parts", len(m.Messages), len(m.Messages[0].Parts), len(m.Messages[2].Parts))
		}
		if p := m.Messages[1].Parts; len(p) != 1 || p[0].Text != "y" || m.Messages[1].Extra != nil {
			t.Errorf("the second message: %+v", m.Messages[1])
		}
		for _, p := range m.Messages[2].Parts {
			inner := p.Result.Parts
			if len(inner) != 2 || inner[0].Text != "x" || inner[0].Cache == nil || string(inner[1].Native.Raw) != `{"type":"new","more":[{"k":[1]}]}` {
				t.Fatalf("a result of the third message: %+v", inner)
			}
		}
		if extra := m.Messages[2].Extra; len(extra) != 2 || string(extra[1].Value) != `[{"a":1}]` {
			t.Errorf("beside the third message: %+v", extra)
		}
	}
}
