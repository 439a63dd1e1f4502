package llm

import (
	"reflect"
	"testing"
)

// An answer told as events and gathered again is the same answer.
func TestEventsGatherToTheAnswer(t *testing.T) {
	sequence := "STOP"
	want := Response{
		ID: "msg_1", Model: "m", Created: Tokens(7),
		Choices: []Choice{
			{Index: 0, Parts: []Part{
				{Kind: Thinking, Thought: &Thought{Text: "hm", Signature: "sig", Origin: Anthropic}},
				{Kind: Thinking, Thought: &Thought{Encrypted: "xx"}},
				{Kind: Text, Text: "a", Citations: []Citation{{URL: "u"}, {Quote: "q"}}},
				{Kind: Text},
				{Kind: Call, Call: &ToolCall{ID: "c1", Name: "f", Args: Raw(`{"n":12345678901234567890}`)}},
				{Kind: Native, Native: &NativePart{Type: "server_tool_use", Raw: Raw(`{}`)}},
			}, Finish: Finish{Reason: FinishToolCalls, Word: "tool_use"}},
			{Index: 2, Parts: []Part{{Kind: Refusal, Text: "no"}}, Finish: Finish{Reason: FinishStopSequence, Word: "stop_sequence", Sequence: &sequence}},
		},
		Usage: Usage{Input: Tokens(3), Output: Tokens(4)},
	}
	var g Gatherer
	for _, e := range want.Events() {
		g.Add(&e)
	}
	if got := *g.Response(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Clients run tools when the reason says so, and only then.
func TestFinishFollowsTheCalls(t *testing.T) {
	tests := []struct {
		reason FinishReason
		calls  bool
		want   FinishReason
	}{
		{FinishStop, true, FinishToolCalls},
		{FinishToolCalls, true, FinishToolCalls},
		{FinishToolCalls, false, FinishStop},
		{FinishStop, false, FinishStop},
		{FinishLength, true, FinishLength},
		{"", true, ""},
	}
	for _, test := range tests {
		f := Finish{Reason: test.reason}
		if got := f.For(test.calls); got != test.want {
			t.Errorf("%q with calls %v: got %q, want %q", test.reason, test.calls, got, test.want)
		}
	}
}

// BenchmarkGather puts an answer of 100,000 pieces together. It took 16 s while
// each piece copied all before it; it should take some milliseconds.
func BenchmarkGather(b *testing.B) {
	for b.Loop() {
		var g Gatherer
		g.Add(&Event{Kind: EventPart, Part: &Part{Kind: Text}})
		for range 100_000 {
			g.Add(&Event{Kind: EventDelta, Text: "word "})
		}
		if n := len(g.Response().Choices[0].Parts[0].Text); n != 500_000 {
			b.Fatal(n)
		}
	}
}
