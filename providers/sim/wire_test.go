package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"llmgw/providers/llm"
)

var dialects = []llm.Dialect{llm.OpenAIChat, llm.Anthropic}

// request builds a minimal call in the dialect.
func request(t *testing.T, base string, d llm.Dialect, stream bool, text string) *http.Request {
	t.Helper()
	path := "/v1/chat/completions"
	body := map[string]any{
		"model": "m", "stream": stream,
		"messages": []any{map[string]string{"role": "user", "content": text}},
	}
	if d == llm.Anthropic {
		path, body["max_tokens"] = "/v1/messages", 100_000
	} else if stream {
		body["stream_options"] = map[string]bool{"include_usage": true}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, bytes.NewReader(marshal(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk-test-1234")
	r.Header.Set("Anthropic-Version", "2023-06-01")
	return r
}

// seen is what a raw client saw.
type seen struct {
	status int
	header http.Header
	body   []byte
	err    string // "", "reset", "eof" (closed before an answer), "cut" (closed within one), "timeout"
}

func look(client *http.Client, r *http.Request) seen {
	resp, err := client.Do(r)
	if err != nil {
		return seen{err: classify(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return seen{resp.StatusCode, resp.Header, body, classify(err)}
}

func classify(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "timeout"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case errors.Is(err, syscall.ECONNRESET), strings.Contains(err.Error(), "forcibly closed"):
		return "reset"
	case errors.Is(err, io.EOF):
		return "eof"
	}
	return err.Error()
}

// serve runs s on loopback with a client that changes nothing.
func serve(t *testing.T, s *Sim) (string, *http.Client) {
	t.Helper()
	server := httptest.NewServer(s)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return server.URL, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// text returns what an answer says, by a reader that skips what it cannot
// parse, and whether the dialect's end, a finish and an error were in it.
type reading struct {
	text                string
	contents            int
	done, finish, fails bool
	usage               bool
	bad                 int // events or bodies of broken JSON
}

func read(d llm.Dialect, stream bool, body []byte) reading {
	var out reading
	if !stream || !bytes.Contains(body, []byte("data:")) {
		out.document(d, body)
		return out
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	all := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(body))
	for event := range strings.SplitSeq(all, "\n\n") {
		var data []string
		for line := range strings.SplitSeq(event, "\n") {
			if v, ok := strings.CutPrefix(line, "data:"); ok {
				data = append(data, strings.TrimPrefix(v, " "))
			}
		}
		switch joined := strings.Join(data, "\n"); joined {
		case "":
		case "[DONE]":
			out.done = true
		default:
			out.document(d, []byte(joined))
		}
	}
	return out
}

// document folds one JSON document of either dialect, streamed or not.
func (out *reading) document(d llm.Dialect, data []byte) {
	var v struct {
		Type    string
		Error   json.RawMessage
		Choices []struct {
			Delta, Message *struct{ Content, Refusal string }
			FinishReason   *string `json:"finish_reason"`
		}
		Delta struct {
			Type, Text string
			StopReason *string `json:"stop_reason"`
		}
		Content    []struct{ Text string }
		StopReason *string `json:"stop_reason"`
		Usage      *struct{}
	}
	if json.Unmarshal(data, &v) != nil {
		out.bad++
		return
	}
	say := func(s string) {
		if s != "" {
			out.text += s
			out.contents++
		}
	}
	for _, ch := range v.Choices {
		for _, m := range []*struct{ Content, Refusal string }{ch.Delta, ch.Message} {
			if m != nil {
				say(m.Content + m.Refusal)
			}
		}
		out.finish = out.finish || ch.FinishReason != nil
	}
	for _, b := range v.Content {
		say(b.Text)
	}
	say(v.Delta.Text)
	out.finish = out.finish || v.Delta.StopReason != nil || v.StopReason != nil
	out.done = out.done || v.Type == "message_stop"
	out.fails = out.fails || v.Error != nil
	out.usage = out.usage || v.Usage != nil
}

// A row of the wire table says what a raw client sees. The zero values are
// those of a healthy answer.
type wireCase struct {
	fault    string
	only     string // "stream" or "body": where the fault has a meaning of its own
	dialect  llm.Dialect
	status   int // 200 when 0
	err      string
	contents int  // exactly so many, when mid is set
	mid      bool // broken off before the end
	fails    bool // an error is in the answer
	bad      int  // broken documents; -1: all
	noDone   bool
	noFinish bool
	noUsage  bool
	noText   bool
	end      End // Delivered when ""
}

var wireCases = []wireCase{
	{fault: "ok"},
	{fault: "400", status: 400, fails: true, noText: true},
	{fault: "401", status: 401, fails: true, noText: true},
	{fault: "402", status: 402, fails: true, noText: true},
	{fault: "403", status: 403, fails: true, noText: true},
	{fault: "404", status: 404, fails: true, noText: true},
	{fault: "413", status: 413, fails: true, noText: true},
	{fault: "429:retry-after=2", status: 429, fails: true, noText: true},
	{fault: "quota", status: 429, fails: true, noText: true},
	{fault: "context-length", status: 400, fails: true, noText: true},
	{fault: "content-policy", status: 400, fails: true, noText: true},
	{fault: "500", status: 500, fails: true, noText: true},
	{fault: "502", status: 502, bad: -1, noText: true},
	{fault: "503", status: 503, fails: true, noText: true},
	{fault: "529", status: 529, fails: true, noText: true},
	{fault: "redirect", status: 302, bad: -1, noText: true},
	{fault: "308", status: 308, bad: -1, noText: true},
	{fault: "hang-before-headers:ms=1"},
	{fault: "hang-after-headers:ms=1"},
	{fault: "hang-mid-stream:ms=1"},
	{fault: "ping-only:after=3,ms=1"},
	{fault: "slow:ms=1"},
	{fault: "slow-first-byte:ms=1"},
	{fault: "reset-before-headers", err: "reset", end: Cut},
	{fault: "close-before-headers", err: "eof", end: Cut},
	{fault: "reset-mid-stream:after=2", only: "stream", err: "reset", mid: true, contents: 2, end: Cut},
	{fault: "reset-mid-stream", only: "body", err: "reset", mid: true, bad: -1, end: Cut},
	{fault: "fin-mid-stream:after=2", only: "stream", err: "cut", mid: true, contents: 2, end: Cut},
	{fault: "fin-mid-stream:after=0", only: "stream", err: "cut", mid: true, end: Cut},
	{fault: "fin-mid-stream:after=9999", only: "stream", err: "cut", mid: true, contents: 9, end: Cut},
	{fault: "fin-mid-stream", only: "body", err: "cut", mid: true, bad: -1, end: Cut},
	{fault: "eof-mid-stream:after=2", only: "stream", mid: true, contents: 2, end: Cut},
	{fault: "eof-mid-stream", only: "body", mid: true, bad: -1, end: Cut},
	{fault: "keepalive-close"},
	{fault: "early-answer:code=413", status: 413, fails: true, noText: true},
	{fault: "error-first", only: "stream", mid: true, fails: true, end: Cut},
	{fault: "error-after-start", only: "stream", mid: true, fails: true, end: Cut},
	{fault: "error-mid-stream:after=2", only: "stream", mid: true, contents: 2, fails: true, end: Cut},
	{fault: "error-first", only: "body", fails: true, noText: true},
	{fault: "error-after-start", only: "body", fails: true, noText: true},
	{fault: "error-mid-stream", only: "body", dialect: llm.OpenAIChat, fails: true},
	{fault: "error-mid-stream", only: "body", dialect: llm.Anthropic, fails: true, noText: true},
	{fault: "200-error-body", fails: true, noText: true},
	{fault: "200-empty", bad: -1, noText: true},
	{fault: "200-html", bad: -1, noText: true},
	{fault: "malformed-json", bad: -1, noText: true},
	{fault: "truncated-json:after=2", only: "stream", mid: true, contents: 2, bad: 1, end: Cut},
	{fault: "truncated-json", only: "body", mid: true, bad: -1, end: Cut},
	{fault: "malformed-chunk:after=2", only: "stream", bad: 1},
	{fault: "malformed-chunk", only: "body", bad: -1, noText: true},
	{fault: "no-done", only: "stream", noDone: true},
	{fault: "no-finish", only: "stream", dialect: llm.OpenAIChat, noFinish: true},
	{fault: "no-finish", only: "stream", dialect: llm.Anthropic, noFinish: true, noUsage: true},
	{fault: "no-usage", noUsage: true},
	{fault: "null-usage", noUsage: true},
	{fault: "zero-usage"},
	{fault: "cumulative-usage"},
	{fault: "finish-usage"},
	{fault: "served-model:model=other"},
	{fault: "empty-answer", noText: true},
	{fault: "refusal"},
	{fault: "content-filter:after=2"},
	{fault: "finish-error", dialect: llm.OpenAIChat, only: "stream"},
	{fault: "finish-error", dialect: llm.Anthropic, only: "stream", mid: true, contents: 9, fails: true, end: Cut},
	{fault: "reject-field:code=model", status: 400, fails: true, noText: true},
	{fault: "reject-field:code=absent"},
	{fault: "tools-interleaved"},
	{fault: "tools-no-index"},
	{fault: "gzip"},
	{fault: "one-byte"},
	{fault: "one-write"},
	{fault: "utf8-split"},
	{fault: "long-line:size=200000"},
	{fault: "crlf"},
	{fault: "cr"},
	{fault: "no-space"},
	{fault: "multiline"},
	{fault: "comments"},
	{fault: "bom"},
	{fault: "no-final-newline"},
	{fault: "after-done"},
}

// TestWire runs every fault in both dialects, streamed and not, over a real
// server, and compares what a raw client saw with the row and with the ledger.
func TestWire(t *testing.T) {
	for _, tc := range wireCases {
		for _, d := range dialects {
			for _, stream := range []bool{true, false} {
				if tc.dialect != "" && tc.dialect != d || tc.only == "stream" && !stream || tc.only == "body" && stream {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/stream=%t", tc.fault, d, stream), func(t *testing.T) {
					t.Parallel()
					tc.run(t, d, stream)
				})
			}
		}
	}
}

// TestWireIsWhole makes a new kind without a row fail.
func TestWireIsWhole(t *testing.T) {
	rows := map[Kind]bool{}
	for _, tc := range wireCases {
		f, err := ParseFault(tc.fault)
		if err != nil {
			t.Fatal(err)
		}
		rows[f.Kind] = true
	}
	for _, k := range Kinds()[1:] {
		if !rows[k.Kind] {
			t.Errorf("%s has no row", k.Kind)
		}
	}
}

func (tc wireCase) run(t *testing.T, d llm.Dialect, stream bool) {
	s := New(Options{Name: "one", Dialect: d})
	fault, err := ParseFault(tc.fault)
	if err != nil {
		t.Fatal(err)
	}
	s.Script(fault)
	base, client := serve(t, s)
	got := look(client, request(t, base, d, stream, "[[words 9]]"))
	if err := s.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	row := s.Ledger()[0]
	if got.err != tc.err {
		t.Errorf("client error %q, want %q", got.err, tc.err)
	}
	wantStatus := 200
	switch {
	case tc.status != 0:
		wantStatus = tc.status
	case tc.err != "" && !tc.mid:
		wantStatus = 0
	}
	if got.status != wantStatus || row.Status != wantStatus {
		t.Errorf("status %d, ledger %d, want %d", got.status, row.Status, wantStatus)
	}
	tc.checkLedger(t, row, got)
	if wantStatus == 0 {
		return
	}
	body := got.body
	if got.header.Get("Content-Encoding") == "gzip" {
		body = gunzip(t, body)
	}
	tc.checkReading(t, read(d, stream, body), stream, row)
}

func (tc wireCase) checkLedger(t *testing.T, row Arrival, got seen) {
	t.Helper()
	want := tc.end
	if want == "" {
		want = Delivered
	}
	if row.End != want || row.Done.IsZero() {
		t.Errorf("ledger says %s, want %s", row.End, want)
	}
	if row.SentBytes != int64(len(got.body)) || row.SentBytes > 0 && row.SentHash != hexHash(got.body) {
		t.Errorf("ledger says %d bytes %s were sent, the client has %d %s", row.SentBytes, row.SentHash, len(got.body), hexHash(got.body))
	}
	if id := got.header.Get("X-Request-Id") + got.header.Get("Request-Id"); got.header != nil && id != row.RequestID {
		t.Errorf("request id %q, ledger says %q", id, row.RequestID)
	}
}

func (tc wireCase) checkReading(t *testing.T, r reading, stream bool, row Arrival) {
	t.Helper()
	if (r.fails) != tc.fails {
		t.Errorf("error inside: %t, want %t", r.fails, tc.fails)
	}
	if tc.bad >= 0 && r.bad != tc.bad || tc.bad < 0 && r.bad == 0 {
		t.Errorf("%d broken documents, want %d", r.bad, tc.bad)
	}
	broken := tc.mid || tc.noText && tc.fault != "empty-answer"
	if r.finish == (broken || tc.noFinish) {
		t.Errorf("finish seen: %t", r.finish)
	}
	// Of a malformed stream the [DONE] alone is well-formed.
	if stream && tc.fault != "malformed-json" && r.done == (broken || tc.noDone) {
		t.Errorf("end seen: %t", r.done)
	}
	if tc.mid && r.contents != tc.contents {
		t.Errorf("%d pieces of content, want %d", r.contents, tc.contents)
	}
	if !tc.mid && (r.text == "") != tc.noText {
		t.Errorf("text %.80q", r.text)
	}
	if !broken && row.UsageSent == tc.noUsage {
		t.Errorf("usage sent: %t", row.UsageSent)
	}
	if !broken && !tc.noUsage && !r.usage {
		t.Error("the client saw no usage")
	}
	if broken && row.UsageSent {
		t.Error("a broken answer has its usage on record as sent")
	}
}

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The accents and the cuts of bytes change how an answer comes, not what it
// says: the text equals the healthy one, streamed or not.
func TestSameTextInEveryAccent(t *testing.T) {
	for _, d := range dialects {
		want := sayUnder(t, d, false, "")
		if want == "" || !utf8.ValidString(want) || len(want) == utf8.RuneCountInString(want) {
			t.Fatalf("the healthy text %q shows no garbling", want)
		}
		for _, k := range []Kind{"", Gzip, OneByte, OneWrite, UTF8Split, CRLF, CR, NoSpace, Multiline, Comments, BOM, NoFinalNewline, AfterDone, NoDone, CumulativeUsage, NoUsage} {
			for _, stream := range []bool{true, false} {
				if got := sayUnder(t, d, stream, k); got != want {
					t.Errorf("%s %s stream=%t: %q, want %q", d, k, stream, got, want)
				}
			}
		}
		if got := sayUnder(t, d, true, MalformedChunk); got != want {
			t.Errorf("%s: around a broken event: %q, want %q", d, got, want)
		}
	}
}

// sayUnder returns what a fresh simulator says under a fault.
func sayUnder(t *testing.T, d llm.Dialect, stream bool, k Kind) string {
	t.Helper()
	s := New(Options{Dialect: d})
	s.Script(Fault{Kind: k, After: 2})
	base, client := serve(t, s)
	got := look(client, request(t, base, d, stream, "[[words 40]] hello"))
	if got.header.Get("Content-Encoding") == "gzip" {
		got.body = gunzip(t, got.body)
	}
	return read(d, stream, got.body).text
}

func TestRetryHeaders(t *testing.T) {
	now := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tc := range []struct{ fault, header, want string }{
		{"429:retry-after=2", "Retry-After", "2"},
		{"429:retry-after-ms=250", "Retry-After-Ms", "250"},
		{"503:retry-after-date=60", "Retry-After", "Tue, 04 Mar 2025 05:07:07 GMT"},
		{"ok:reset=30", "X-Ratelimit-Reset-Requests", "30s"},
		{"ok:reset=30", "X-Ratelimit-Remaining-Tokens", "0"},
		{"ok", "X-Ratelimit-Remaining-Requests", "9999"},
	} {
		f, err := ParseFault(tc.fault)
		if err != nil {
			t.Fatal(err)
		}
		s := New(Options{Now: func() time.Time { return now }})
		s.Default(f)
		base, client := serve(t, s)
		if got := look(client, request(t, base, llm.OpenAIChat, false, "x")).header.Get(tc.header); got != tc.want {
			t.Errorf("%s: %s is %q, want %q", tc.fault, tc.header, got, tc.want)
		}
	}
}
