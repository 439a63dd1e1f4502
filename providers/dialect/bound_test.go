package dialect

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
)

const pngText = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4"

// bodyOf is a call with what is special about it.
func bodyOf(model, content, more string) string {
	return `{"model":"` + model + `","messages":[{"role":"user","content":` + content + `}]` + more + `}`
}

func TestBoundMedia(t *testing.T) {
	image := `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + pngText + `","detail":"high"}}`
	block := `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + pngText + `"}}`
	const chat, anthropic = llm.OpenAIChat, llm.Anthropic
	for _, c := range []struct {
		name, model, content string
		d                    llm.Dialect
		media                int
		tokens               int64
	}{
		{"tiles", "gpt-4o", "[" + image + "]", chat, 1, 1536},
		{"two", "gpt-4o", "[" + image + "," + image + "]", chat, 2, 3072},
		{"mini", "openai/gpt-4o-mini-2024-07-18", "[" + image + "]", chat, 1, 48169},
		{"exact name", "gpt-5", "[" + image + "]", chat, 1, 1536},
		{"patches", "gpt-5.4", "[" + image + "]", chat, 1, 16384},
		{"later than known", "gpt-7", "[" + image + "]", chat, 1, 57258},
		{"unknown", "llava", "[" + image + "]", chat, 1, 16384},
		{"claude in a chat", "anthropic/claude-sonnet-4.6", "[" + image + "]", chat, 1, 1600},
		{"escaped slash", "gpt-4o", "[" + strings.Replace(image, "image/png", `image\/png`, 1) + "]", chat, 1, 1536},
		{"url alone", "gpt-4o", `[{"type":"image_url","image_url":"data:image/png;base64,` + pngText + `"}]`, chat, 1, 1536},
		{"mp3", "gpt-4o", `[{"type":"input_audio","input_audio":{"data":"` + pngText + `","format":"mp3"}}]`, chat, 1, 65},
		{"wav", "gpt-4o", `[{"type":"input_audio","input_audio":{"format":"wav","data":"` + pngText + `"}}]`, chat, 1, 64},
		{"old claude", "claude-sonnet-4-5", "[" + block + "]", anthropic, 1, 1600},
		{"bedrock", "us.anthropic.claude-3-haiku-20240307-v1:0", "[" + block + "]", anthropic, 1, 1600},
		{"new claude", "claude-opus-4-7", "[" + block + "]", anthropic, 1, 4784},
		{"no claude", "kimi", "[" + block + "]", anthropic, 1, 4784},
		{"in a result", "claude-opus-4-5", `[{"type":"tool_result","tool_use_id":"a","content":[` + block + `]}]`, anthropic, 1, 1600},
		{"in a document", "claude-opus-4-5", `[{"type":"document","source":{"type":"content","content":[` + block + `]}}]`, anthropic, 1, 1600},
		{"one block", "claude-opus-4-5", `[{"type":"tool_result","content":` + block + `}]`, anthropic, 1, 1600},
	} {
		body := bodyOf(c.model, c.content, "")
		b := BoundOf(c.d, callOp(c.d), []byte(body))
		if b.Media != c.media || b.MediaTokens != c.tokens || len(b.Unbounded) > 0 {
			t.Errorf("%s: %d media, %d tokens, %q; want %d, %d", c.name, b.Media, b.MediaTokens, b.Unbounded, c.media, c.tokens)
		}
		if want := int64(len(body) - c.media*len(pngText)); b.TextBytes != want {
			t.Errorf("%s: %d bytes of text, want %d", c.name, b.TextBytes, want)
		}
	}
}

func callOp(d llm.Dialect) Op {
	if d == llm.Anthropic {
		return OpMessages
	}
	return OpChat
}

