package sim

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"llmgw/providers/llm"
)

// The official SDKs judge whether the simulator speaks the protocols: what
// they cannot read is a bug here.

func openAIClient(t *testing.T, s *Sim) openai.Client {
	base, client := serve(t, s)
	return openai.NewClient(openaioption.WithBaseURL(base+"/v1/"), openaioption.WithAPIKey("sk-test-1234"),
		openaioption.WithHTTPClient(client), openaioption.WithMaxRetries(0))
}

func anthropicClient(t *testing.T, s *Sim) anthropic.Client {
	base, client := serve(t, s)
	return anthropic.NewClient(anthropicoption.WithBaseURL(base), anthropicoption.WithAPIKey("sk-ant-test-1234"),
		anthropicoption.WithHTTPClient(client), anthropicoption.WithMaxRetries(0))
}

func chatParams(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func messageParams(text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 1000, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))}}
}

func TestOpenAISDKChat(t *testing.T) {
	s := New(Options{})
	c := openAIClient(t, s)
	got, err := c.Chat.Completions.New(t.Context(), chatParams("[[say café 漢字 🙂]] [[usage in=100 out=20 cached=40 write=7 reasoning=5]]"))
	if err != nil {
		t.Fatal(err)
	}
	ch := got.Choices[0]
	if ch.Message.Content != "café 漢字 🙂" || ch.FinishReason != "stop" || got.Model != "gpt-4o" || !strings.HasPrefix(got.ID, "chatcmpl-") {
		t.Errorf("got %s", got.RawJSON())
	}
	u := got.Usage
	if u.PromptTokens != 100 || u.CompletionTokens != 20 || u.TotalTokens != 120 || u.PromptTokensDetails.CachedTokens != 40 || u.CompletionTokensDetails.ReasoningTokens != 5 {
		t.Errorf("usage %s", u.RawJSON())
	}
	row := s.Ledger()[0].Usage
	if row.Input != llm.Tokens(100) || row.Output != llm.Tokens(20) || row.CachedInput != llm.Tokens(40) || row.CacheWrite != llm.Tokens(7) || row.Reasoning != llm.Tokens(5) {
		t.Errorf("ledger's usage %+v", row)
	}
}

func TestOpenAISDKStream(t *testing.T) {
	s := New(Options{})
	c := openAIClient(t, s)
	p := chatParams("[[words 30]]")
	whole, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	var acc openai.ChatCompletionAccumulator
	chunks := 0
	for stream.Next() {
		chunks++
		if !acc.AddChunk(stream.Current()) {
			t.Fatalf("chunk %d does not fit: %s", chunks, stream.Current().RawJSON())
		}
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	if acc.Choices[0].Message.Content != whole.Choices[0].Message.Content || acc.Usage.TotalTokens != whole.Usage.TotalTokens || acc.Choices[0].FinishReason != "stop" {
		t.Errorf("streamed %+v, whole %s", acc.ChatCompletion, whole.RawJSON())
	}
	if chunks != 1+30+1+1 {
		t.Errorf("%d chunks", chunks)
	}
}

func TestOpenAISDKTools(t *testing.T) {
	s := New(Options{})
	c := openAIClient(t, s)
	p := chatParams("[[tools 2]] weather?")
	p.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "get_weather", Parameters: shared.FunctionParameters{
			"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"},
		}}),
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "get_time"}),
	}
	first, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	calls := first.Choices[0].Message.ToolCalls
	if len(calls) != 2 || first.Choices[0].FinishReason != "tool_calls" || calls[1].Function.Name != "get_time" {
		t.Fatalf("first turn %s", first.RawJSON())
	}
	var args struct{ City string }
	if err := json.Unmarshal([]byte(calls[0].Function.Arguments), &args); err != nil || args.City == "" {
		t.Errorf("arguments %q: %v", calls[0].Function.Arguments, err)
	}
	streamed := streamChat(t, c, p)
	if got := streamed.Choices[0].Message.ToolCalls; len(got) != 2 || got[0].Function.Arguments != calls[0].Function.Arguments || got[0].ID == got[1].ID {
		t.Errorf("streamed calls %+v", got)
	}
	p.Messages = append(p.Messages, first.Choices[0].Message.ToParam(), openai.ToolMessage("sunny", calls[0].ID), openai.ToolMessage("noon", calls[1].ID))
	second, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if second.Choices[0].Message.Content == "" || second.Choices[0].FinishReason != "stop" {
		t.Errorf("second turn %s", second.RawJSON())
	}
}

