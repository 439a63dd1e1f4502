package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicstream "github.com/anthropics/anthropic-sdk-go/packages/ssestream"
	"github.com/openai/openai-go/v3"
	openaistream "github.com/openai/openai-go/v3/packages/ssestream"

	"llmgw/providers/llm"
)

// told is what an official SDK reads in an answer, of what both protocols have.
type told struct {
	Text   string
	Calls  []string // name and arguments
	IDs    []string
	Finish string // in Anthropic's words
	Usage  string // input, of it cached, output
}

// saidBy reads an answer with the official SDK of its dialect.
func saidBy(t *testing.T, d llm.Dialect, stream bool, answer []byte) told {
	t.Helper()
	var got told
	var err error
	switch {
	case d == llm.OpenAIChat && stream:
		got, err = chatStreamTold(answer)
	case d == llm.OpenAIChat:
		var c openai.ChatCompletion
		err = json.Unmarshal(answer, &c)
		got = chatTold(&c)
	case stream:
		got, err = messagesStreamTold(answer)
	default:
		var m anthropic.Message
		err = json.Unmarshal(answer, &m)
		got = messagesTold(&m)
	}
	if err != nil {
		t.Fatalf("the SDK of %s: %v in\n%s", d, err, answer)
	}
	return got
}

func streamOf(answer []byte) *http.Response {
	return &http.Response{Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(answer))}
}

func chatStreamTold(answer []byte) (told, error) {
	var whole openai.ChatCompletion
	s := openaistream.NewStream[openai.ChatCompletionChunk](openaistream.NewDecoder(streamOf(answer)), nil)
	whole.Choices = make([]openai.ChatCompletionChoice, 1)
	choice := &whole.Choices[0]
	for s.Next() {
		chunk := s.Current()
		if chunk.Usage.TotalTokens > 0 {
			whole.Usage = chunk.Usage
		}
		for _, c := range chunk.Choices {
			if c.Index > 0 {
				continue
			}
			choice.FinishReason = or(c.FinishReason, choice.FinishReason) // some say it twice
			choice.Message.Content += c.Delta.Content + c.Delta.Refusal
			for _, call := range c.Delta.ToolCalls {
				for int(call.Index) >= len(choice.Message.ToolCalls) {
					choice.Message.ToolCalls = append(choice.Message.ToolCalls, openai.ChatCompletionMessageToolCallUnion{})
				}
				c := &choice.Message.ToolCalls[call.Index]
				c.ID = or(c.ID, call.ID)
				c.Function.Name += call.Function.Name
				c.Function.Arguments += call.Function.Arguments
			}
		}
	}
	return chatTold(&whole), s.Err()
}

func chatTold(c *openai.ChatCompletion) told {
	var got told
	if len(c.Choices) > 0 {
		m := &c.Choices[0].Message
		got.Text = m.Content + m.Refusal
		// A provider that numbers from 1 leaves a hole.
		for _, call := range slices.DeleteFunc(m.ToolCalls, func(c openai.ChatCompletionMessageToolCallUnion) bool { return c.Function.Name == "" }) {
			got.Calls = append(got.Calls, call.Function.Name+" "+or(call.Function.Arguments, "{}"))
			got.IDs = append(got.IDs, call.ID)
		}
		got.Finish = finishIn(c.Choices[0].FinishReason, len(m.ToolCalls) > 0)
	}
	u := &c.Usage
	got.Usage = fmt.Sprint(u.PromptTokens, u.PromptTokensDetails.CachedTokens, u.CompletionTokens)
	return got
}

// finishIn is a finish reason of the chat protocol in Anthropic's words.
func finishIn(word string, calls bool) string {
	switch {
	case calls && (word == "stop" || word == "tool_calls"):
		return "tool_use"
	case word == "stop" || word == "tool_calls":
		return "end_turn"
	case word == "length":
		return "max_tokens"
	case word == "content_filter":
		return "refusal"
	}
	return word
}

func messagesStreamTold(answer []byte) (told, error) {
	var m anthropic.Message
	s := anthropicstream.NewStream[anthropic.MessageStreamEventUnion](anthropicstream.NewDecoder(streamOf(answer)), nil)
	for s.Next() {
		if err := m.Accumulate(s.Current()); err != nil {
			return told{}, err
		}
	}
	return messagesTold(&m), s.Err()
}

func messagesTold(m *anthropic.Message) told {
	got := told{Finish: string(m.StopReason)}
	for _, b := range m.Content {
		switch b.Type {
		case "text":
			got.Text += b.Text
		case "tool_use":
			got.Calls = append(got.Calls, b.Name+" "+string(b.Input))
			got.IDs = append(got.IDs, b.ID)
		}
	}
	switch m.StopReason {
	case "stop_sequence":
		got.Finish = "end_turn"
	case "model_context_window_exceeded":
		got.Finish = "max_tokens"
	}
	u := &m.Usage
	got.Usage = fmt.Sprint(u.InputTokens+u.CacheReadInputTokens+u.CacheCreationInputTokens, u.CacheReadInputTokens, u.OutputTokens)
	return got
}

// recorded is a provider's answer.
type recorded struct {
	name   string
	stream bool
	body   []byte
	header http.Header
}

// beyondSDKs are answers that OpenAI's SDK does not read right: an empty error,
// lines of SSE it does not know, an event that is no JSON, text in a list.
var beyondSDKs = []string{"chat-error-null.sse", "chat-grammar.sse", "chat-bad-event.sse", "chat-mistral.sse", "chat-no-blank-line.sse"}

