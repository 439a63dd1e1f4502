package cmd

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
)

// Calls that outlast shutdown_grace end with an error that the SDKs raise, on
// record as llmgw's own doing, and the process ends in good order.
func TestCallsAreToldOfTheShutdown(t *testing.T) {
	g := startGateway(t, "[server]\nshutdown_grace = \"100ms\"\n")
	g.openai.Script(fault(t, "hang-mid-stream:after=2"))
	g.anthropic.Script(fault(t, "hang-before-headers"))
	stream := g.openaiClient().Chat.Completions.NewStreaming(context.Background(), openai.ChatCompletionNewParams{
		Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi [[words 50]]")}})
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	whole := make(chan error, 1)
	go func() {
		_, err := g.anthropicClient().Messages.New(context.Background(), anthropic.MessageNewParams{
			Model: "claude-sonnet-4-5", MaxTokens: 9, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))}})
		whole <- err
	}()
	if err := g.anthropic.WaitArrived(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	g.stop()
	for stream.Next() {
	}
	if stream.Err() == nil {
		t.Error("openai-go took a stream that was cut off for a whole one")
	}
	if e, ok := errors.AsType[*anthropic.Error](<-whole); !ok || e.StatusCode != 503 {
		t.Errorf("anthropic-sdk-go got %v", e)
	}
	var got []string
	for _, l := range g.logs() {
		got = append(got, fmt.Sprint(l.Status, " ", *l.Error))
	}
	if fmt.Sprint(got) != "[truncated shutdown error shutdown]" {
		t.Errorf("on record: %v", got)
	}
}
