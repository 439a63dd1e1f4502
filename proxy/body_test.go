package proxy

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
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

// A body is read whole up to the limit and not beyond it, whatever was announced.
func TestReadAtMost(t *testing.T) {
	const limit = 3 * believed
	whole := bytes.Repeat([]byte("abcdefg"), limit/7+2)
	for _, size := range []int{0, 1, believed - 1, believed, believed + 1, limit - 1, limit, limit + 1} {
		for _, announced := range []int64{-1, 0, 10, int64(size), 1 << 40} {
			got, err := readAtMost(iotest.HalfReader(bytes.NewReader(whole[:size])), limit, announced)
			if size > limit {
				if !errors.Is(err, errTooLarge) {
					t.Errorf("%d bytes, %d announced: %v", size, announced, err)
				}
			} else if err != nil || !bytes.Equal(got, whole[:size]) {
				t.Errorf("%d bytes, %d announced: got %d, %v", size, announced, len(got), err)
			}
		}
		broken := errors.New("broken")
		if _, err := readAtMost(io.MultiReader(bytes.NewReader(whole[:min(size, limit)]), iotest.ErrReader(broken)), limit, -1); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", size, err)
		}
	}
}
