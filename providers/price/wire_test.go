package price_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/providers/price"
)

var corpusFolder = filepath.Join("..", "..", "..", "shared", "corpus")

// TestRecordedAnswersCost reads the recordings behind the corpus's price cases
// as the proxy does and prices what the meter found: from the providers' bytes
// to the pico-dollar.
func TestRecordedAnswersCost(t *testing.T) {
	book := price.Builtin()
	checked := 0
	for protocol, d := range map[string]llm.Dialect{"openai-chat": llm.OpenAIChat, "anthropic-messages": llm.Anthropic} {
		bodies := recordings(t, protocol)
		for _, c := range cases(t) {
			r, ok := bodies[c.Recording]
			if !ok {
				continue
			}
			res := read(d, r.Stream, r.Body)
			p, ok := book.Lookup(c.Provider, c.Model, c.At)
			if !ok {
				t.Errorf("%s: %s/%s has no price", c.ID, c.Provider, c.Model)
				continue
			}
			b, err := p.Cost(res.Usage, c.At)
			want, _ := price.ParseUSD(c.USD)
			if err != nil || b.Computed != price.Of(want) {
				t.Errorf("%s: %s/%s: %s, %v; want %s", c.ID, c.Provider, c.Model, b, err, c.USD)
			}
			checked++
		}
	}
	if checked < 15 {
		t.Errorf("only %d recordings were priced", checked)
	}
}

// SF-U3: the same usage costs the same, streamed or not.
func TestSFU3StreamedOrNotCostsTheSame(t *testing.T) {
	const usage = `{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"prompt_tokens_details":{"cached_tokens":800}}`
	whole := read(llm.OpenAIChat, false, `{"id":"x","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":`+usage+`}`)
	parts := read(llm.OpenAIChat, true, `data: {"id":"x","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}`+"\n\n"+
		`data: {"id":"x","choices":[],"usage":`+usage+"}\n\ndata: [DONE]\n\n")
	now := time.Now()
	p, _ := price.Builtin().Lookup("openai", "gpt-4o", now)
	a, errA := p.Cost(whole.Usage, now)
	b, errB := p.Cost(parts.Usage, now)
	if errA != nil || errB != nil || a.String() != b.String() || a.String() != "200 input × 2.5 + 800 cached_input × 1.25 + 500 output × 10 = 0.0065" {
		t.Errorf("whole: %s, %v; streamed: %s, %v", a, errA, b, errB)
	}
}

func read(d llm.Dialect, stream bool, body string) dialect.Result {
	op, kind := dialect.OpChat, "application/json"
	if d == llm.Anthropic {
		op = dialect.OpMessages
	}
	if stream {
		kind = "text/event-stream"
	}
	m := dialect.NewMeter(dialect.Want{Dialect: d, Op: op, Stream: stream, Status: 200, Header: http.Header{"Content-Type": {kind}}})
	m.Feed([]byte(body))
	m.Close()
	return m.Result()
}

type recordedCase struct {
	ID, Provider, Model, Recording string
	At                             time.Time
	USD                            string
}

func cases(t *testing.T) []recordedCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(corpusFolder, "price-cases.json"))
	if os.IsNotExist(err) {
		t.Skip("no corpus beside the project")
	}
	var file struct{ Cases []recordedCase }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

type recording struct {
	ID     string
	Stream bool
	Body   string `json:"response_body"`
}

// recordings are a protocol's, by id.
func recordings(t *testing.T, protocol string) map[string]recording {
	t.Helper()
	f, err := os.Open(filepath.Join(corpusFolder, protocol+".jsonl.gz"))
	if os.IsNotExist(err) {
		t.Skip("no corpus beside the project")
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]recording{}
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r recording
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all[r.ID] = r
	}
	return all
}
