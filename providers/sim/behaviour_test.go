package sim

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// post sends a raw body and returns what came back.
func post(t *testing.T, s *Sim, path, body string, header ...string) seen {
	t.Helper()
	base, client := serve(t, s)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk-secret-9876")
	r.Header.Set("Anthropic-Version", "2023-06-01")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return look(client, r)
}

// object decodes a JSON answer.
func object(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%v in %.300s", err, b)
	}
	return out
}

// TestOwnErrors are the requests that a provider refuses by itself.
func TestOwnErrors(t *testing.T) {
	const chat, messages = "/v1/chat/completions", "/v1/messages"
	for name, tc := range map[string]struct {
		path, body string
		header     []string
		status     int
		says       string
	}{
		"no key":              {chat, `{}`, []string{"Authorization", ""}, 401, "API key"},
		"no key, anthropic":   {messages, `{}`, []string{"Authorization", ""}, 401, "x-api-key"},
		"no version":          {messages, `{}`, []string{"Anthropic-Version", ""}, 400, "anthropic-version"},
		"broken":              {chat, `{"model":`, nil, 400, "could not parse"},
		"trailing":            {chat, `{"model":"m"} x`, nil, 400, "could not parse"},
		"broken, anthropic":   {messages, `[`, nil, 400, "not valid JSON"},
		"wrong type":          {chat, `{"model":5}`, nil, 400, "model"},
		"wrong type in":       {messages, `{"model":"m","max_tokens":"x"}`, nil, 400, "max_tokens"},
		"no model":            {chat, `{"messages":[]}`, nil, 400, "model"},
		"no messages":         {chat, `{"model":"m"}`, nil, 400, "messages"},
		"no max_tokens":       {messages, `{"model":"m","messages":[{"role":"user","content":"x"}]}`, nil, 400, "max_tokens"},
		"idle stream_options": {chat, `{"model":"m","messages":[{"role":"user","content":"x"}],"stream_options":{"include_usage":true}}`, nil, 400, "stream_options"},
		"no input":            {"/v1/embeddings", `{"model":"m"}`, nil, 400, "input"},
		"dimensions":          {"/v1/embeddings", `{"model":"m","input":"x","dimensions":0}`, nil, 400, "dimensions"},
		"unknown path":        {"/v1/nothing", `{}`, nil, 404, "not"},
		"wrong method":        {"/v1/models", `{}`, nil, 405, "ot"},
		"misspelt directive":  {chat, `{"model":"m","messages":[{"role":"user","content":"[[usage inn=3]]"}]}`, nil, 400, "inn"},
		"unknown coding":      {chat, `{}`, []string{"Content-Encoding", "br"}, 415, "Encoding"},
	} {
		got := post(t, New(Options{}), tc.path, tc.body, tc.header...)
		if got.status != tc.status || !strings.Contains(string(got.body), tc.says) || object(t, got.body)["error"] == nil {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// TestGenerationParameters are the members of a request that shape the answer.
func TestGenerationParameters(t *testing.T) {
	for name, tc := range map[string]struct {
		extra, text string
		want        func(t *testing.T, choice map[string]any, message map[string]any)
	}{
		"max_tokens": {`"max_tokens":3`, "[[words 9]]", func(t *testing.T, c, m map[string]any) {
			if c["finish_reason"] != "length" || len(pieces(m["content"].(string))) != 3 {
				t.Errorf("%v", c)
			}
		}},
		"stop": {`"stop":["c","b"]`, "[[say a b c]]", func(t *testing.T, c, m map[string]any) {
			if c["finish_reason"] != "stop" || m["content"] != "a " {
				t.Errorf("%v", c)
			}
		}},
		"json_schema": {`"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"kind":{"enum":["b"]},"n":{"type":"integer","minimum":5},"list":{"type":"array","items":{"$ref":"#/$defs/s"},"minItems":2}},"required":["kind","n","list"],"$defs":{"s":{"type":"string"}}}}}`, "x", func(t *testing.T, c, m map[string]any) {
			got := object(t, []byte(m["content"].(string)))
			if list, _ := got["list"].([]any); got["kind"] != "b" || got["n"] != 5.0 || len(list) != 2 || list[0] == "" {
				t.Errorf("%v", got)
			}
		}},
		"json_object": {`"response_format":{"type":"json_object"}`, "x", func(t *testing.T, c, m map[string]any) {
			object(t, []byte(m["content"].(string)))
		}},
		"forced tool": {`"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],"tool_choice":{"type":"function","function":{"name":"b"}}`, "x", func(t *testing.T, c, m map[string]any) {
			call := m["tool_calls"].([]any)[0].(map[string]any)["function"].(map[string]any)
			if c["finish_reason"] != "stop" || call["name"] != "b" || call["arguments"] != "{}" || m["content"] != nil {
				t.Errorf("%v", c)
			}
		}},
		"no parallel calls": {`"tools":[{"type":"function","function":{"name":"a"}}],"parallel_tool_calls":false`, "[[tools 3]]", func(t *testing.T, c, m map[string]any) {
			if n := len(m["tool_calls"].([]any)); n != 1 || c["finish_reason"] != "tool_calls" {
				t.Errorf("%d calls", n)
			}
		}},
		"tool named in the text": {`"tools":[{"type":"function","function":{"name":"lookup"}}]`, "please lookup this", func(t *testing.T, c, m map[string]any) {
			if m["tool_calls"] == nil {
				t.Errorf("%v", c)
			}
		}},
		"tools forbidden": {`"tools":[{"type":"function","function":{"name":"lookup"}}],"tool_choice":"none"`, "please lookup this", func(t *testing.T, c, m map[string]any) {
			if m["tool_calls"] != nil || m["content"] == "" {
				t.Errorf("%v", c)
			}
		}},
		"logprobs": {`"logprobs":true`, "[[say é]]", func(t *testing.T, c, m map[string]any) {
			entry := c["logprobs"].(map[string]any)["content"].([]any)[0].(map[string]any)
			if entry["token"] != "é" || len(entry["bytes"].([]any)) != 2 {
				t.Errorf("%v", entry)
			}
		}},
		"refusal": {`"temperature":0`, "[[refuse]]", func(t *testing.T, c, m map[string]any) {
			if m["refusal"] == nil || m["content"] != nil {
				t.Errorf("%v", m)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"model":"m","messages":[{"role":"user","content":` + string(marshal(tc.text)) + `}],` + tc.extra + `}`
			got := post(t, New(Options{}), "/v1/chat/completions", body)
			c := object(t, got.body)["choices"].([]any)[0].(map[string]any)
			tc.want(t, c, c["message"].(map[string]any))
		})
	}
}

func TestSeveralChoices(t *testing.T) {
	body := `{"model":"m","n":3,"messages":[{"role":"user","content":"[[words 5]]"}]}`
	got := object(t, post(t, New(Options{}), "/v1/chat/completions", body).body)
	texts := map[string]bool{}
	for i, c := range got["choices"].([]any) {
		c := c.(map[string]any)
		texts[c["message"].(map[string]any)["content"].(string)] = true
		if c["index"] != float64(i) {
			t.Errorf("index %v", c["index"])
		}
	}
	if len(texts) != 3 || got["usage"].(map[string]any)["completion_tokens"] != 15.0 {
		t.Errorf("%v", got)
	}
}

// Reasoning is spent first and may leave nothing for an answer.
func TestReasoningEatsTheLimit(t *testing.T) {
	body := `{"model":"gpt-5","max_completion_tokens":4,"messages":[{"role":"user","content":"x"}]}`
	got := object(t, post(t, New(Options{}), "/v1/chat/completions", body).body)
	c, u := got["choices"].([]any)[0].(map[string]any), got["usage"].(map[string]any)
	if c["finish_reason"] != "length" || c["message"].(map[string]any)["content"] != "" || u["completion_tokens"] != 4.0 {
		t.Errorf("%v", got)
	}
}

func TestUsageOnlyWhenAskedFor(t *testing.T) {
	const asked = `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]}`
	const unasked = `{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`
	s := New(Options{})
	with, without := post(t, s, "/v1/chat/completions", asked).body, post(t, s, "/v1/chat/completions", unasked).body
	if !bytes.Contains(with, []byte(`"usage":null`)) || !bytes.Contains(with, []byte(`"choices":[],"usage":{`)) {
		t.Errorf("asked: %s", with)
	}
	if bytes.Contains(without, []byte("usage")) {
		t.Errorf("not asked: %s", without)
	}
	if l := s.Ledger(); !l[0].UsageSent || l[1].UsageSent || l[1].Usage.Output != l[0].Usage.Output {
		t.Errorf("ledger %+v", l)
	}
}

func TestCumulativeUsageGrows(t *testing.T) {
	for _, d := range dialects {
		s := New(Options{Dialect: d})
		s.Default(Fault{Kind: CumulativeUsage})
		base, client := serve(t, s)
		got := look(client, request(t, base, d, true, "[[words 5]]"))
		last, seen := -1.0, 0
		for line := range strings.SplitSeq(string(got.body), "\n") {
			data, ok := strings.CutPrefix(line, "data: {")
			if !ok {
				continue
			}
			usage, _ := object(t, []byte("{"+data))["usage"].(map[string]any)
			if usage == nil {
				continue
			}
			now, _ := usage["completion_tokens"].(float64)
			if d == llm.Anthropic {
				now = usage["output_tokens"].(float64)
			}
			if now < last {
				t.Errorf("%s: usage fell from %v to %v", d, last, now)
			}
			last, seen = now, seen+1
		}
		if last != 5 || seen != 6 {
			t.Errorf("%s: %d usages, the last %v", d, seen, last)
		}
	}
}

func TestEchoSaysWhatArrived(t *testing.T) {
	const body = `{"model" : "echo","seed":9007199254740993, "messages":[{"role":"user","content":"é\u00e9"}]}`
	s := New(Options{Name: "one"})
	got := object(t, post(t, s, "/v1/chat/completions?key=abcdefgh", body, "X-Custom", "v").body)
	text := got["choices"].([]any)[0].(map[string]any)["message"].(map[string]any)["content"].(string)
	echo := object(t, []byte(text))
	headers := echo["headers"].(map[string]any)
	if echo["body"] != body || echo["provider"] != "one" || echo["query"] != "key=…efgh" || headers["X-Custom"].([]any)[0] != "v" {
		t.Errorf("%s", text)
	}
	if strings.Contains(text, "secret") || headers["Authorization"].([]any)[0] != "Bearer …9876" {
		t.Errorf("the key is shown: %s", text)
	}
}

func TestCompressedRequest(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(`{"model":"m","messages":[{"role":"user","content":"[[say hi]]"}]}`))
	z.Close()
	s := New(Options{})
	got := post(t, s, "/v1/chat/completions", b.String(), "Content-Encoding", "gzip")
	if got.status != 200 || !bytes.Contains(got.body, []byte(`"hi"`)) || !bytes.Equal(s.Ledger()[0].Body, b.Bytes()) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestEmbeddingsFormats(t *testing.T) {
	s := New(Options{})
	for input, n := range map[string]int{`"text"`: 1, `["a","b"]`: 2, `[1,2,3]`: 1, `[[1,2],[3]]`: 2} {
		got := object(t, post(t, s, "/v1/embeddings", `{"model":"m","input":`+input+`,"dimensions":4,"encoding_format":"base64"}`).body)
		data := got["data"].([]any)
		raw, err := base64.StdEncoding.DecodeString(data[0].(map[string]any)["embedding"].(string))
		if len(data) != n || err != nil || len(raw) != 16 {
			t.Errorf("%s: %v", input, got)
		}
	}
}

func TestFaultDirectiveNamesItsProvider(t *testing.T) {
	body := `{"model":"m","messages":[{"role":"user","content":"[[fault 503@a]]"}]}`
	for name, want := range map[string]int{"a": 503, "b": 200} {
		s := New(Options{Name: name})
		s.Script(Fault{}) // left for the next arrival by a directive
		if got := post(t, s, "/v1/chat/completions", body); got.status != want {
			t.Errorf("%s answered %d", name, got.status)
		}
	}
}

// The same request to two fresh simulators gives the same bytes, whatever came
// between; another seed or name, others.
func TestDeterminism(t *testing.T) {
	const body = `{"model":"gpt-5","stream":true,"n":2,"messages":[{"role":"user","content":"hello"}]}`
	const messages = `{"model":"m","max_tokens":90,"stream":true,"thinking":{"type":"enabled"},"messages":[{"role":"user","content":"hello"}]}`
	for path, body := range map[string]string{"/v1/chat/completions": body, "/v1/messages": messages, "/v1/completions": `{"model":"m","prompt":"x"}`, "/v1/embeddings": `{"model":"m","input":"x"}`} {
		first := post(t, New(Options{Name: "a"}), path, body)
		busy := New(Options{Name: "a"})
		post(t, busy, "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"other"}]}`)
		second := post(t, busy, path, body)
		// The reset times and the date are the clock's.
		clock := func(k string, _ []string) bool { return k == "Date" || strings.HasSuffix(k, "-Reset") }
		maps.DeleteFunc(first.header, clock)
		maps.DeleteFunc(second.header, clock)
		if !bytes.Equal(first.body, second.body) || !maps.EqualFunc(first.header, second.header, func(a, b []string) bool { return a[0] == b[0] }) {
			t.Errorf("%s: two answers:\n%s\n%s", path, first.body, second.body)
		}
		if third := post(t, busy, path, body); path != "/v1/embeddings" && bytes.Equal(third.body, second.body) {
			t.Errorf("%s: two arrivals share their ids", path)
		}
		for _, o := range []Options{{Name: "b"}, {Name: "a", Seed: 1}} {
			if other := post(t, New(o), path, body); bytes.Equal(other.body, first.body) && (path != "/v1/embeddings" || o.Seed != 0) {
				t.Errorf("%s: %+v answers alike", path, o)
			}
		}
	}
}
