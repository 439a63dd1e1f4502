package dialect

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
)

// However an answer's bytes are cut, the same is read from them: pieces of the
// same kinds that are the same bytes, and an equal result.
func FuzzMeterSplit(f *testing.F) {
	for i := range fixtures {
		f.Add(fixtures[i].read(f), uint8(i), uint8(7))
	}
	f.Add([]byte("data: {}\r\r\ndata: x\r\n\r\n:c\rdata\n\r\n\revent: error\r\n\r\n"), uint8(0), uint8(1))
	f.Add([]byte("\xef\xbb"), uint8(0), uint8(1))
	f.Add([]byte("   \n retry"), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, which, step uint8) {
		w := fixtures[int(which)%len(fixtures)].want()
		want, wantRes := feed(t, w, body, func() int { return len(body) })
		for _, n := range []int{1, 1 + int(step)} {
			got, res := feed(t, w, body, func() int { return n })
			if kindsOf(got) != kindsOf(want) || !reflect.DeepEqual(got, want) {
				t.Errorf("in slices of %d:\n got %q\nwant %q", n, got, want)
			}
			if !reflect.DeepEqual(res, wantRes) {
				t.Errorf("in slices of %d:\n got %+v\nwant %+v", n, res, wantRes)
			}
		}
		checkSane(t, &wantRes)
	})
}

// checkSane holds for every answer, whatever nonsense it is.
func checkSane(t *testing.T, r *Result) {
	t.Helper()
	u := &r.Usage
	for _, c := range []llm.Count{u.Input, u.Output, u.CachedInput, u.CacheWrite, u.Reasoning, u.ReportedCost} {
		if c.N < 0 || !c.Known && c.N != 0 {
			t.Errorf("a count of %v", c)
		}
	}
	if r.Complete && r.Fault != "" && !r.EmptyAnswer {
		t.Errorf("complete in spite of %s: %s", r.Fault, r.FaultText)
	}
	if !r.Complete && r.Fault == "" {
		t.Error("neither complete nor at fault")
	}
}

func sseWant() Want {
	return Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Header: eventStream}
}

