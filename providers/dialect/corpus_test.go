package dialect

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// exchange is one line of the corpus of recorded traffic, which stands beside
// the project where it stands at all (see its README).
type exchange struct {
	ID              string            `json:"id"`
	Provider        string            `json:"provider"`
	Status          int               `json:"status"`
	Stream          bool              `json:"stream"`
	Handmade        bool              `json:"handmade"`
	BlobsReplaced   int               `json:"blobs_replaced"`
	RequestBody     *string           `json:"request_body"`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body"`
	Facts           struct {
		ModelRequested *string `json:"model_requested"`
		ModelServed    *string `json:"model_served"`
		ResponseID     *string `json:"response_id"`
		Billable       *struct {
			Input       int64       `json:"input"`
			CacheRead   int64       `json:"cache_read"`
			CacheWrite  int64       `json:"cache_write"`
			CacheWrite1 int64       `json:"cache_write_1h"`
			Output      int64       `json:"output"`
			Reasoning   int64       `json:"reasoning"`
			InputAudio  int64       `json:"input_audio"`
			OutputAudio int64       `json:"output_audio"`
			Searches    int64       `json:"web_searches"`
			Cost        json.Number `json:"reported_cost"`
			Ticks       json.Number `json:"reported_cost_in_usd_ticks"`
		} `json:"billable"`
		FinishReasons []string `json:"finish_reasons"`
	} `json:"facts"`
}

