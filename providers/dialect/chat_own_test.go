package dialect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"llmgw/providers/llm"
)

// sameJSON tells whether two texts are the same JSON value, numbers compared as
// they are written.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(decodeJSON(t, a), decodeJSON(t, b))
}

func decodeJSON(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, excerpt(text))
	}
	return v
}

// own decodes a request and encodes it in its own dialect.
func own(t *testing.T, d llm.Dialect, body []byte) []byte {
	t.Helper()
	r, err := DecodeRequest(d, body)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := EncodeRequest(r, Target{Dialect: d, Model: r.Model})
	if err != nil {
		t.Fatal(err)
	}
	if len(enc.Changes) > 0 {
		t.Errorf("changes in the own dialect: %v", enc.Changes)
	}
	return enc.Body
}

// Whatever clients have sent comes out of the neutral form as it went in.
func TestCorpusRequestsSurviveTheirOwnDialect(t *testing.T) {
	for _, file := range []struct {
		name string
		d    llm.Dialect
	}{{"openai-chat", llm.OpenAIChat}, {"anthropic-messages", llm.Anthropic}} {
		n := 0
		for _, x := range corpus(t, file.name) {
			if x.RequestBody == nil {
				continue
			}
			n++
			if got := own(t, file.d, []byte(*x.RequestBody)); !sameJSON(t, got, []byte(*x.RequestBody)) {
				t.Errorf("%s:\n%s\nbecame\n%s", x.ID, *x.RequestBody, got)
			}
		}
		t.Logf("%s: %d requests", file.name, n)
	}
}

// So do answers.
func TestCorpusAnswersSurviveTheirOwnDialect(t *testing.T) {
	n := 0
	for _, x := range corpus(t, "openai-chat") {
		value, err := validJSON([]byte(x.ResponseBody))
		if x.Stream || err != nil || x.Status != 200 || memberOf(value, "choices") == nil {
			continue
		}
		n++
		got := encodeAnswer(nil, decodeAnswer(llm.OpenAIChat, value), &Reply{Dialect: llm.OpenAIChat})
		if !sameJSON(t, got, value) {
			t.Errorf("%s:\n%s\nbecame\n%s", x.ID, value, got)
		}
	}
	t.Logf("%d answers", n)
}

// A message without a role stays what it is.
func TestMessagesOfNobodySurviveTheirOwnDialect(t *testing.T) {
	for _, message := range oddMessages {
		body := []byte(`{"messages":[` + message + `]}`)
		for _, d := range []llm.Dialect{llm.OpenAIChat, llm.Anthropic} {
			r, err := DecodeRequest(d, body)
			if err != nil {
				t.Fatal(err)
			}
			enc, err := EncodeRequest(r, Target{Dialect: d})
			if got := memberOf(enc.Body, "messages"); err != nil || !sameJSON(t, got, []byte("["+message+"]")) {
				t.Errorf("%s: %s became %s (%v)", d, message, got, err)
			}
		}
	}
}
