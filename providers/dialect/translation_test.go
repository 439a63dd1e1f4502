package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// No bytes make a decoder panic or hang, and what was decoded can be written
// for anyone, as JSON that has the members it should have and no others.
func FuzzDecodeRequest(f *testing.F) {
	for _, from := range translated {
		for _, members := range from.examples {
			body, err := json.Marshal(json.RawMessage(members))
			if err == nil {
				f.Add(strings.Replace(from.base, "{", string(body[:len(body)-1])+",", 1))
			}
			f.Add(members)
		}
		f.Add(from.base)
	}
	for _, messages := range oddMessages {
		f.Add(`{"messages":[` + messages + `]}`)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, from := range translated {
			r, err := DecodeRequest(from.d, []byte(body))
			if err != nil {
				continue
			}
			for _, to := range everyTarget {
				enc, err := EncodeRequest(r, to)
				if err != nil {
					t.Fatal(err)
				}
				checkMembers(t, r, to, &enc)
			}
		}
	})
}

// No answer makes a translating meter panic or hang; what is complete for it
// ends for the client, and nothing else does; and how its bytes are cut does
// not matter.
func FuzzTranslateAnswer(f *testing.F) {
	for _, from := range translated {
		f.Add(from.answer, false, uint8(3))
		f.Add("data: "+strings.ReplaceAll(from.answer, "\n", "")+"\n\ndata: [DONE]\n\n", true, uint8(7))
	}
	f.Add(string(chunks(`{"content":"a"}`, `{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}`, "finish:stop")), true, uint8(11))
	f.Add("data: {\"error\":{\"message\":\"x\",\"code\":502}}\n\n", true, uint8(5))
	f.Add(string(chunks(`{"content":"\ud83d"}`, `{"tool_calls":[{"id":"c"}]}`, `{"content":"\ude00","images":[{}],"audio":{"id":"a"}}`, "finish:length", "finish:stop")), true, uint8(2))
	f.Add(string(messagesEvents(messageStart, textStart, textDelta, blockStop, callStart, callDelta, callStop, messageDelta, messageStop, textDelta)), true, uint8(90))
	f.Add(string(messagesEvents(messageStart, textDelta, callStart, textStart, callDelta, messageStart, messageDelta, messageStop)), true, uint8(90))
	f.Fuzz(func(t *testing.T, answer string, stream bool, step uint8) {
		for _, from := range translated {
			for _, to := range translated {
				w := Want{Dialect: from.d, Op: requestOp(from.d), Stream: stream, Status: 200, Reply: &Reply{Dialect: to.d, Stream: stream}}
				whole, res := metered(t, w, []byte(answer), func() int { return len(answer) })
				cut, _ := metered(t, w, []byte(answer), func() int { return int(step) + 1 })
				if !bytes.Equal(whole, cut) {
					t.Fatalf("%s to %s: cut into %d bytes it became\n%s\nnot\n%s", from.d, to.d, step+1, cut, whole)
				}
				ended := bytes.HasSuffix(whole, []byte("data: [DONE]\n\n")) || bytes.HasSuffix(whole, []byte("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"))
				if stream && ended != res.Complete {
					t.Fatalf("%s to %s: complete is %v, the end was written %v:\n%s", from.d, to.d, res.Complete, ended, whole)
				}
			}
		}
	})
}

// A provider's error keeps its words and gets the type of the client's dialect.
func TestErrorsAreWordedForTheClient(t *testing.T) {
	const anthropic = `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}`
	const openai = `{"error":{"message":"Too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`
	tests := []struct {
		to     llm.Dialect
		status int
		body   string
		want   string
	}{
		{llm.OpenAIChat, 529, anthropic, `{"error":{"message":"Overloaded","type":"server_error","param":null,"code":"overloaded_error"}}`},
		{llm.OpenAIChat, 429, `{"type":"error","error":{"type":"rate_limit_error","message":"Slow"}}`, `{"error":{"message":"Slow","type":"rate_limit_error","param":null,"code":"rate_limit_error"}}`},
		{llm.OpenAIChat, 0, anthropic, `{"error":{"message":"Overloaded","type":"server_error","param":null,"code":"overloaded_error"}}`},
		{llm.Anthropic, 400, openai, `{"type":"error","error":{"type":"invalid_request_error","message":"Too long"}}`},
		{llm.Anthropic, 401, `{"error":{"message":"No key","type":"invalid_request_error","code":"invalid_api_key"}}`, `{"type":"error","error":{"type":"authentication_error","message":"No key"}}`},
		{llm.Anthropic, 0, `{"error":{"message":"Provider down","code":502}}`, `{"type":"error","error":{"type":"api_error","message":"Provider down"}}`},
		{llm.Anthropic, 503, `<html>Bad gateway</html>`, `{"type":"error","error":{"type":"overloaded_error","message":"<html>Bad gateway</html>"}}`},
		{llm.OpenAIChat, 529, "event: error\ndata: " + anthropic + "\n\n", `{"error":{"message":"Overloaded","type":"server_error","param":null,"code":"overloaded_error"}}`},
		{llm.Anthropic, 422, `{"detail":"n is not a number"}`, `{"type":"error","error":{"type":"invalid_request_error","message":"n is not a number"}}`},
	}
	for _, test := range tests {
		if got := TranslateError(test.to, test.status, []byte(test.body)); !sameJSON(t, got, []byte(test.want)) {
			t.Errorf("%d %s\nbecame %s\nwant   %s", test.status, test.body, got, test.want)
		}
	}
}

