package dialect

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// fixture is an invented answer in testdata and what is to be read from it.
type fixture struct {
	file   string
	op     Op
	kinds  string // of the pieces, neighbours of one kind merged
	usage  string // the known counts
	flags  string // what else the result says
	finish string
	fault  llm.Fault
	text   string // part of FaultText
}

var fixtures = []fixture{
	{"chat-usage-asked.sse", OpChat, "preamble content tail withheld end", "in=21 cached=8 out=7 reasoning=3 audio-in=0 audio-out=0 tier=default", "content complete done final", "stop", "", ""},
	{"chat-azure-filter.sse", OpChat, "preamble content tail withheld end", "in=9 out=2", "content complete done final", "content_filter", "", ""},
	{"chat-groq-x.sse", OpChat, "preamble content tail end", "in=40 out=6", "content complete done final", "stop", "", ""},
	{"chat-groq-both.sse", OpChat, "content tail withheld end", "in=40 out=6", "content complete done final", "stop", "", ""},
	{"chat-xai.sse", OpChat, "content tail withheld end", "in=30 cached=10 out=104 reasoning=100 cost=81234500", "content complete done final", "stop", "", ""},
	{"chat-gemini.json", OpChat, "end", "in=50 out=40", "content complete final", "stop", "", ""},
	{"chat-deepseek.sse", OpChat, "preamble content tail end", "in=100 cached=64 out=12 reasoning=5", "content complete done final", "stop", "", ""},
	{"chat-openrouter.sse", OpChat, "preamble content tail end", "in=700 cached=300 write=200 out=2 reasoning=0 searches=2 cost=1234500000", "content complete done final byok upstream=41400000", "stop", "", ""},
	{"chat-perplexity.sse", OpChat, "content tail", "in=8 out=3 searches=1 cost=5011000000", "content complete final", "stop", "", ""},
	{"chat-mistral.sse", OpChat, "preamble content tail end", "in=16 cached=16 out=9", "content complete done final", "stop", "", ""},
	{"chat-moonshot.sse", OpChat, "preamble content tail end", "in=20 cached=4 out=5", "content complete done final", "stop", "", ""},
	// Choice 1 never finished and there is no [DONE].
	{"chat-tools-n2.sse", OpChat, "preamble content tail", "", "content", "tool_calls", llm.Truncated, "before the answer did"},
	{"chat-error-first.sse", OpChat, "preamble failure", "", "", "", llm.ErrorInBody, "The harbour is closed"},
	{"chat-error-finish.sse", OpChat, "content failure end", "in=5 out=1", "content done final", "error", llm.ErrorInBody, "upstream went away"},
	{"chat-error-event.sse", OpChat, "content failure", "", "content", "", llm.ErrorInBody, "tool call was wanted"},
	{"chat-error-native.sse", OpChat, "preamble failure end", "", "done", "stop", llm.ErrorInBody, "network_error"},
	{"chat-error-flat.sse", OpChat, "preamble failure", "", "", "", llm.ErrorInBody, "the account is in arrears"},
	{"chat-error-groq.sse", OpChat, "content failure end", "", "content done", "stop", llm.ErrorInBody, "over_capacity"},
	{"chat-error-nameless.sse", OpChat, "failure", "", "", "", llm.ErrorInBody, ""},
	{"chat-error-null.sse", OpChat, "content tail end", "", "content complete done", "stop", "", ""},
	{"chat-zero-placeholder.sse", OpChat, "content tail withheld end", "in=33 out=4", "content complete done final", "stop", "", ""},
	{"chat-zero-known.sse", OpChat, "content tail end", "in=0 out=0", "content complete done final", "stop", "", ""},
	{"chat-cut-in-event.sse", OpChat, "content tail", "", "content partial bad=1", "", llm.Truncated, ""},
	{"chat-cut-between.sse", OpChat, "content", "", "content", "", llm.Truncated, ""},
	{"chat-no-finish.sse", OpChat, "content end", "", "content complete done", "", "", ""},
	{"chat-no-blank-line.sse", OpChat, "content tail end", "in=3 out=1", "content complete done final", "stop", "", ""},
	{"chat-bad-event.sse", OpChat, "content tail content tail end", "", "content complete done bad=1", "stop", "", ""},
	{"chat-only-bad.sse", OpChat, "preamble", "", "bad=2", "", llm.Malformed, ""},
	{"chat-empty-stop.sse", OpChat, "preamble end", "in=11 out=0", "complete done final empty", "stop", llm.Empty, ""},
	{"chat-grammar.sse", OpChat, "preamble content tail end", "", "content complete done", "stop", "", ""},
	{"chat-sse-as-json.txt", OpChat, "content tail end", "", "content complete done", "stop", "", ""},
	{"chat-answer.json", OpChat, "end", "in=64 cached=0 out=9 audio-in=44 audio-out=2 tier=flex", "content complete final", "tool_calls", "", ""},
	{"chat-error-200.json", OpChat, "failure", "", "", "", llm.ErrorInBody, "over capacity"},
	{"chat-error-vllm.json", OpChat, "failure", "", "", "", llm.ErrorInBody, "max_tokens is too large"},
	{"chat-no-choices.json", OpChat, "failure", "in=4 out=0", "final", "", llm.Empty, "choices"},
	{"chat-not-an-answer.json", OpChat, "failure", "", "", "", llm.Malformed, `{"status":"ok"}`},
	{"chat-truncated.json", OpChat, "failure", "", "", "", llm.Malformed, "unexpected end"},
	{"chat-page.html", OpChat, "failure", "", "", "", llm.Malformed, "Sign in"},
	{"chat-429.json", OpChat, "end", "", "complete", "", "", "Slow down, sailor"},
	{"completions.sse", OpCompletions, "preamble content tail withheld end", "in=6 out=1", "content complete done final", "length", "", ""},
	{"embeddings.json", OpEmbeddings, "end", "in=14 out=0", "content complete final", "", "", ""},
	{"embeddings-total-only.json", OpEmbeddings, "end", "in=17 out=0", "content complete final", "", "", ""},
	{"embeddings-none.json", OpEmbeddings, "failure", "in=0 out=0", "final", "", llm.Empty, "data"},

	{"messages-cache.sse", OpMessages, "preamble content tail content tail end", "in=3205 cached=200 write=3000 write-1h=2000 out=31 reasoning=20 tier=standard", "content complete done final", "end_turn", "", ""},
	{"messages-server-tool.sse", OpMessages, "preamble content tail content tail content tail end", "in=18900 cached=0 write=0 out=90 searches=3", "content complete done final", "end_turn", "", ""},
	{"messages-zero-delta.sse", OpMessages, "preamble content tail end", "in=17 cached=1 write=7 out=5", "content complete done final", "end_turn", "", ""},
	{"messages-compaction.sse", OpMessages, "preamble content tail content tail end", "in=600 out=40", "content complete done final", "end_turn", "", ""},
	{"messages-error-first.sse", OpMessages, "preamble failure", "in=9 out=1", "", "", llm.ErrorInBody, "Overloaded"},
	{"messages-error-late.sse", OpMessages, "preamble content tail failure", "in=9 out=1", "content", "", llm.ErrorInBody, "Internal"},
	{"messages-cut.sse", OpMessages, "preamble content tail", "in=9 out=12", "content final", "end_turn", llm.Truncated, ""},
	{"messages-refusal.sse", OpMessages, "preamble end", "in=18 out=0", "complete done final empty", "refusal", "", ""},
	{"messages-redacted.sse", OpMessages, "preamble content tail content tail end tail", "in=18 out=8", "content complete done final", "max_tokens", "", ""},
	{"messages.json", OpMessages, "end", "in=1504 cached=1500 write=0 out=12 tier=priority", "content complete final", "tool_use", "", ""},
	{"messages-error-200.json", OpMessages, "failure", "", "", "", llm.ErrorInBody, "Overloaded"},
	{"messages-empty.json", OpMessages, "end", "in=4 out=1", "complete final empty", "end_turn", llm.Empty, ""},
	{"messages-404.json", OpMessages, "end", "", "complete", "", "", "model: keeper-5"},
	{"count.json", OpCountTokens, "end", "in=2095 out=0", "content complete final", "", "", ""},
}