// What a model or the caller wrote as data is text however much it looks like
// a medium.
func TestBoundText(t *testing.T) {
	like := `{"type":"image","content":[{"type":"image"}],"source":{"type":"base64","media_type":"image/png","data":"` + pngText + `"},` +
		`"image_url":{"url":"data:image/png;base64,` + pngText + `"},"file_id":"f"}`
	for _, c := range []struct {
		d    llm.Dialect
		body string
	}{
		{llm.Anthropic, bodyOf("claude-x", `[{"type":"tool_use","id":"a","name":"b","input":`+like+`}]`, "")},
		{llm.Anthropic, bodyOf("claude-x", `"hi"`, `,"tools":[{"name":"a","input_schema":`+like+`}]`)},
		{llm.Anthropic, bodyOf("claude-x", `"hi"`, `,"metadata":`+like)},
		{llm.Anthropic, bodyOf("claude-x", `[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"`+pngText+`"}}]`, "")},
		{llm.OpenAIChat, bodyOf("gpt-4o", `"hi"`, `,"tools":[{"type":"function","function":`+like+`}]`)},
		{llm.OpenAIChat, bodyOf("gpt-4o", `"data:image/png;base64,`+pngText+`"`, "")},
		{llm.OpenAIChat, bodyOf("gpt-4o", `[{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,`+pngText+`"}}]`, "")},
		{llm.OpenAIChat, `{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":` + like + `}]}]}`},
	} {
		b := BoundOf(c.d, callOp(c.d), []byte(c.body))
		if b.TextBytes != int64(len(c.body)) || b.Media != 0 || len(b.Unbounded) > 0 {
			t.Errorf("%s\n%d bytes of text of %d, %d media, %q", c.body, b.TextBytes, len(c.body), b.Media, b.Unbounded)
		}
	}
	bad := "{\"model\":\"gpt-4o\",\"messages\":\"\xff\xff\"}"
	if b := BoundOf(llm.OpenAIChat, OpChat, []byte(bad)); b.TextBytes != 3*int64(len(bad)) {
		t.Errorf("not UTF-8: %d for %d bytes", b.TextBytes, len(bad))
	}
}

