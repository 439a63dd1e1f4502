package sim

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"llmgw/providers/llm"
)

// The simulator is the upstream of the gateway's own benchmarks: its share has
// to be known to be subtracted.
func BenchmarkAnswer(b *testing.B) {
	for _, stream := range []bool{false, true} {
		name := "whole"
		if stream {
			name = "stream"
		}
		b.Run(name, func(b *testing.B) {
			s := New(Options{Dialect: llm.OpenAIChat, Keep: 10})
			server := httptest.NewServer(s)
			defer server.Close()
			body := []byte(`{"model":"m","messages":[{"role":"user","content":"[[words 50]] hello"}]}`)
			if stream {
				body = append([]byte(`{"stream":true,`), body[1:]...)
			}
			for b.Loop() {
				answerOnce(b, server, body)
			}
		})
	}
}

func answerOnce(b *testing.B, server *httptest.Server, body []byte) {
	r, err := http.NewRequest(http.MethodPost, server.URL+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk-x")
	resp, err := server.Client().Do(r)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
}