func corpus(t *testing.T, name string) []exchange {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "corpus", name+".jsonl.gz"))
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
	var all []exchange
	r := bufio.NewReader(zr)
	for dec := json.NewDecoder(r); dec.More(); {
		var x exchange
		if err := dec.Decode(&x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

func (x *exchange) want(d llm.Dialect, op Op) Want {
	h := http.Header{}
	for k, v := range x.ResponseHeaders {
		h.Set(k, v)
	}
	return Want{Dialect: d, Op: op, Stream: x.Stream, Status: x.Status, Header: h}
}

var corpusFiles = []struct {
	name string
	d    llm.Dialect
	op   Op
}{
	{"openai-chat", llm.OpenAIChat, OpChat},
	{"openai-embeddings", llm.OpenAIChat, OpEmbeddings},
	{"anthropic-messages", llm.Anthropic, OpMessages},
	{"anthropic-count", llm.Anthropic, OpCountTokens},
}

// What is recorded is what the provider billed, for every recorded answer and
// any way of cutting its bytes.
func TestCorpusUsage(t *testing.T) {
	for _, file := range corpusFiles {
		t.Run(file.name, func(t *testing.T) {
			counted := 0
			for _, x := range corpus(t, file.name) {
				w := x.want(file.d, file.op)
				rnd := rand.New(rand.NewPCG(1, uint64(len(x.ResponseBody))))
				for _, step := range []int{len(x.ResponseBody) + 1, 1, 700} {
					_, res := feed(t, w, []byte(x.ResponseBody), splits(rnd, step))
					checkBillable(t, &x, res)
				}
				if x.Facts.Billable != nil {
					counted++
				}
			}
			t.Logf("%d answers with usage", counted)
		})
	}
}

// splits returns piece lengths: n each, or random ones up to n.
func splits(rnd *rand.Rand, n int) func() int {
	if n <= 1 {
		return func() int { return n }
	}
	return func() int { return 1 + rnd.IntN(n) }
}

func checkBillable(t *testing.T, x *exchange, res Result) {
	t.Helper()
	b := x.Facts.Billable
	if b == nil {
		return
	}
	u := res.Usage
	for _, c := range []struct {
		name string
		got  llm.Count
		want int64
	}{
		{"input", u.Input, b.Input}, {"output", u.Output, b.Output},
		{"cached", u.CachedInput, b.CacheRead}, {"write", u.CacheWrite, b.CacheWrite},
		{"write1h", u.CacheWrite1h, b.CacheWrite1}, {"reasoning", u.Reasoning, b.Reasoning},
		{"audio in", u.InputAudio, b.InputAudio}, {"audio out", u.OutputAudio, b.OutputAudio},
	} {
		if c.got.N != c.want {
			t.Errorf("%s %s: %s is %d, want %d", x.ID, x.Provider, c.name, c.got.N, c.want)
		}
	}
	if !u.Input.Known || !u.Output.Known {
		t.Errorf("%s %s: usage unknown", x.ID, x.Provider)
	}
	for _, c := range []struct {
		said   json.Number
		places int
	}{{b.Cost, picoDigits}, {b.Ticks, tickDigits}} {
		if c.said == "" {
			continue
		}
		want, _, _ := scaled([]byte(c.said), c.places)
		if u.ReportedCost != llm.Tokens(want) {
			t.Errorf("%s %s: cost is %v, want %s", x.ID, x.Provider, u.ReportedCost, c.said)
		}
	}
	if b.Searches != 0 && u.WebSearches.N != b.Searches {
		t.Errorf("%s: %d searches, want %d", x.ID, u.WebSearches.N, b.Searches)
	}
}

// feed gives body to a new meter in slices of the lengths that next returns,
// checks that the pieces are the body, and returns them merged by kind. The
// slices are overwritten after use, as a reused read buffer is.
func feed(t testing.TB, w Want, body []byte, next func() int) ([]Piece, Result) {
	t.Helper()
	return feedTo(t, NewMeter(w), body, next)
}

func feedTo(t testing.TB, m *Meter, body []byte, next func() int) ([]Piece, Result) {
	t.Helper()
	var merged []Piece
	var all []byte
	take := func(pieces []Piece) {
		for _, p := range pieces {
			if len(p.Raw) == 0 {
				t.Error("a piece without bytes")
			}
			all = append(all, p.Raw...)
			if n := len(merged); n > 0 && merged[n-1].Kind == p.Kind {
				merged[n-1].Raw = append(merged[n-1].Raw, p.Raw...)
			} else {
				merged = append(merged, Piece{bytes.Clone(p.Raw), p.Kind})
			}
		}
	}
	for rest := body; len(rest) > 0; {
		buf := bytes.Clone(rest[:min(len(rest), next())])
		rest = rest[len(buf):]
		take(m.Feed(buf))
		for i := range buf {
			buf[i] = 0xAA
		}
	}
	take(m.Close())
	if !bytes.Equal(all, body) {
		t.Errorf("the pieces are not the body: %d bytes, want %d", len(all), len(body))
	}
	return merged, m.Result()
}

func TestCorpusEnds(t *testing.T) {
	for _, file := range corpusFiles {
		t.Run(file.name, func(t *testing.T) {
			for _, x := range corpus(t, file.name) {
				_, res := feed(t, x.want(file.d, file.op), []byte(x.ResponseBody), func() int { return 1 << 20 })
				several := strings.Count(x.ResponseBody, "event: message_start") > 1
				if x.Handmade || several || x.Provider == "misbehaving-endpoint" {
					continue
				}
				failed := strings.Contains(x.ResponseBody, `"error":{`)
				if res.Complete == (failed && x.Status == 200) || res.Partial || res.BadEvents > 0 {
					t.Errorf("%s %s: complete %v, fault %s %q, %d bad events", x.ID, x.Provider, res.Complete, res.Fault, res.FaultText, res.BadEvents)
				}
				if failed && res.FaultText == "" {
					t.Errorf("%s %s: no words for the error", x.ID, x.Provider)
				}
				if want := x.Facts.ModelServed; want != nil && res.Model != *want {
					t.Errorf("%s: model %q, want %q", x.ID, res.Model, *want)
				}
				if want := x.Facts.ResponseID; want != nil && res.ID != *want {
					t.Errorf("%s: id %q, want %q", x.ID, res.ID, *want)
				}
				if n := len(x.Facts.FinishReasons); n > 0 && x.Facts.FinishReasons[n-1] != "" && res.Finish != x.Facts.FinishReasons[n-1] && !failed {
					t.Errorf("%s: finish %q, want %q", x.ID, res.Finish, x.Facts.FinishReasons)
				}
				if x.Status == 200 && res.Complete && !res.Content {
					t.Logf("%s %s: complete without content: %s", x.ID, x.Provider, res.Finish)
				}
			}
		})
	}
}

func TestCorpusPeek(t *testing.T) {
	for _, file := range corpusFiles {
		t.Run(file.name, func(t *testing.T) {
			for _, x := range corpus(t, file.name) {
				if x.RequestBody == nil || *x.RequestBody == "" {
					continue
				}
				f, err := Peek(file.d, file.op, []byte(*x.RequestBody))
				if err != nil {
					t.Errorf("%s: %v", x.ID, err)
				}
				if want := x.Facts.ModelRequested; want != nil && f.Model != *want {
					t.Errorf("%s: model %q, want %q", x.ID, f.Model, *want)
				}
				if f.Stream != x.Stream {
					t.Errorf("%s: stream %v, want %v", x.ID, f.Stream, x.Stream)
				}
			}
		})
	}
}
