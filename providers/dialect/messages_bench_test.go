package dialect

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
)

// An image in a messages call is carried, not copied: 20 MB take no more than
// another 20 MB for what is written.
func TestLargeMessagesAreNotCopied(t *testing.T) {
	body := []byte(said(`{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "` + strings.Repeat("iVBORw0K", 20<<17) + `"}}`))
	for _, to := range translated {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := DecodeRequest(llm.Anthropic, body)
		if err != nil {
			t.Fatal(err)
		}
		enc, err := EncodeRequest(r, Target{Dialect: to.d, Model: "m", MaxOutput: llm.Tokens(1)})
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > uint64(len(body))*3/2 || len(enc.Body) < len(body)*9/10 {
			t.Errorf("to %s: %d MB for a body of %d MB, which became %d MB", to.d, spent>>20, len(body)>>20, len(enc.Body)>>20)
		}
	}
}

// longSession is a call of about n bytes, as agents that speak Anthropic's
// protocol send them.
func longSession(n int) []byte {
	text := strings.Repeat(`\tif err := store.Commit(ctx, row); err != nil {\n`, 14)
	var w bytes.Buffer
	w.WriteString(`{"model":"m","max_tokens":100,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"Hello"}`)
	for w.Len() < n {
		w.WriteString(`,{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"tool_use","id":"toolu_1","name":"read","input":{"path":"a/b.go"}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"` + text + `"}]}]}`)
	}
	w.WriteString(`]}`)
	return w.Bytes()
}

func BenchmarkTranslateSession(b *testing.B) {
	benchmarkTranslate(b, llm.Anthropic, longSession(100<<10))
}

// benchmarkTranslate translates a request, and then reads and writes the same by
// encoding/json: of-json is the share that the translation takes of that.
func benchmarkTranslate(b *testing.B, from llm.Dialect, body []byte) {
	for _, to := range translated {
		b.Run(string(to.d), func(b *testing.B) {
			for b.Loop() {
				r, err := DecodeRequest(from, body)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := EncodeRequest(r, Target{Dialect: to.d, Model: "m", MaxOutput: llm.Tokens(1)}); err != nil {
					b.Fatal(err)
				}
			}
			ours, start := b.Elapsed(), time.Now()
			for range b.N {
				var tree any
				if err := json.Unmarshal(body, &tree); err != nil {
					b.Fatal(err)
				}
				if _, err := json.Marshal(tree); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(ours)/float64(time.Since(start)), "of-json")
		})
	}
}

func BenchmarkTranslateDelta(b *testing.B) {
	start := "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\"}}\n\n" +
		"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	piece := []byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" a few words\"}}\n\n")
	for _, to := range translated {
		b.Run(string(to.d), func(b *testing.B) {
			m := NewMeter(Want{Dialect: llm.Anthropic, Op: OpMessages, Stream: true, Status: 200, Reply: &Reply{Dialect: to.d, Stream: true}})
			m.Feed([]byte(start))
			for b.Loop() {
				m.Feed(piece)
			}
		})
	}
}

func BenchmarkForeignParts(b *testing.B) {
	body := longSession(100 << 10)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if ForeignParts(body, "claude-opus-4-8", false) != nil {
			b.Fatal("there is nothing foreign")
		}
	}
}