func TestBoundUnbounded(t *testing.T) {
	part := func(s string) string { return bodyOf("m", "["+s+"]", "") }
	with := func(s string) string { return bodyOf("m", `"hi"`, ","+s) }
	const chat, anthropic = llm.OpenAIChat, llm.Anthropic
	for _, c := range []struct {
		d    llm.Dialect
		body string
		want string
	}{
		{chat, part(`{"type":"image_url","image_url":{"url":"https://x/y.png"}},{"type":"image_url","image_url":{"url":"http://x"}}`), "image_url"},
		{chat, part(`{"type":"image_url","image_url":{"url":"data:image/svg+xml,%3Csvg"}}`), "image_url"},
		{chat, part(`{"type":"file","file":{"file_id":"f"}}`), "file_id"},
		{chat, part(`{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBE"}}`), "document"},
		{chat, part(`{"type":"file","file":{"file_data":"https://x/y.pdf"}}`), "document"},
		{chat, part(`{"type":"video_url","video_url":{"url":"data:video/mp4;base64,AAAA"}}`), "video"},
		{chat, part(`{"type":"input_audio","input_audio":{"data":"AAAA","format":"flac"}}`), "audio"},
		{chat, `{"messages":[{"role":"assistant","audio":{"id":"a"}}]}`, "audio_id"},
		{chat, with(`"modalities":["text","audio"],"audio":{"voice":"alloy"}`), "audio output"},
		{chat, with(`"web_search_options":{}`), "web_search_options"},
		{chat, with(`"prediction":{"type":"content","content":"x"}`), "prediction"},
		{chat, with(`"plugins":[{"id":"web"}]`), "plugins"},
		{chat, with(`"tools":[{"type":"openrouter:web_search"},{"type":"function"}]`), "server_tool:openrouter:web_search"},
		{chat, with(`"tools":[{"type":"a\nb"}]`), "server_tool:other"},
		{chat, with(`"extra_body":{"google":{"cached_content":"cachedContents/x"}}`), "cached_content"},
		{chat, with(`"previous_response_id":"r"`), "previous_response_id"},
		{chat, bodyOf("perplexity/sonar-pro", `"hi"`, ""), "searching_model"},
		{chat, with(`"models":["gpt-4o","groq/compound"]`), "searching_model"},
		{chat, `{"messages":`, "malformed"},
		{chat, `[]`, "malformed"},
		{anthropic, part(`{"type":"image","source":{"type":"url","url":"https://x"}}`), "image_url"},
		{anthropic, part(`{"source":{"type":"url","url":"https://x"},"type":"document"}`), "document"},
		{anthropic, part(`{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}`), "document"},
		{anthropic, part(`{"type":"image","source":{"type":"file","file_id":"f"}}`), "file_id"},
		{anthropic, part(`{"type":"container_upload","file_id":"f"}`), "file_id"},
		{anthropic, part(`{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}`), "image_url"},
		{anthropic, with(`"tools":[{"type":"web_search_20250305","name":"web_search"}]`), "server_tool:web_search"},
		{anthropic, with(`"container":"c"`), "container"},
		{anthropic, with(`"mcp_servers":[{"type":"url"}]`), "mcp_servers"},
		{anthropic, with(`"context_management":{"edits":[{"type":"clear_tool_uses_20250919"},{"type":"compact_20260112"}]}`), "compaction"},
		{anthropic, with(`"fallbacks":[{"model":"x"}]`), "fallbacks"},

		{chat, with(`"audio":null,"modalities":["text"],"plugins":[],"enable_search":false,"preset":""`), ""},
		{chat, with(`"tools":[{"type":"function"},{"type":"custom"},{}]`), ""},
		{chat, with(`"fallbacks":["x"]`), ""},
		{anthropic, with(`"tools":[{"type":"bash_20250124"},{"type":"custom"}],"mcp_servers":[],"container":null`), ""},
		{anthropic, with(`"context_management":{"edits":[{"type":"clear_thinking_20251015"}]}`), ""},
		{anthropic, part(`{"type":"search_result","source":"https://x","content":[{"type":"text","text":"a"}]}`), ""},
	} {
		b := BoundOf(c.d, callOp(c.d), []byte(c.body))
		if got := strings.Join(b.Unbounded, ","); got != c.want {
			t.Errorf("%s\n got %q, want %q", c.body, got, c.want)
		}
	}
	if b := BoundOf(llm.OpenAIChat, OpOther, []byte(`{}`)); !slices.Equal(b.Unbounded, []string{"endpoint"}) {
		t.Errorf("another endpoint: %q", b.Unbounded)
	}
}

func TestBoundOutput(t *testing.T) {
	for _, c := range []struct {
		d       llm.Dialect
		op      Op
		body    string
		want    llm.Count
		choices int
		least   int64
	}{
		{llm.OpenAIChat, OpChat, `{"max_completion_tokens":100,"n":3}`, llm.Tokens(300), 3, 0},
		{llm.OpenAIChat, OpChat, `{"n":2}`, llm.Count{}, 2, 0},
		{llm.OpenAIChat, OpChat, `{"max_tokens":null}`, llm.Count{}, 1, 0},
		{llm.OpenAIChat, OpChat, `{"max_tokens":9000000000000000000,"n":2}`, llm.Tokens(math.MaxInt64), 2, 0},
		{llm.OpenAIChat, OpCompletions, `{"max_tokens":10,"best_of":4,"n":2,"prompt":["a","b"]}`, llm.Tokens(80), 8, 0},
		{llm.OpenAIChat, OpEmbeddings, `{"input":[[1,2],[3]]}`, llm.Tokens(0), 1, 0},
		{llm.Anthropic, OpMessages, `{"max_tokens":5000,"thinking":{"type":"enabled","budget_tokens":3000}}`, llm.Tokens(5000), 1, 3000},
		{llm.Anthropic, OpCountTokens, `{"messages":[]}`, llm.Tokens(0), 1, 0},
	} {
		b := BoundOf(c.d, c.op, []byte(c.body))
		if b.MaxOutput != c.want || b.Choices != c.choices || b.LeastOutput != c.least || len(b.Unbounded) > 0 {
			t.Errorf("%s: %v of %d, at least %d, %q", c.body, b.MaxOutput, b.Choices, b.LeastOutput, b.Unbounded)
		}
	}
}

