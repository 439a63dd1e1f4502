package proxy

import (
	"io"
	"testing"
	"testing/synctest"

	"llmgw/store"
)

// A client that stops in the middle of its request is told so and let go of.
// The server once waited for the rest of the body before it sent the answer,
// and so for ever.
func TestStalledRequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		body, feed := io.Pipe()
		defer feed.Close()
		req := r.request("/v1/chat/completions", "")
		req.Body, req.ContentLength = body, 100
		go func() { _, _ = io.WriteString(feed, `{"model":`) }()
		got := r.do(req)
		if got.err != nil || got.status != statusClientGone || got.took < bodyPause || got.took > 2*bodyPause {
			t.Errorf("%d after %s, %v", got.status, got.took, got.err)
		}
		if row := r.last(); row.Status != store.StatusClientGone || row.Error != codeClientGone {
			t.Errorf("recorded %s, %s", row.Status, row.ErrorText)
		}
	})
}