// recordedAnswers are the answers of a dialect in testdata.
func recordedAnswers(t *testing.T, d llm.Dialect) []recorded {
	all := map[llm.Dialect]string{llm.OpenAIChat: "chat-*", llm.Anthropic: "messages*"}
	files, err := filepath.Glob(filepath.Join("testdata", all[d]))
	if err != nil {
		t.Fatal(err)
	}
	var answers []recorded
	for _, file := range files {
		if slices.Contains(beyondSDKs, filepath.Base(file)) {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, recorded{name: file, stream: filepath.Ext(file) != ".json", body: body})
	}
	return answers
}

// Every answer of a provider, streamed or not, is in the other dialect what its
// own SDK reads in it: for a client that wants a stream and for one that does
// not, however the bytes are cut.
func TestAnswersAreTheSameInTheOtherDialect(t *testing.T) {
	for from, to := range map[llm.Dialect]llm.Dialect{llm.OpenAIChat: llm.Anthropic, llm.Anthropic: llm.OpenAIChat} {
		t.Run(string(from), func(t *testing.T) {
			whole := 0
			for _, a := range recordedAnswers(t, from) {
				whole += checkCrossing(t, a, from, to)
			}
			if whole < 8 {
				t.Errorf("only %d answers are whole", whole)
			}
		})
	}
}

// Recorded ones too.
func TestCorpusAnswersAreTheSameInTheOtherDialect(t *testing.T) {
	for _, c := range []struct {
		file     string
		from, to llm.Dialect
	}{{"openai-chat", llm.OpenAIChat, llm.Anthropic}, {"anthropic-messages", llm.Anthropic, llm.OpenAIChat}} {
		whole := 0
		for _, x := range corpus(t, c.file) {
			if x.Status == http.StatusOK && strings.Count(x.ResponseBody, `"type":"message_start"`) < 2 { // not two answers in one
				w := x.want(c.from, OpOther)
				whole += checkCrossing(t, recorded{x.ID, x.Stream, []byte(x.ResponseBody), w.Header}, c.from, c.to)
			}
		}
		t.Logf("%s: %d answers", c.file, whole)
	}
}

// checkCrossing translates an answer in every way; it returns 1 when the answer
// is whole.
func checkCrossing(t *testing.T, a recorded, from, to llm.Dialect) (whole int) {
	t.Helper()
	for _, wantStream := range []bool{true, false} {
		w := Want{Dialect: from, Op: requestOp(from), Stream: a.stream, Status: 200, Header: a.header,
			Reply: &Reply{Dialect: to, Stream: wantStream, IncludeUsage: true, Created: 7}}
		out, res := metered(t, w, a.body, func() int { return 1 << 20 })
		for _, step := range []int{1, 13} {
			if cut, _ := metered(t, w, a.body, splits(rand.New(rand.NewPCG(4, 5)), step)); !bytes.Equal(cut, out) {
				t.Errorf("%s: cut it became\n%s\nnot\n%s", a.name, cut, out)
			}
		}
		if !res.Complete {
			checkUnfinished(t, a.name, to, out)
			checkRaises(t, &a, to, wantStream, out, &res)
			continue
		}
		whole = 1
		want, got := saidBy(t, from, a.stream, a.body), saidBy(t, to, wantStream, out)
		if to == llm.OpenAIChat && wantStream {
			checkAccumulates(t, out, &got)
		}
		want.Usage = usageTold(&res.Usage)
		if slices.Contains(want.IDs, "") {
			want.IDs = got.IDs // made where the provider gave none
		}
		if fmt.Sprintf("%q", want) != fmt.Sprintf("%q", got) {
			t.Errorf("%s (stream %v to %v):\n%q\nbecame\n%q\n%s", a.name, a.stream, wantStream, want, got, out)
		}
	}
	return whole
}

// checkAccumulates checks that OpenAI's own accumulator makes the same of a
// stream.
func checkAccumulates(t *testing.T, stream []byte, want *told) {
	t.Helper()
	var acc openai.ChatCompletionAccumulator
	s := openaistream.NewStream[openai.ChatCompletionChunk](openaistream.NewDecoder(streamOf(stream)), nil)
	for s.Next() {
		if !acc.AddChunk(s.Current()) {
			t.Errorf("%s does not continue the answer in\n%s", s.Current().RawJSON(), stream)
		}
	}
	if got := chatTold(&acc.ChatCompletion); s.Err() != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", *want) {
		t.Errorf("%v: the accumulator has\n%q, want\n%q", s.Err(), got, *want)
	}
}

// checkRaises checks that an error inside a stream is one for the client's SDK,
// in the provider's words.
func checkRaises(t *testing.T, a *recorded, to llm.Dialect, stream bool, out []byte, res *Result) {
	t.Helper()
	if res.Fault != llm.ErrorInBody || !stream {
		return
	}
	_, err := chatStreamTold(out)
	if to == llm.Anthropic {
		_, err = messagesStreamTold(out)
	}
	if err == nil || !strings.Contains(err.Error(), res.FaultText) {
		t.Errorf("%s: the SDK says %v of\n%s", a.name, err, out)
	}
}

// usageTold is what the meter has read: it knows providers' ways of counting,
// the SDKs do not.
func usageTold(u *llm.Usage) string {
	return fmt.Sprint(u.Input.N, u.CachedInput.N, u.Output.N)
}

// checkUnfinished checks that nothing tells a client that the answer is whole.
func checkUnfinished(t *testing.T, name string, to llm.Dialect, out []byte) {
	t.Helper()
	for _, end := range map[llm.Dialect][]string{
		llm.OpenAIChat: {"[DONE]", `"finish_reason":"`},
		llm.Anthropic:  {"message_stop", "message_delta", `"stop_reason":"`},
	}[to] {
		if bytes.Contains(out, []byte(end)) {
			t.Errorf("%s is not whole, and became\n%s", name, out)
		}
	}
}