func TestBoundCacheWrite(t *testing.T) {
	const marker = `"cache_control":{"type":"ephemeral"}`
	const hour = `"cache_control":{"type":"ephemeral","ttl":"1h"}`
	for _, c := range []struct {
		body string
		want CacheMark
	}{
		{`{"messages":[{"content":[{"type":"text","text":"\"cache_control\":{}"}]}]}`, CacheWriteNone},
		{`{"cache_control":null}`, CacheWriteNone},
		{`{` + marker + `}`, CacheWrite5m},
		{`{"system":[{` + marker + `}]}`, CacheWrite5m},
		{`{"tools":[{"name":"a",` + hour + `}],"system":[{` + marker + `}]}`, CacheWrite1h},
		{`{"messages":[{"content":[{"content":[{` + hour + `}]}]}]}`, CacheWrite1h},
		{`{"messages":[{"content":[{"cache_control":{"ttl":"5m","type":"ephemeral"}}]}]}`, CacheWrite5m},
		{`{"cache_control":{"ttl":"1d"}}`, CacheWrite1h},
		{`{"prompt_cache_options":{"mode":"explicit","ttl":"30m"}}`, CacheWrite5m},
	} {
		if b := BoundOf(llm.Anthropic, OpMessages, []byte(c.body)); b.CacheWrite != c.want {
			t.Errorf("%s: %d, want %d", c.body, b.CacheWrite, c.want)
		}
	}
}

// A reroute changes what depends on the model, and nothing else.
func TestBoundFor(t *testing.T) {
	body := bodyOf("gpt-4o", `[{"type":"image_url","image_url":{"url":"data:image/png;base64,`+pngText+`"}}]`, "")
	b := BoundOf(llm.OpenAIChat, OpChat, []byte(body))
	there := b.For("sonar")
	if !slices.Equal(there.Unbounded, []string{"searching_model"}) || there.MediaTokens != 16384 || there.Overhead <= b.Overhead {
		t.Errorf("%+v", there)
	}
	if back := there.For("gpt-4o"); !reflect.DeepEqual(back, b) {
		t.Errorf("there and back:\n%+v\n%+v", back, b)
	}
}

// No recorded call was charged more prompt tokens than its bound.
func TestBoundCorpus(t *testing.T) {
	for _, file := range corpusFiles {
		t.Run(file.name, func(t *testing.T) {
			var all, text, large []float64
			unbounded := map[string]int{}
			for _, x := range corpus(t, file.name) {
				if x.Facts.Billable == nil || x.RequestBody == nil || x.BlobsReplaced > 0 || x.Handmade {
					continue
				}
				body, input := []byte(*x.RequestBody), x.Facts.Billable.Input
				b := BoundOf(file.d, file.op, body)
				for _, cause := range b.Unbounded {
					unbounded[cause]++
				}
				if len(b.Unbounded) > 0 || input == 0 {
					continue
				}
				if b.Input() < input {
					t.Errorf("%s %s: bound %d below %d tokens (%d bytes): %.300s", x.ID, x.Provider, b.Input(), input, len(body), body)
				}
				checkMore(t, &x, &b)
				all = append(all, float64(b.Input())/float64(input))
				text = append(text, float64(b.TextBytes)/float64(input))
				if input >= 2000 {
					large = append(large, float64(b.Input())/float64(input))
				}
			}
			t.Logf("bounded %d: bound/tokens median %.2f, least %.2f; without overhead %.2f, %.2f; %d of 2,000 tokens and more: %.2f",
				len(all), quantile(all, .5), quantile(all, 0), quantile(text, .5), quantile(text, 0), len(large), quantile(large, .5))
			t.Logf("unbounded: %v", unbounded)
		})
	}
}

// checkMore checks the rest of a bound: the output, and which cache writes the
// body asked for.
func checkMore(t *testing.T, x *exchange, b *Bound) {
	t.Helper()
	said := x.Facts.Billable
	if b.MaxOutput.Known && said.Output > b.MaxOutput.N {
		t.Errorf("%s %s: %d tokens generated, bound %d", x.ID, x.Provider, said.Output, b.MaxOutput.N)
	}
	if x.Provider == "anthropic" && said.CacheWrite > 0 && b.CacheWrite == CacheWriteNone {
		t.Errorf("%s: a cache write that is not marked", x.ID)
	}
	if said.CacheWrite1 > 0 && b.CacheWrite != CacheWrite1h {
		t.Errorf("%s: an hour's cache write that is not marked", x.ID)
	}
}

