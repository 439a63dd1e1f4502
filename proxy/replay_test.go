package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/store"
)

// leave reads so many bytes of an answer, hangs up and waits for the outcome.
func (r *rig) leave(path, body string, after int) {
	r.t.Helper()
	resp, err := r.http.Do(r.request(path, body))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, after)); err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	time.Sleep(40 * time.Second)
	synctest.Wait()
}

// A client that hangs up in the middle of a replay is on record as gone; the
// answer stays.
func TestReplayThatLosesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		body := limited("gpt-4o", 4000, "[[words 3000]]", true)
		first := r.post("/v1/chat/completions", body)
		if len(first.body) < 4*replayStep {
			t.Fatalf("only %d bytes", len(first.body))
		}
		r.leave("/v1/chat/completions", body, 1000)
		row := r.last()
		if row.Status != store.StatusClientGone || row.Cache != store.CacheHit || row.Error != "client_gone" || row.ResponseBytes > int64(len(first.body))/2 {
			t.Errorf("on record: %s, %s, %s, %d of %d bytes", row.Status, row.Cache, row.Error, row.ResponseBytes, len(first.body))
		}
		second := r.post("/v1/chat/completions", body)
		if got := r.state(second); !strings.HasPrefix(got, "hit") {
			t.Errorf("the next: %s", got)
		}
		same(t, first, second)
	})
}

// A hit that cannot be recorded is not given, like any other call.
func TestReplayThatCannotBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, cached(nil))
		defer r.close()
		r.post("/v1/chat/completions", chat("gpt-4o", true))
		r.failing.Store(true)
		got := r.post("/v1/chat/completions", chat("gpt-4o", true))
		r.failing.Store(false)
		if got.status != 503 || got.header.Get("X-Llmgw-Error") != "not_recorded" || r.arrivals("openai") != 1 {
			t.Errorf("status %d, %s, %d arrivals", got.status, got.header.Get("X-Llmgw-Error"), r.arrivals("openai"))
		}
	})
}

// An answer that came compressed is given as it came to who takes it, and
// decoded to who does not.
func TestCompressedAnswerIsReadable(t *testing.T) {
	answer := strings.Replace(string(wholeBody), "alike", "unhappy", 1)
	zipped := new(bytes.Buffer)
	zw := gzip.NewWriter(zipped)
	_, _ = io.WriteString(zw, answer)
	zw.Close()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Set-Cookie", "a=b")
			_, _ = w.Write(zipped.Bytes())
		})}}, cached(nil))
		defer r.close()
		first := r.post("/v1/chat/completions", chat("gpt-4o", false), "Accept-Encoding", "gzip")
		again := r.post("/v1/chat/completions", chat("gpt-4o", false), "Accept-Encoding", "gzip")
		same(t, first, again)
		if again.header.Get("Content-Encoding") != "gzip" || again.header.Get("Set-Cookie") != "" || r.last().Cache != store.CacheHit {
			t.Errorf("with gzip: %v", again.header)
		}
		plain := r.post("/v1/chat/completions", chat("gpt-4o", false), "Accept-Encoding", "identity")
		if string(plain.body) != answer || plain.header.Get("Content-Encoding") != "" || r.last().Cache != store.CacheHit {
			t.Errorf("without: %v, %d bytes", plain.header, len(plain.body))
		}
		if got := plain.header.Get("Content-Length"); got != fmt.Sprint(len(answer)) {
			t.Errorf("content-length %s, %d bytes", got, len(answer))
		}
	})
}