func (f *fixture) want() Want {
	w := Want{Dialect: llm.OpenAIChat, Op: f.op, Status: 200, WithholdUsage: true, Header: http.Header{}}
	if f.op == OpMessages || f.op == OpCountTokens {
		w.Dialect = llm.Anthropic
	}
	w.Header.Set("Content-Type", "application/json")
	switch filepath.Ext(f.file) {
	case ".sse":
		w.Header.Set("Content-Type", "text/event-stream; charset=utf-8")
		w.Stream = true
	case ".html":
		w.Header.Set("Content-Type", "text/html")
	}
	switch f.file {
	case "chat-429.json":
		w.Status = http.StatusTooManyRequests
	case "messages-404.json":
		w.Status = http.StatusNotFound
	}
	return w
}

func (f *fixture) read(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", f.file))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Every shape that a provider is known to answer in is read right, whole, byte
// by byte and at random cuts.
func TestFixtures(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.file, func(t *testing.T) {
			body := f.read(t)
			rnd := rand.New(rand.NewPCG(2, 3))
			for _, step := range []int{len(body), 1, 5, 90} {
				pieces, res := feed(t, f.want(), body, splits(rnd, step))
				f.check(t, pieces, res)
			}
		})
	}
}

func (f *fixture) check(t *testing.T, pieces []Piece, res Result) {
	t.Helper()
	for _, c := range []struct{ name, got, want string }{
		{"kinds", kindsOf(pieces), f.kinds},
		{"usage", usageOf(&res.Usage), f.usage},
		{"flags", flagsOf(&res), f.flags},
		{"finish", res.Finish, f.finish},
		{"fault", string(res.Fault), string(f.fault)},
	} {
		if c.got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.name, c.got, c.want)
		}
	}
	if !strings.Contains(res.FaultText, f.text) {
		t.Errorf("fault text %q lacks %q", res.FaultText, f.text)
	}
	if res.Usage.Known() && len(res.Usage.Raw) == 0 {
		t.Error("usage without the provider's own object")
	}
}