func quantile(of []float64, q float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	slices.Sort(of)
	return of[int(q*float64(len(of)-1))]
}

func TestSetMaxTokens(t *testing.T) {
	const chat, anthropic = llm.OpenAIChat, llm.Anthropic
	for _, c := range []struct {
		d          llm.Dialect
		op         Op
		body, want string
	}{
		{chat, OpChat, `{"max_tokens" : 9000 ,"model":"x"}`, `{"max_tokens" : 2048 ,"model":"x"}`},
		{chat, OpChat, `{"model":"x","max_completion_tokens":1e4}`, `{"model":"x","max_completion_tokens":2048}`},
		{chat, OpChat, `{"model":"x","max_tokens":2000}`, `{"model":"x","max_tokens":2000}`},
		{chat, OpChat, `{"max_tokens":9000,"model":"x","max_completion_tokens":8000}`, `{"max_tokens":2048,"model":"x","max_completion_tokens":2048}`},
		{chat, OpChat, `{"max_tokens":9000,"max_completion_tokens":null}`, `{"max_tokens":2048,"max_completion_tokens":null}`},
		{chat, OpChat, `{"max_tokens":null}`, `{"max_tokens":2048}`},
		{chat, OpChat, `{"max_tokens":"9000"}`, `{"max_tokens":2048}`},
		{chat, OpChat, `{"max_tokens":-1}`, `{"max_tokens":2048}`},
		{chat, OpChat, `{"model":"gpt-4o"}`, `{"max_tokens":2048,"model":"gpt-4o"}`},
		{chat, OpChat, `{"model":"gpt-5-mini"}`, `{"max_completion_tokens":2048,"model":"gpt-5-mini"}`},
		{chat, OpChat, `{"model":"openai/o3"}`, `{"max_completion_tokens":2048,"model":"openai/o3"}`},
		{chat, OpChat, `{"model":"gpt-oss-120b"}`, `{"max_tokens":2048,"model":"gpt-oss-120b"}`},
		{chat, OpChat, `{"model":"olmo"}`, `{"max_tokens":2048,"model":"olmo"}`},
		{chat, OpChat, `{ "model":"mistral-large"}`, `{"max_tokens":2048, "model":"mistral-large"}`},
		{chat, OpCompletions, `{"model":"gpt-5"}`, `{"max_tokens":2048,"model":"gpt-5"}`},
		{chat, OpEmbeddings, `{"model":"gpt-5"}`, `{"model":"gpt-5"}`},
		{chat, OpChat, `{}`, `{}`},
		{anthropic, OpMessages, `{"max_tokens":64000}`, `{"max_tokens":2048}`},
		{anthropic, OpMessages, `{"model":"claude"}`, `{"max_tokens":2048,"model":"claude"}`},
		{anthropic, OpCountTokens, `{"model":"claude"}`, `{"model":"claude"}`},
	} {
		f, err := Peek(c.d, c.op, []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		edits := f.SetMaxTokens(c.d, c.op, []byte(c.body), 2048, false)
		if got := string(Splice([]byte(c.body), edits...)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

func TestPrefixBound(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for _, at := range []int{0, 1, 7, 8, 9, 4095, 4096, 4097, 12345, len(long)} {
		next := bytes.Clone(long)
		if at < len(next) {
			next[at] ^= 1
		}
		if got := PrefixBound(long, next); got != at {
			t.Errorf("differing at %d: %d", at, got)
		}
		if got := PrefixBound(long[:at], long); got != at {
			t.Errorf("%d bytes long: %d", at, got)
		}
	}
}

// New media count by their maximum, old ones not at all, one at the cut whole.
func TestBoundAfter(t *testing.T) {
	image := `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + pngText + `"}}`
	body := bodyOf("gpt-4o", "["+image+","+image+"]", "")
	b := BoundOf(llm.OpenAIChat, OpChat, []byte(body))
	first, second := strings.Index(body, pngText), strings.LastIndex(body, pngText)
	end := len(body)
	for _, c := range []struct{ at, want int }{
		{0, end - 2*len(pngText) + 2*1536},
		{first + 5, end - (first + len(pngText)) - len(pngText) + 2*1536}, // the rest of a cut medium is no text
		{first + len(pngText), end - (first + len(pngText)) - len(pngText) + 1536},
		{second + len(pngText), end - second - len(pngText)},
		{end, 0},
	} {
		if got := b.After("gpt-4o", c.at); got != int64(c.want) {
			t.Errorf("after %d: %d, want %d", c.at, got, c.want)
		}
	}
}

// Any bytes: no panic, a verdict like Peek's, counts that add up, and a clamp
// that clamps.
func FuzzBound(f *testing.F) {
	f.Add([]byte(`{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],"max_tokens":null}`))
	f.Add([]byte(`{"system":[{"cache_control":{"ttl":"1h"}}],"messages":[{"content":{"source":{"type":"base64","media_type":"image/png","data":"AA"}}}],"thinking":{"budget_tokens":1}}`))
	f.Add([]byte(`{"tools":[{"type":"x_20250101"}],"extra_body":{"google":{}},"context_management":{"edits":[{"type":"compact"}]},"modalities":["a"]}`))
	f.Add([]byte(`{"messages":[{"content":[{"input_audio":{"data":"A","format":"mp3"}},{"file":{"file_data":"data:a/b;base64,"}},{"image_url":`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, op := range []Op{OpChat, OpMessages, OpCompletions} {
			d := llm.OpenAIChat
			if op == OpMessages {
				d = llm.Anthropic
			}
			facts, err := Peek(d, op, body)
			b := BoundOf(d, op, body)
			if (err != nil) != slices.Contains(b.Unbounded, "malformed") {
				t.Fatalf("%q: %q, but Peek says %v", body, b.Unbounded, err)
			}
			if b.TextBytes < 0 || b.TextBytes > 3*int64(len(body)) || b.Input() < 0 || b.After(facts.Model, 0) < 0 {
				t.Fatalf("%q: %+v", body, b)
			}
			if err != nil || facts.members == 0 {
				continue
			}
			if facts.N != b.Choices {
				t.Fatalf("%q: %d choices, Peek says %d", body, b.Choices, facts.N)
			}
			edits := append(facts.SetMaxTokens(d, op, body, 7, len(body)%2 == 0), facts.SetModel("m"))
			clamped, err := Peek(d, op, Splice(body, edits...))
			if err != nil || clamped.MaxTokens.Or(8) > 7 || clamped.Model != "m" {
				t.Fatalf("%q: %+v, %v", body, clamped.MaxTokens, err)
			}
		}
	})
}

// Bodies made to be slow take a time that grows with their size.
func TestBoundLinear(t *testing.T) {
	makers := map[string]func(n int) string{
		"deep content": func(n int) string {
			n = min(n/12, 4000)
			return `{"messages":` + strings.Repeat(`[{"content":`, n) + `1` + strings.Repeat(`}]`, n) + `}`
		},
		"tool types": func(n int) string {
			var s strings.Builder
			for i := range n / 20 {
				fmt.Fprintf(&s, `{"type":"t%d"},`, i)
			}
			return `{"tools":[` + s.String() + `{}]}`
		},
		"media": func(n int) string {
			return `{"messages":[{"content":[` + strings.Repeat(`{"image_url":{"url":"data:image/png;base64,AAAA"}},`, n/51) + `{}]}]}`
		},
	}
	for name, make := range makers {
		body := []byte(make(4 << 20))
		start := time.Now()
		BoundOf(llm.OpenAIChat, OpChat, body)
		if took := time.Since(start); took > time.Minute { // scanning again would be hours
			t.Errorf("%s: %v for %d bytes", name, took, len(body))
		}
	}
}
