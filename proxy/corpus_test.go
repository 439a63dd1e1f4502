package proxy

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmgw/providers/llm"
	"llmgw/store"
)

// recording is one line of the recorded traffic beside the project.
type recording struct {
	ID              string            `json:"id"`
	Protocol        string            `json:"protocol"`
	Path            string            `json:"path"`
	RequestBody     *string           `json:"request_body"`
	Status          int               `json:"status"`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body"`
	Stream          bool              `json:"stream"`
	Facts           struct {
		Billable *struct {
			Input      int64 `json:"input"`
			CacheRead  int64 `json:"cache_read"`
			CacheWrite int64 `json:"cache_write"`
			Output     int64 `json:"output"`
			Reasoning  int64 `json:"reasoning"`
		} `json:"billable"`
	} `json:"facts"`
}

// Every recorded exchange with an OpenAI-compatible or Anthropic service goes
// through the gateway: the client must get the very bytes, and the record the
// very usage. The recordings are of others and stay outside the repository;
// without them the dialects' own fixtures still run.
func TestRecordedTraffic(t *testing.T) {
	for _, name := range []string{"openai-chat", "openai-embeddings", "anthropic-messages", "anthropic-count"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("..", "..", "shared", "corpus", name+".jsonl.gz")
			f, err := os.Open(path)
			if err != nil {
				t.Skip("no recorded traffic beside the project")
			}
			defer f.Close()
			zr, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			replay(t, bufio.NewScanner(zr))
		})
	}
}

func replay(t *testing.T, lines *bufio.Scanner) {
	var current recording
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range current.ResponseHeaders {
			if k != "transfer-encoding" && k != "content-length" && k != "connection" {
				w.Header().Set(k, v)
			}
		}
		w.WriteHeader(current.Status)
		_, _ = w.Write([]byte(current.ResponseBody))
	})
	r := newRig(t, []upstreamSpec{
		{name: "chat", dialect: llm.OpenAIChat, handler: upstream},
		{name: "claude", dialect: llm.Anthropic, handler: upstream},
	}, func(c *Config) { c.Store.Bodies = store.BodiesNone })
	defer r.close()
	lines.Buffer(make([]byte, 1<<20), 16<<20)
	n := 0
	for lines.Scan() {
		current = recording{}
		if err := json.Unmarshal(lines.Bytes(), &current); err != nil {
			t.Fatal(err)
		}
		n++
		replayOne(t, r, current)
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Fatalf("%d recordings read: %v", n, err)
	}
	t.Logf("%d recordings replayed", n)
}

func replayOne(t *testing.T, r *rig, rec recording) {
	path := map[string]string{
		"openai-chat": "/v1/chat/completions", "openai-embeddings": "/v1/embeddings",
		"anthropic-messages": "/v1/messages", "anthropic-count": "/v1/messages/count_tokens",
	}[rec.Protocol]
	got := r.post("/provider/"+map[bool]string{true: "claude", false: "chat"}[strings.HasPrefix(rec.Protocol, "anthropic")]+path, rec.request())
	if !strings.Contains(rec.ResponseBody, `"`) || strings.HasPrefix(rec.ResponseBody, `{"contentType"`) {
		if got.status != http.StatusBadGateway { // an echo of the request is no answer
			t.Errorf("%s: the client got status %d for %s", rec.ID, got.status, rec.ResponseBody)
		}
		return
	}
	want := rec.ResponseBody
	if at := strings.Index(want, `"error":{"code"`); at >= 0 && rec.Stream && rec.Status == 200 {
		event, _, _ := strings.Cut(want[at:], "\n\n") // nothing that follows an error reaches a client
		want = want[:at] + event + "\n\n"
	}
	if got.status != rec.Status || string(got.body) != want {
		t.Errorf("%s: the client got status %d and %d bytes, the upstream sent %d and %d (err %v; x-llmgw-error %q)", rec.ID, got.status, len(got.body), rec.Status, len(rec.ResponseBody), got.err, got.header.Get("X-Llmgw-Error"))
		return
	}
	billable := rec.Facts.Billable
	if billable == nil || rec.Protocol == "anthropic-count" {
		return
	}
	row := r.last()
	u := row.Usage
	if u.Input.N != billable.Input || u.Output.N != billable.Output || u.CachedInput.Or(0) != billable.CacheRead || u.CacheWrite.Or(0) != billable.CacheWrite || u.Reasoning.Or(0) != billable.Reasoning {
		t.Errorf("%s: recorded %+v, billable %+v", rec.ID, u, *billable)
	}
	if !u.Input.Known {
		t.Errorf("%s: input unknown, billable %+v", rec.ID, *billable)
	}
}

// request is the recorded request; where only the answer was recorded, one
// that asks for it in the same way. Streams ask for their usage, so that the
// gateway adds nothing and withholds nothing.
func (rec recording) request() string {
	if rec.RequestBody == nil {
		if rec.Stream {
			return `{"model":"m","stream":true,"max_tokens":9,"stream_options":{"include_usage":true},"messages":[]}`
		}
		return `{"model":"m","max_tokens":9,"messages":[]}`
	}
	body := *rec.RequestBody
	if rec.Stream && rec.Protocol == "openai-chat" && !strings.Contains(body, "include_usage") {
		return strings.Replace(body, "{", `{"stream_options":{"include_usage":true},`, 1)
	}
	return body
}
