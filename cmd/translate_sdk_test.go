package cmd

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"

	"llmgw/providers/price"
	"llmgw/providers/sim"
)

// picture is a PNG, as far as anybody looks.
var picture = base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n----"))

var moodSchema = map[string]any{
	"type": "object", "properties": map[string]any{"mood": map[string]any{"enum": []string{"good", "bad"}, "maxLength": 4}},
	"required": []string{"mood"}, "additionalProperties": false,
}

// toClaude is a call of an OpenAI client that Anthropic answers.
func toClaude(messages ...openai.ChatCompletionMessageParamUnion) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "anthropic/claude-sonnet-4-5", Messages: messages, MaxCompletionTokens: openai.Int(900)}
}

// toGPT is a call of an Anthropic client that OpenAI answers.
func toGPT(messages ...anthropic.MessageParam) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{Model: "openai/gpt-4o", MaxTokens: 900, Messages: messages}
}

func said(text string) anthropic.MessageParam {
	return anthropic.NewUserMessage(anthropic.NewTextBlock(text))
}

// An OpenAI client is served by Anthropic as by OpenAI: chat, streams, parallel
// tools in two turns, pictures, schemas.
func TestOpenAISDKOnAnthropic(t *testing.T) {
	g := startGateway(t, moneyCaps)
	client, ctx := g.openaiClient(), t.Context()

	t.Run("chat", func(t *testing.T) {
		whole, err := client.Chat.Completions.New(ctx, toClaude(openai.UserMessage("hello [[usage in=123 out=45]]")))
		if err != nil {
			t.Fatal(err)
		}
		ask := toClaude(openai.UserMessage("hello [[usage in=123 out=45]]"))
		ask.StreamOptions.IncludeUsage = openai.Bool(true)
		acc, stream := openai.ChatCompletionAccumulator{}, client.Chat.Completions.NewStreaming(ctx, ask)
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		for _, got := range []*openai.ChatCompletion{whole, &acc.ChatCompletion} {
			c := got.Choices[0]
			if c.Message.Content == "" || c.Message.Content != whole.Choices[0].Message.Content || c.FinishReason != "stop" || got.Usage.PromptTokens != 123 || got.Usage.CompletionTokens != 45 {
				t.Errorf("%+v", got)
			}
		}
	})
	t.Run("tools", func(t *testing.T) {
		ask := toClaude(openai.UserMessage("Weather? [[tools 2]]"))
		ask.Tools = []openai.ChatCompletionToolUnionParam{weatherTool}
		for turn := range 2 {
			got, err := client.Chat.Completions.New(ctx, ask)
			if err != nil {
				t.Fatalf("turn %d: %v", turn, err)
			}
			m := got.Choices[0].Message
			if len(m.ToolCalls) != 2 || got.Choices[0].FinishReason != "tool_calls" {
				t.Fatalf("turn %d: %+v", turn, got.Choices)
			}
			ask.Messages = append(ask.Messages, m.ToParam())
			for _, c := range m.ToolCalls {
				if c.Function.Name != "get_weather" || !json.Valid([]byte(c.Function.Arguments)) {
					t.Errorf("turn %d: %+v", turn, c)
				}
				ask.Messages = append(ask.Messages, openai.ToolMessage("rain", c.ID))
			}
			ask.Messages = append(ask.Messages, openai.AssistantMessage("Rain."), openai.UserMessage("And now? [[tools 2]]"))
		}
	})
	t.Run("picture", func(t *testing.T) {
		image := openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + picture}
		_, err := client.Chat.Completions.New(ctx, toClaude(openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{openai.TextContentPart("What is it?"), openai.ImageContentPart(image)})))
		if err != nil {
			t.Fatal(err)
		}
		checkArrived(t, g.anthropic, `"source":{"type":"base64","media_type":"image/png","data":"`+picture+`"}`)
	})
	t.Run("schema", func(t *testing.T) {
		ask := toClaude(openai.UserMessage("How are you?"))
		ask.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "mood", Strict: openai.Bool(true), Schema: moodSchema}}
		got, err := client.Chat.Completions.New(ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		checkMood(t, got.Choices[0].Message.Content)
		checkArrived(t, g.anthropic, `"output_config":{"format":{"type":"json_schema","schema":{"additionalProperties":false,"properties":{"mood":{"enum":["good","bad"],"description":"{maxLength: 4}"}}`)
	})
	t.Run("error", func(t *testing.T) {
		g.anthropic.Script(fault(t, "400"))
		_, err := client.Chat.Completions.New(ctx, toClaude(openai.UserMessage("hi")))
		if e, ok := errors.AsType[*openai.Error](err); !ok || e.StatusCode != 400 || e.Message == "" || e.Type != "invalid_request_error" {
			t.Errorf("got %#v", err)
		}
	})
	t.Run("cut and left", func(t *testing.T) {
		g.anthropic.Script(fault(t, "fin-mid-stream:after=2"), fault(t, "hang-mid-stream:after=2"))
		ask := toClaude(openai.UserMessage("hi [[words 50]]"))
		stream := client.Chat.Completions.NewStreaming(ctx, ask)
		for stream.Next() {
		}
		if stream.Err() == nil {
			t.Error("a cut stream was taken for a whole one")
		}
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		stream = client.Chat.Completions.NewStreaming(leaving, ask)
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
		leave()
		stream.Close()
	})
	checkLeft(t, g, g.anthropic)
}