// Whoever judges an error status gets it as the provider wrote it, though the
// client speaks another dialect.
func TestErrorStatusStaysTheProviders(t *testing.T) {
	const body = `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`
	w := Want{Dialect: llm.Anthropic, Op: OpMessages, Status: 529, Reply: &Reply{Dialect: llm.OpenAIChat}}
	if _, res := feed(t, w, []byte(body), func() int { return 9 }); res.FaultText != "Overloaded" {
		t.Errorf("the provider's words are %q", res.FaultText)
	}
}

// An error inside a stream is an error of the client's dialect, and the end of
// what the client gets.
func TestErrorInATranslatedStream(t *testing.T) {
	stream := append(chunks(`{"content":"a"}`)[:0:0], "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"+
		"data: {\"error\":{\"message\":\"gone\",\"code\":502}}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\ndata: [DONE]\n\n"...)
	out, res := metered(t, chatWant(llm.OpenAIChat, true), stream, func() int { return 9 })
	if res.Complete || res.Fault != llm.ErrorInBody {
		t.Errorf("complete %v, fault %q", res.Complete, res.Fault)
	}
	want := "data: " + `{"error":{"message":"gone","type":"server_error","param":null,"code":""}}` + "\n\n"
	if !bytes.HasSuffix(out, []byte(want)) {
		t.Errorf("got\n%s\nwant it to end with\n%s", out, want)
	}
}

// An event that cannot be read may have held words: a translated stream does
// not go on without them.
func TestUnreadableEventBreaksATranslatedStream(t *testing.T) {
	stream := "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"in\n\ndata: [DONE]\n\n"
	out, res := metered(t, chatWant(llm.OpenAIChat, true), []byte(stream), func() int { return 1000 })
	if res.Fault != llm.Malformed || res.Complete || bytes.Contains(out, []byte("[DONE]")) {
		t.Errorf("fault %q, complete %v, the client got\n%s", res.Fault, res.Complete, out)
	}
}

// bigImage is a request with an image of n bytes of base64.
func bigImage(n int) []byte {
	return []byte(userPart(`{"type": "image_url", "image_url": {"url": "data:image/png;base64,` + strings.Repeat("iVBORw0K", n/8) + `"}}`))
}

// An image is carried, not copied: a body of 20 MB takes no more than another
// one for what is written.
func TestLargeBodiesAreNotCopied(t *testing.T) {
	body := bigImage(20 << 20)
	for _, from := range translated {
		if from.d != llm.OpenAIChat {
			continue
		}
		for _, to := range translated {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, err := DecodeRequest(from.d, body)
			if err != nil {
				t.Fatal(err)
			}
			enc, err := EncodeRequest(r, Target{Dialect: to.d, Model: "m", MaxOutput: llm.Tokens(1)})
			if err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if spent := after.TotalAlloc - before.TotalAlloc; spent > uint64(len(body))*3/2 {
				t.Errorf("%s to %s: %d MB for a body of %d MB", from.d, to.d, spent>>20, len(body)>>20)
			}
			if len(enc.Body) < len(body)*9/10 {
				t.Errorf("%s to %s: the image is gone", from.d, to.d)
			}
		}
	}
}

// longChat is a conversation of about n bytes, as agents have them.
func longChat(n int) []byte {
	var w jsonOut
	w.open("", '{')
	w.text("model", "m")
	w.open("messages", '[')
	for i := 0; len(w.out) < n; i++ {
		w.raw("", []byte(`{"role":"user","content":[{"type":"text","text":"`+strings.Repeat(`\tif err := store.Commit(ctx, row); err != nil {\n`, 14)+`"}]}`))
		w.raw("", []byte(fmt.Sprintf(`{"role":"assistant","content":null,"tool_calls":[{"id":"c%d","type":"function","function":{"name":"read","arguments":"{\"path\": \"a/b.go\"}"}}]}`, i)))
		w.raw("", []byte(fmt.Sprintf(`{"role":"tool","tool_call_id":"c%d","content":"%s"}`, i, strings.Repeat(`A line of a file of prose, as tools return them.\n`, 20))))
	}
	w.close('[')
	w.close('{')
	return w.out
}

func BenchmarkTranslateRequest(b *testing.B) {
	benchmarkTranslate(b, llm.OpenAIChat, longChat(100<<10))
}

func BenchmarkTranslateEvent(b *testing.B) {
	piece := []byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"content":" a few words"},"finish_reason":null}]}` + "\n\n")
	for _, to := range translated {
		b.Run(string(to.d), func(b *testing.B) {
			w := chatWant(llm.OpenAIChat, true)
			w.Reply.Dialect = to.d
			m := NewMeter(w)
			for b.Loop() {
				m.Feed(piece)
			}
		})
	}
}