func streamChat(t *testing.T, c openai.Client, p openai.ChatCompletionNewParams) openai.ChatCompletion {
	t.Helper()
	var acc openai.ChatCompletionAccumulator
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	for stream.Next() {
		acc.AddChunk(stream.Current())
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	return acc.ChatCompletion
}

func TestOpenAISDKErrors(t *testing.T) {
	for fault, want := range map[string]struct {
		status     int
		code, kind string
	}{
		"401:code=invalid_api_key": {401, "invalid_api_key", "invalid_request_error"},
		"429":                      {429, "rate_limit_exceeded", "requests"},
		"quota":                    {429, "insufficient_quota", "insufficient_quota"},
		"context-length":           {400, "context_length_exceeded", "invalid_request_error"},
		"content-policy":           {400, "invalid_prompt", "invalid_request_error"},
		"404":                      {404, "model_not_found", "invalid_request_error"},
		"500":                      {500, "", "server_error"},
	} {
		s := New(Options{})
		s.Default(mustParse(t, fault))
		c := openAIClient(t, s)
		_, err := c.Chat.Completions.New(t.Context(), chatParams("x"))
		var e *openai.Error
		if !errors.As(err, &e) || e.StatusCode != want.status || e.Code != want.code || e.Type != want.kind || e.Message == "" {
			t.Errorf("%s: %v", fault, err)
		}
	}
}

// A stream that breaks in the way llmgw breaks one is an error to the SDK.
func TestSDKsSeeBrokenStreams(t *testing.T) {
	for _, fault := range []string{"error-first", "error-mid-stream", "fin-mid-stream", "reset-mid-stream"} {
		s := New(Options{})
		s.Default(mustParse(t, fault))
		c, a := openAIClient(t, s), anthropicClient(t, s)
		chat := c.Chat.Completions.NewStreaming(t.Context(), chatParams("x"))
		for chat.Next() {
		}
		if chat.Err() == nil {
			t.Errorf("%s: openai saw nothing", fault)
		}
		messages := a.Messages.NewStreaming(t.Context(), messageParams("x"))
		for messages.Next() {
		}
		if messages.Err() == nil {
			t.Errorf("%s: anthropic saw nothing", fault)
		}
	}
}

func mustParse(t *testing.T, s string) Fault {
	t.Helper()
	f, err := ParseFault(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOpenAISDKOtherEndpoints(t *testing.T) {
	s := New(Options{Models: []string{"gpt-4o", "text-embedding-3-small"}})
	c := openAIClient(t, s)
	page, err := c.Models.List(t.Context())
	if err != nil || len(page.Data) != 2 || page.Data[0].ID != "gpt-4o" {
		t.Errorf("models: %+v, %v", page, err)
	}
	if m, err := c.Models.Get(t.Context(), "gpt-4o"); err != nil || m.ID != "gpt-4o" {
		t.Errorf("model: %+v, %v", m, err)
	}
	var e *openai.Error
	if _, err := c.Models.Get(t.Context(), "gpt-5o"); !errors.As(err, &e) || e.Code != "model_not_found" {
		t.Errorf("unknown model: %v", err)
	}
	p := chatParams("x")
	p.Model = "gpt-5o"
	if _, err := c.Chat.Completions.New(t.Context(), p); !errors.As(err, &e) || e.StatusCode != 404 {
		t.Errorf("call of an unknown model: %v", err)
	}
	in := openai.EmbeddingNewParams{Model: "text-embedding-3-small", Dimensions: openai.Int(16), Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one", "two"}}}
	got, err := c.Embeddings.New(t.Context(), in)
	if err != nil || len(got.Data) != 2 || len(got.Data[1].Embedding) != 16 || got.Usage.PromptTokens != 2 {
		t.Fatalf("embeddings: %+v, %v", got, err)
	}
	sum := 0.0
	for _, x := range got.Data[0].Embedding {
		sum += x * x
	}
	if math.Abs(sum-1) > 1e-5 || slices.Equal(got.Data[0].Embedding, got.Data[1].Embedding) {
		t.Errorf("vectors %v", got.Data)
	}
}

func TestOpenAISDKCompletions(t *testing.T) {
	s := New(Options{})
	c := openAIClient(t, s)
	p := openai.CompletionNewParams{Model: "gpt-3.5-turbo-instruct", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("[[words 40]]")}}
	got, err := c.Completions.New(t.Context(), p)
	if err != nil || got.Choices[0].FinishReason != "length" || got.Usage.CompletionTokens != 16 {
		t.Fatalf("%+v, %v", got, err)
	}
	stream := c.Completions.NewStreaming(t.Context(), p)
	text := ""
	for stream.Next() {
		text += stream.Current().Choices[0].Text
	}
	if stream.Err() != nil || text != got.Choices[0].Text {
		t.Errorf("streamed %q, whole %q, %v", text, got.Choices[0].Text, stream.Err())
	}
}

func TestAnthropicSDKMessage(t *testing.T) {
	s := New(Options{})
	c := anthropicClient(t, s)
	p := messageParams("[[say café 漢字 🙂]] [[usage in=100 out=20 cached=40 write=7 write1h=3 searches=2]]")
	got, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if got.Content[0].Text != "café 漢字 🙂" || got.StopReason != "end_turn" || !strings.HasPrefix(got.ID, "msg_01") {
		t.Errorf("got %s", got.RawJSON())
	}
	u := got.Usage
	if u.InputTokens != 53 || u.OutputTokens != 20 || u.CacheReadInputTokens != 40 || u.CacheCreationInputTokens != 7 || u.CacheCreation.Ephemeral1hInputTokens != 3 || u.ServerToolUse.WebSearchRequests != 2 {
		t.Errorf("usage %s", u.RawJSON())
	}
	row := s.Ledger()[0]
	if row.Usage.Input != llm.Tokens(100) || row.Usage.CacheWrite1h != llm.Tokens(3) || row.Usage.WebSearches != llm.Tokens(2) || row.Usage.Reasoning.Known || row.Key == "" {
		t.Errorf("ledger %+v", row)
	}
	if got := streamMessage(t, c, p); got.Content[0].Text != "café 漢字 🙂" || got.Usage.OutputTokens != 20 || got.Usage.CacheReadInputTokens != 40 {
		t.Errorf("streamed %+v", got)
	}
}

func streamMessage(t *testing.T, c anthropic.Client, p anthropic.MessageNewParams) anthropic.Message {
	t.Helper()
	var acc anthropic.Message
	stream := c.Messages.NewStreaming(t.Context(), p)
	for stream.Next() {
		if err := acc.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	return acc
}

func TestAnthropicSDKThinkingAndTools(t *testing.T) {
	s := New(Options{})
	c := anthropicClient(t, s)
	p := messageParams("[[tools 2]] weather?")
	p.MaxTokens = 5000
	p.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	tool := anthropic.ToolParam{Name: "get_weather", InputSchema: anthropic.ToolInputSchemaParam{
		Properties: map[string]any{"city": map[string]any{"type": "string"}}, Required: []string{"city"},
	}}
	p.Tools = []anthropic.ToolUnionParam{{OfTool: &tool}}
	whole, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	streamed := streamMessage(t, c, p)
	for name, m := range map[string]anthropic.Message{"whole": *whole, "streamed": streamed} {
		if len(m.Content) != 3 || m.StopReason != "tool_use" {
			t.Fatalf("%s: %+v", name, m)
		}
		thinking := m.Content[0].AsThinking()
		if thinking.Thinking == "" || thinking.Signature == "" {
			t.Errorf("%s: no thinking in %+v", name, m.Content[0])
		}
		var args struct{ City string }
		if err := json.Unmarshal(m.Content[1].Input, &args); err != nil || args.City == "" {
			t.Errorf("%s: arguments %s: %v", name, m.Content[1].Input, err)
		}
		if m.Content[1].ID == m.Content[2].ID {
			t.Errorf("%s: two calls share an id", name)
		}
	}
	p.Messages = append(p.Messages, whole.ToParam(), anthropic.NewUserMessage(
		anthropic.NewToolResultBlock(whole.Content[1].ID, "sunny", false), anthropic.NewToolResultBlock(whole.Content[2].ID, "rain", false)))
	second, err := c.Messages.New(t.Context(), p)
	if err != nil || second.StopReason != "end_turn" || second.Content[len(second.Content)-1].Text == "" {
		t.Errorf("second turn %+v, %v", second, err)
	}
}

// Caching bills the prefix once as written and then as read, while the marker
// wanders to newer blocks as clients let it.
func TestAnthropicSDKCache(t *testing.T) {
	s := New(Options{})
	c := anthropicClient(t, s)
	long := strings.Repeat("a long system prompt ", 100)
	marked := anthropic.NewTextBlock("first question")
	marked.OfText.CacheControl = anthropic.NewCacheControlEphemeralParam()
	p := anthropic.MessageNewParams{
		Model: "claude-sonnet-4-5", MaxTokens: 1000,
		System:   []anthropic.TextBlockParam{{Text: long}},
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(marked)},
	}
	first, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	newer := anthropic.NewTextBlock("second question")
	newer.OfText.CacheControl = anthropic.NewCacheControlEphemeralParam()
	p.Messages = []anthropic.MessageParam{
		anthropic.NewUserMessage(anthropic.NewTextBlock("first question")),
		anthropic.NewAssistantMessage(anthropic.NewTextBlock("an answer")), anthropic.NewUserMessage(newer),
	}
	third, err := c.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	written := first.Usage.CacheCreationInputTokens
	if written < 500 || first.Usage.CacheReadInputTokens != 0 {
		t.Errorf("first: %s", first.Usage.RawJSON())
	}
	if second.Usage.CacheReadInputTokens != written || second.Usage.CacheCreationInputTokens != 0 {
		t.Errorf("second: %s", second.Usage.RawJSON())
	}
	if third.Usage.CacheReadInputTokens != written || third.Usage.CacheCreationInputTokens == 0 {
		t.Errorf("third: %s", third.Usage.RawJSON())
	}
}

func TestAnthropicSDKErrors(t *testing.T) {
	for fault, want := range map[string]struct {
		status int
		kind   string
	}{
		"401": {401, "authentication_error"}, "402": {402, "billing_error"}, "403": {403, "permission_error"},
		"404": {404, "not_found_error"}, "413": {413, "request_too_large"}, "429": {429, "rate_limit_error"},
		"500": {500, "api_error"}, "529": {529, "overloaded_error"}, "400:code=credit_balance": {400, "invalid_request_error"},
	} {
		s := New(Options{})
		s.Default(mustParse(t, fault))
		c := anthropicClient(t, s)
		_, err := c.Messages.New(t.Context(), messageParams("x"))
		var e *anthropic.Error
		if !errors.As(err, &e) || e.StatusCode != want.status || string(e.Type()) != want.kind || e.RequestID == "" {
			t.Errorf("%s: %v", fault, err)
		}
	}
}

func TestAnthropicSDKOtherEndpoints(t *testing.T) {
	s := New(Options{})
	c := anthropicClient(t, s)
	n, err := c.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: "m", Messages: messageParams("12345678").Messages})
	if err != nil || n.InputTokens != 2 {
		t.Errorf("count_tokens: %+v, %v", n, err)
	}
	page, err := c.Models.List(t.Context(), anthropic.ModelListParams{})
	if err != nil || len(page.Data) == 0 || page.Data[0].Type != "model" {
		t.Errorf("models: %s, %v", page.RawJSON(), err)
	}
	if _, err := c.Models.Get(t.Context(), "claude-none", anthropic.ModelGetParams{}); err == nil {
		t.Error("an unknown model was found")
	}
}