// An Anthropic client is served by OpenAI as by Anthropic.
func TestAnthropicSDKOnOpenAI(t *testing.T) {
	g := startGateway(t, moneyCaps)
	client, ctx := g.anthropicClient(), t.Context()

	t.Run("chat", func(t *testing.T) {
		ask := toGPT(said("hello [[usage in=123 out=45]]"))
		whole, err := client.Messages.New(ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		var sum anthropic.Message
		stream := client.Messages.NewStreaming(ctx, ask)
		for stream.Next() {
			if err := sum.Accumulate(stream.Current()); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		for _, got := range []*anthropic.Message{whole, &sum} {
			if len(got.Content) != 1 || got.Content[0].Text == "" || got.Content[0].Text != whole.Content[0].Text || got.StopReason != "end_turn" || got.Usage.InputTokens != 123 || got.Usage.OutputTokens != 45 {
				t.Errorf("%+v", got)
			}
		}
	})
	t.Run("tools", func(t *testing.T) {
		ask := toGPT(said("Weather? [[tools 2]]"))
		ask.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "get_weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{"city": map[string]string{"type": "string"}}}}}}
		for turn := range 2 {
			got, err := client.Messages.New(ctx, ask)
			if err != nil {
				t.Fatalf("turn %d: %v", turn, err)
			}
			ask.Messages = append(ask.Messages, got.ToParam())
			var results []anthropic.ContentBlockParamUnion
			for _, b := range got.Content {
				if b.Type == "tool_use" && b.Name == "get_weather" && json.Valid(b.Input) {
					results = append(results, anthropic.NewToolResultBlock(b.ID, "rain", false))
				}
			}
			if len(results) != 2 || got.StopReason != "tool_use" {
				t.Fatalf("turn %d: %+v", turn, got.Content)
			}
			ask.Messages = append(ask.Messages, anthropic.NewUserMessage(append(results, anthropic.NewTextBlock("And now? [[tools 2]]"))...))
		}
	})
	t.Run("picture", func(t *testing.T) {
		_, err := client.Messages.New(ctx, toGPT(anthropic.NewUserMessage(anthropic.NewTextBlock("What is it?"), anthropic.NewImageBlockBase64("image/png", picture))))
		if err != nil {
			t.Fatal(err)
		}
		checkArrived(t, g.openai, `"image_url":{"url":"data:image/png;base64,`+picture+`"}`)
	})
	t.Run("schema", func(t *testing.T) {
		ask := toGPT(said("How are you?"))
		ask.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: moodSchema}
		got, err := client.Messages.New(ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		checkMood(t, got.Content[0].Text)
		checkArrived(t, g.openai, `"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"additionalProperties":false,"properties":{"mood":{"enum":["good","bad"],"type":"string","description":"{maxLength: 4}"}},"required":["mood"],"type":"object"},"strict":true}`)
	})
	t.Run("error", func(t *testing.T) {
		g.openai.Script(fault(t, "400"))
		_, err := client.Messages.New(ctx, toGPT(said("hi")))
		if e, ok := errors.AsType[*anthropic.Error](err); !ok || e.StatusCode != 400 || !strings.Contains(e.RawJSON(), "invalid_request_error") {
			t.Errorf("got %#v", err)
		}
	})
	t.Run("cut and left", func(t *testing.T) {
		g.openai.Script(fault(t, "reset-mid-stream:after=2"), fault(t, "hang-mid-stream:after=2"))
		stream := client.Messages.NewStreaming(ctx, toGPT(said("hi [[words 50]]")))
		for stream.Next() {
		}
		if stream.Err() == nil {
			t.Error("a cut stream was taken for a whole one")
		}
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		stream = client.Messages.NewStreaming(leaving, toGPT(said("hi [[words 50]]")))
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
		leave()
		stream.Close()
	})
	checkLeft(t, g, g.openai)
}

// checkArrived looks for a text in the last request that a provider got.
func checkArrived(t *testing.T, s *sim.Sim, want string) {
	t.Helper()
	all := s.Ledger()
	if body := string(all[len(all)-1].Body); !strings.Contains(body, want) {
		t.Errorf("no %s in %s", want, body)
	}
}

func checkMood(t *testing.T, text string) {
	t.Helper()
	var answer map[string]string
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer) != 1 || answer["mood"] == "" {
		t.Errorf("%v: %s", err, text)
	}
}

// checkLeft waits for the provider to lose the call whose client left, stops
// the server, and checks that no money stayed held, that the books add up, how
// the last two calls are on record, and that a translation can be shown.
func checkLeft(t *testing.T, g *gateway, s *sim.Sim) {
	t.Helper()
	if err := s.Wait(t.Context(), len(s.Ledger())); err != nil {
		t.Fatal(err)
	}
	g.stop()
	out, err := g.command("spend", "--caps", "--format", "json").Output()
	var report capsReport
	if err != nil || json.Unmarshal(out, &report) != nil || report.CapsSource != capsSaved || len(report.Caps) != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range report.Caps {
		if held, err := price.ParseUSD(c.HeldUSD); err != nil || held != 0 || len(c.HeldBy) != 0 {
			t.Errorf("the cap %s holds %s", c.Name, c.HeldUSD)
		}
	}
	if out, err := g.command("spend", "--check").CombinedOutput(); err != nil {
		t.Errorf("llmgw spend --check: %v\n%s", err, out)
	}
	logs := g.logs()
	if last := logs[len(logs)-2:]; last[0].Status != "truncated" || last[1].Status != "client_gone" {
		t.Errorf("on record: %+v", last)
	}
	show, err := g.command("show", logs[0].ID, "--body", "attempt.1.request").CombinedOutput()
	if err != nil || !strings.Contains(string(show), "hello [[usage") {
		t.Errorf("llmgw show: %v\n%s", err, show)
	}
}
