package dialect

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"llmgw/providers/llm"
)

// brokenStream serves the start of a good stream, then the error event, and
// aborts the connection, as the proxy does when an upstream breaks.
func brokenStream(t *testing.T, start string, event []byte) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(append([]byte(start), event...))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// stream is what the SDKs' streams have in common.
type stream interface {
	Next() bool
	Err() error
	Close() error
}

// drain reads a stream to its end and returns how many events came before it.
func drain(s stream) (events int, err error) {
	defer s.Close()
	for s.Next() {
		events++
	}
	return events, s.Err()
}

var broke = Problem{Status: 502, Code: "truncated", Message: "the harbour fell silent"}

// A broken stream must raise in the client's own SDK, with our words.
func TestErrorEventRaises(t *testing.T) {
	chatStart := `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Half"},"finish_reason":null}]}` + "\n\n"
	responsesStart := "event: response.output_text.delta\ndata: " + `{"type":"response.output_text.delta","sequence_number":1,"item_id":"i","output_index":0,"content_index":0,"delta":"Half"}` + "\n\n"
	messagesStart := "event: message_start\ndata: " + `{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"m","usage":{"input_tokens":1,"output_tokens":1}}}` + "\n\n"
	for _, c := range []struct {
		d     llm.Dialect
		start string
		open  func(url string) stream
	}{
		{llm.OpenAIChat, chatStart, func(url string) stream {
			client := openai.NewClient(option.WithBaseURL(url), option.WithAPIKey("k"), option.WithMaxRetries(0))
			return client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
				Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
			})
		}},
		{llm.OpenAIResponses, responsesStart, func(url string) stream {
			client := openai.NewClient(option.WithBaseURL(url), option.WithAPIKey("k"), option.WithMaxRetries(0))
			return client.Responses.NewStreaming(t.Context(), responses.ResponseNewParams{Model: "m"})
		}},
		{llm.Anthropic, messagesStart, func(url string) stream {
			client := anthropic.NewClient(anthropicoption.WithBaseURL(url), anthropicoption.WithAPIKey("k"), anthropicoption.WithMaxRetries(0))
			return client.Messages.NewStreaming(t.Context(), anthropic.MessageNewParams{
				Model: "m", MaxTokens: 9, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))},
			})
		}},
	} {
		t.Run(string(c.d), func(t *testing.T) {
			events, err := drain(c.open(brokenStream(t, c.start, ErrorEvent(c.d, OpOther, broke))))
			if events != 1 || err == nil || !strings.Contains(err.Error(), broke.Message) {
				t.Errorf("%d events, then %v", events, err)
			}
			// Inside an event that was cut, too, nothing may look whole.
			half := c.start + c.start[:len(c.start)/2]
			if _, err := drain(c.open(brokenStream(t, half, ErrorEvent(c.d, OpOther, broke)))); err == nil {
				t.Error("a stream cut inside an event ended without an error")
			}
		})
	}
}

// llmgw's own errors are the SDKs' own errors.
func TestProblemRaises(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := llm.OpenAIChat
		if strings.Contains(r.URL.Path, "messages") {
			d = llm.Anthropic
		}
		WriteProblem(w, d, Problem{Code: CodeCapExceeded, Message: "cap daily is spent"})
	}))
	t.Cleanup(srv.Close)

	oc := openai.NewClient(option.WithBaseURL(srv.URL), option.WithAPIKey("k"))
	_, err := oc.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{Model: "m"})
	if e, ok := errors.AsType[*openai.Error](err); !ok || e.StatusCode != 402 || e.Code != CodeCapExceeded || e.Message != "cap daily is spent" {
		t.Errorf("OpenAI's SDK: %v", err)
	}
	ac := anthropic.NewClient(anthropicoption.WithBaseURL(srv.URL), anthropicoption.WithAPIKey("k"))
	_, err = ac.Messages.New(t.Context(), anthropic.MessageNewParams{Model: "m", MaxTokens: 9})
	if e, ok := errors.AsType[*anthropic.Error](err); !ok || e.StatusCode != 402 || e.Type() != "billing_error" {
		t.Errorf("Anthropic's SDK: %v", err)
	}
}

// The models list decodes in both SDKs.
func TestModelsListDecodes(t *testing.T) {
	models := []ModelInfo{{ID: "keeper-4", Provider: "acme"}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ep, ok := Detect(r.Method, r.URL.EscapedPath(), r.Header)
		if !ok || ep.Op != OpModels {
			t.Errorf("%s %s is %+v", r.Method, r.URL, ep)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(ModelsList(ep.Dialect, models))
	}))
	t.Cleanup(srv.Close)

	oc := openai.NewClient(option.WithBaseURL(srv.URL+"/v1"), option.WithAPIKey("k"))
	list, err := oc.Models.List(t.Context())
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != "keeper-4" || list.Data[0].OwnedBy != "acme" {
		t.Errorf("OpenAI's SDK: %+v, %v", list, err)
	}
	ac := anthropic.NewClient(anthropicoption.WithBaseURL(srv.URL), anthropicoption.WithAPIKey("k"))
	page, err := ac.Models.List(t.Context(), anthropic.ModelListParams{})
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != "keeper-4" || page.HasMore {
		t.Errorf("Anthropic's SDK: %+v, %v", page, err)
	}
}