// An event has no line limit: a gateway that reads lines of at most 64 KB ends
// the stream there without a word (the most copied streaming bug there is).
func TestLongEvents(t *testing.T) {
	for _, size := range []int{1<<16 - 1, 1 << 16, 1 << 20, 10 << 20} {
		text := strings.Repeat("x", size)
		body := `data: {"choices":[{"index":0,"delta":{"content":"` + text + `"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
		pieces, res := feed(t, sseWant(), []byte(body), func() int { return 32 << 10 })
		if kindsOf(pieces) != "content end" || res.OutputBytes != int64(size) || !res.Complete {
			t.Errorf("%d bytes: %s, %d bytes of output", size, kindsOf(pieces), res.OutputBytes)
		}
	}
}

// Beyond the limit the stream fails loudly, and its bytes still pass.
func TestEventAboveLimit(t *testing.T) {
	body := []byte("data: {}\n\ndata: " + strings.Repeat("y", 300) + "\n\ndata: [DONE]\n\n")
	for _, n := range []int{1, 64, len(body)} {
		m := NewMeter(sseWant())
		m.split.limit = 100
		pieces, res := feedTo(t, m, body, func() int { return n })
		if kindsOf(pieces) != "preamble failure tail" || len(pieces[1].Raw) != 100 {
			t.Errorf("in slices of %d: %s", n, kindsOf(pieces))
		}
		if res.Fault != llm.Malformed || res.Complete {
			t.Errorf("fault %q, complete %v", res.Fault, res.Complete)
		}
	}
}

// A body that is too large to hold flows, and the usage at its end is read.
func TestBodyAboveLimit(t *testing.T) {
	body := []byte(`{"object":"list","data":[{"embedding":"\"usage\":` + strings.Repeat("A", 200<<10) + `"}],"usage":{"prompt_tokens":7,"total_tokens":7}}`)
	w := Want{Dialect: llm.OpenAIChat, Op: OpEmbeddings, Status: 200, Header: http.Header{"Content-Type": {"application/json"}}}
	for _, n := range []int{999, 50 << 10, len(body)} {
		m := NewMeter(w)
		m.maxBody = 100 << 10
		pieces, res := feedTo(t, m, body, func() int { return n })
		if kindsOf(pieces) != "content end" || res.Usage.Input != llm.Tokens(7) || !res.Complete {
			t.Errorf("%s, input %v, complete %v", kindsOf(pieces), res.Usage.Input, res.Complete)
		}
	}
	m := NewMeter(w)
	m.maxBody = 100 << 10
	if _, res := feedTo(t, m, body[:len(body)-3], func() int { return 4096 }); res.Complete || res.Fault != llm.Truncated {
		t.Errorf("cut: complete %v, fault %q", res.Complete, res.Fault)
	}
}

// What has no shape that is known passes as it comes.
func TestOpaque(t *testing.T) {
	stream := []byte("event: response.created\ndata: {}\n\n")
	for _, d := range []llm.Dialect{llm.OpenAIResponses, llm.Gemini, llm.Bedrock} {
		pieces, res := feed(t, Want{Dialect: d, Op: OpOther, Status: 200, Header: eventStream}, stream, func() int { return 3 })
		if kindsOf(pieces) != "content" || !res.Content || !res.Complete || res.Usage.Known() {
			t.Errorf("%s: %s %+v", d, kindsOf(pieces), res)
		}
	}
	jsonType := http.Header{"Content-Type": {"application/json"}}
	images := []byte(`{"data":[],"usage":{"input_tokens":9,"output_tokens":1056,"total_tokens":1065}}`)
	pieces, res := feed(t, Want{Dialect: llm.OpenAIChat, Op: OpOther, Status: 200, Header: jsonType}, images, func() int { return 9 })
	if kindsOf(pieces) != "end" || usageOf(&res.Usage) != "in=9 out=1056" || res.Fault != "" {
		t.Errorf("%s %s %s", kindsOf(pieces), usageOf(&res.Usage), res.Fault)
	}
	pieces, res = feed(t, Want{Dialect: llm.OpenAIChat, Op: OpModels, Status: 200, Header: jsonType}, []byte("{}"), func() int { return 1 })
	if kindsOf(pieces) != "end" || !res.Complete {
		t.Errorf("models: %s %+v", kindsOf(pieces), res)
	}
}

// Error statuses are held whole and worded, whatever form they have.
func TestErrorStatus(t *testing.T) {
	for _, c := range []struct{ kind, body, text string }{
		{"application/json", `{"error":{"message":"No such model","code":"model_not_found"}}`, "No such model"},
		{"application/json", `{"detail":"Not here"}`, "Not here"},
		{"application/json", `{"error":"overloaded"}`, "overloaded"},
		{"text/event-stream", "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"Too long\"}}\n\n", "Too long"},
		{"text/html", "<h1>502 Bad Gateway</h1>", "<h1>502 Bad Gateway</h1>"},
		{"", "", ""},
	} {
		w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Status: 502, Header: http.Header{"Content-Type": {c.kind}}}
		pieces, res := feed(t, w, []byte(c.body), func() int { return 2 })
		if want := strings.TrimSpace("end "); c.body != "" && kindsOf(pieces) != want {
			t.Errorf("%s: %s", c.body, kindsOf(pieces))
		}
		if res.FaultText != c.text || res.Fault != "" || !res.Complete {
			t.Errorf("%s: %+v", c.body, res)
		}
	}
}

// An empty body or stream is no answer.
func TestEmpty(t *testing.T) {
	for _, kind := range []string{"text/event-stream", "application/json", ""} {
		for _, body := range []string{"", "\n\n"} {
			w := Want{Dialect: llm.Anthropic, Op: OpMessages, Status: 200, Header: http.Header{"Content-Type": {kind}}}
			_, res := feed(t, w, []byte(body), func() int { return 1 })
			if res.Fault != llm.Empty || res.Complete {
				t.Errorf("%q %q: fault %q, complete %v", kind, body, res.Fault, res.Complete)
			}
		}
	}
}

// A keep-alive must not wait for the event it stands before.
func TestCommentPassesAtOnce(t *testing.T) {
	m := NewMeter(sseWant())
	if got := m.Feed([]byte(": ping\n")); len(got) != 1 || string(got[0].Raw) != ": ping\n" {
		t.Errorf("got %q", got)
	}
	if got := m.Feed([]byte("data: {\"choices\":[]")); len(got) != 0 {
		t.Errorf("half an event came out: %q", got)
	}
}

// An event that lies wholly in what was fed is not copied.
func TestZeroCopy(t *testing.T) {
	m := NewMeter(sseWant())
	p := []byte("data: {}\n\ndata: {}\n\n")
	for i, piece := range m.Feed(p) {
		if &piece.Raw[0] != &p[i*10] {
			t.Errorf("piece %d was copied", i)
		}
	}
}

// One byte at a time costs no more than in proportion to the bytes: a large
// event that trickles in is not scanned again for each of them. Scanning again
// would be 10^13 byte reads here, which is hours.
func TestTrickle(t *testing.T) {
	body := bytes.Repeat([]byte("data: "+strings.Repeat("z", 1<<20)+"\r"), 4)
	m := NewMeter(sseWant())
	started := time.Now()
	for i := range body {
		m.Feed(body[i : i+1])
	}
	if took := time.Since(started); took > time.Minute {
		t.Errorf("%d bytes took %s", len(body), took)
	}
}

// Counts that cannot be are flagged and never negative.
func TestInconsistentUsage(t *testing.T) {
	for _, c := range []struct {
		usage        string
		want         string
		inconsistent bool
	}{
		{`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}`, "in=10 out=5", false},
		{`{"prompt_tokens":-1,"completion_tokens":5}`, "out=5", true},
		{`{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":11}}`, "in=10 cached=11 out=5", true},
		{`{"prompt_tokens":10,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":6}}`, "in=10 out=5 reasoning=6", true},
		{`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":12}`, "in=10 out=5", true},
		{`{"completion_tokens":5,"total_tokens":12}`, "in=7 out=5", false},
		{`{"total_tokens":12}`, "", true},
		{`{"prompt_tokens":1e2,"completion_tokens":"5"}`, "in=100", false},
		{`{"prompt_tokens":10.0,"completion_tokens":5.5}`, "in=10", false},
		{`{"prompt_tokens":null,"completion_tokens":3,"prompt_tokens_details":null}`, "out=3", false},
		{`{"prompt_tokens":99999999999999999999,"completion_tokens":3}`, "out=3", false},
		{`[1]`, "", false},
		{`"12"`, "", false},
	} {
		body := `{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":` + c.usage + `}`
		w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Status: 200}
		_, res := feed(t, w, []byte(body), func() int { return 50 })
		if got := usageOf(&res.Usage); got != c.want || res.Inconsistent != c.inconsistent {
			t.Errorf("%s: %q, inconsistent %v; want %q, %v", c.usage, got, res.Inconsistent, c.want, c.inconsistent)
		}
	}
}

