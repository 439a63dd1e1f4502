package dialect

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// BenchmarkPeek shows the scanner's speed over a chat body of growing size,
// with "model" in front and at the very end.
func BenchmarkPeek(b *testing.B) {
	for _, size := range []int{2 << 10, 200 << 10, 5 << 20, 20 << 20} {
		body := chatBody(size)
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Peek(llm.OpenAIChat, OpChat, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBound is what the ledger's reading of a body costs, of text and of
// screenshots.
func BenchmarkBound(b *testing.B) {
	image := `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + strings.Repeat("iVBORw0KGgoA", 20<<10) + `"}},`
	for name, body := range map[string][]byte{
		"2KB":    chatBody(2 << 10),
		"200KB":  chatBody(200 << 10),
		"5MB":    chatBody(5 << 20),
		"images": []byte(`{"messages":[{"content":[` + strings.Repeat(image, 20) + `{}]}]}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if BoundOf(llm.OpenAIChat, OpChat, body).Unbounded != nil {
					b.Fatal("unbounded")
				}
			}
		})
	}
}

// BenchmarkPrefixBound compares two turns of a conversation.
func BenchmarkPrefixBound(b *testing.B) {
	prev := chatBody(200 << 10)
	next := bytes.Clone(prev)
	next[len(next)-100] ^= 1
	b.SetBytes(int64(len(prev)))
	for b.Loop() {
		if PrefixBound(prev, next) != len(prev)-100 {
			b.Fatal("another prefix")
		}
	}
}

// chatBody is a conversation of prose and code of about size bytes, its model
// named last.
func chatBody(size int) []byte {
	turn := `{"role":"user","content":"` + strings.Repeat(`Read the file, then say what \"main\" does.\nKeep it short; mention every error path that returns early. `, 12) + `"},`
	var body bytes.Buffer
	body.WriteString(`{"stream":true,"messages":[`)
	for body.Len() < size {
		body.WriteString(turn)
	}
	body.WriteString(`{"role":"user","content":"Go on."}],"max_completion_tokens":4096,"model":"gpt-4o"}`)
	return body.Bytes()
}

var eventStream = http.Header{"Content-Type": {"text/event-stream"}}

// BenchmarkMeterChat is the cost of one delta event of a chat stream, eight to
// a read.
func BenchmarkMeterChat(b *testing.B) {
	const event = `data: {"id":"chatcmpl-BvL2Q0XqYw8mKpZ3","object":"chat.completion.chunk","created":1763800000,"model":"gpt-4o-2024-08-06","system_fingerprint":"fp_a1b2c3d4e5","choices":[{"index":0,"delta":{"content":" harbour"},"finish_reason":null}]}` + "\n\n"
	benchmarkMeter(b, Want{Dialect: llm.OpenAIChat, Op: OpChat, Status: 200, Header: eventStream}, event)
}

// BenchmarkMeterAnthropic is the cost of one delta event of a messages stream.
func BenchmarkMeterAnthropic(b *testing.B) {
	const event = "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" a lighthouse above the harbour, lit all night"}}` + "\n\n"
	benchmarkMeter(b, Want{Dialect: llm.Anthropic, Op: OpMessages, Status: 200, Header: eventStream}, event)
}

func benchmarkMeter(b *testing.B, w Want, event string) {
	const perRead = 8
	read := []byte(strings.Repeat(event, perRead))
	m := NewMeter(w)
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%perRead == 0 {
			if len(m.Feed(read)) != perRead {
				b.Fatal("pieces are missing")
			}
		}
	}
}