func kindsOf(pieces []Piece) string {
	var names []string
	for _, p := range pieces {
		names = append(names, p.Kind.String())
	}
	return strings.Join(names, " ")
}

func usageOf(u *llm.Usage) string {
	var known []string
	for _, c := range []struct {
		name  string
		count llm.Count
	}{
		{"in", u.Input}, {"cached", u.CachedInput}, {"write", u.CacheWrite}, {"write-1h", u.CacheWrite1h},
		{"out", u.Output}, {"reasoning", u.Reasoning}, {"audio-in", u.InputAudio}, {"audio-out", u.OutputAudio},
		{"searches", u.WebSearches}, {"cost", u.ReportedCost},
	} {
		if c.count.Known {
			known = append(known, fmt.Sprintf("%s=%d", c.name, c.count.N))
		}
	}
	if u.ServiceTier != "" {
		known = append(known, "tier="+u.ServiceTier)
	}
	return strings.Join(known, " ")
}

func flagsOf(r *Result) string {
	var set []string
	for _, f := range []struct {
		name string
		on   bool
	}{
		{"content", r.Content}, {"complete", r.Complete}, {"done", r.Done}, {"final", r.UsageFinal},
		{"empty", r.EmptyAnswer}, {"partial", r.Partial}, {"inconsistent", r.Inconsistent}, {"byok", r.BYOK},
	} {
		if f.on {
			set = append(set, f.name)
		}
	}
	if r.UpstreamCost.Known {
		set = append(set, fmt.Sprintf("upstream=%d", r.UpstreamCost.N))
	}
	if r.BadEvents > 0 {
		set = append(set, fmt.Sprintf("bad=%d", r.BadEvents))
	}
	return strings.Join(set, " ")
}