// A stream's usage in parts becomes one object, in the provider's own words.
func TestUsageRawMerged(t *testing.T) {
	w := Want{Dialect: llm.Anthropic, Op: OpMessages, Status: 200, Header: eventStream}
	body := `data: {"type":"message_start","message":{"usage":{"input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":0},"output_tokens":1}}}` + "\n\n" +
		`data: {"type":"message_delta","delta":{},"usage":{"output_tokens":20,"iterations":[{"type":"compaction"}]}}` + "\n\n"
	_, res := feed(t, w, []byte(body), func() int { return 9 })
	const want = `{"input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":0},"output_tokens":20,"iterations":[{"type":"compaction"}]}`
	if string(res.Usage.Raw) != want {
		t.Errorf("got %s\nwant %s", res.Usage.Raw, want)
	}
}

// Money is read from the decimal text, to the pico-dollar.
func TestScaled(t *testing.T) {
	for _, c := range []struct {
		number string
		places int
		want   int64
		exact  bool
		ok     bool
	}{
		{"0.00093", 12, 930000000, true, true},
		{"0.0076509169000000005", 12, 7650916900, false, true},
		{"4.1400000000000003e-05", 12, 41400000, false, true},
		{"5e-13", 12, 1, false, true},
		{"4.9e-13", 12, 0, false, true},
		{"1E+2", 0, 100, true, true},
		{"-1.5", 1, -15, true, true},
		{"0", 12, 0, true, true},
		{"0e99999", 12, 0, true, true},
		{"1e-99999", 12, 0, false, true},
		{"1e99999", 0, 0, false, false},
		{"9223372036854775807", 0, 0, false, false}, // not needed to the last token
		{"922337203685477579", 0, 922337203685477579, true, true},
		{"1641500", 2, 164150000, true, true},
		{"01", 0, 0, false, false},
		{`"1"`, 0, 0, false, false},
		{"null", 0, 0, false, false},
		{"", 0, 0, false, false},
	} {
		n, exact, ok := scaled([]byte(c.number), c.places)
		if n != c.want || ok != c.ok || ok && exact != c.exact {
			t.Errorf("%s × 10^%d = %d, exact %v, ok %v", c.number, c.places, n, exact, ok)
		}
	}
}

func TestDecodedLen(t *testing.T) {
	for _, s := range []string{"", "plain", "a\nb\"c\\", "é", "\u2028 \u0001", "中文", "😀", "mixed \t 😀 é"} {
		for _, literal := range [][]byte{quote(s), []byte(fmt.Sprintf("%+q", s))} {
			if bytes.Contains(literal, []byte(`\U`)) || bytes.Contains(literal, []byte(`\x`)) {
				continue // Go's escape, not JSON's
			}
			if got := decodedLen(literal[1 : len(literal)-1]); got != int64(len(s)) {
				t.Errorf("%s: %d bytes, want %d", literal, got, len(s))
			}
		}
	}
}
