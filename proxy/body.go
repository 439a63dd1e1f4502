package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// errTooLarge is a request body over server.max_request, measured after
// decompression so that a small gzip bomb is as large as what it unpacks to.
var errTooLarge = errors.New("request body over server.max_request")

// errEncoding is a Content-Encoding that cannot be decoded here.
type errEncoding struct{ name string }

// Error names the encoding and those that can be decoded.
func (e *errEncoding) Error() string {
	return fmt.Sprintf("request body with Content-Encoding %q: llmgw decodes gzip, deflate and zstd", e.name)
}

// bodyPause is how long a client may pause while it sends its body. It bounds
// a stuck or hostile sender, not a slow one: every byte starts it anew.
const bodyPause = 60 * time.Second

// readBody reads the whole request body before anything is sent upstream:
// handing r.Body through cuts good streams when an upstream answers early,
// and a second attempt needs the bytes again. decoded tells that a
// Content-Encoding was removed.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, decoded bool, err error) {
	defer func() {
		if errors.Is(err, errTooLarge) {
			linger(w, r)
		}
	}()
	if r.ContentLength > limit {
		return nil, false, errTooLarge
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, false, nil
	}
	src := &patientReader{r: r.Body, rc: http.NewResponseController(w)}
	rd, closer, err := decodeRequest(src, r.Header.Get("Content-Encoding"), limit)
	if err != nil {
		return nil, false, err
	}
	defer closer()
	if body, err = readAtMost(rd, limit, r.ContentLength); err == nil {
		src.done() // after an error the server would wait for the rest before it answers
	}
	return body, rd != io.Reader(src), err
}

// lingerTime is for how long a body that was refused is read on.
const lingerTime = 30 * time.Second

// linger reads on after a refusal: many clients (httpx, and with it the Python
// SDKs) look for an answer only once they have sent everything, and would see a
// broken pipe instead of the 413. One that asks first gets its answer at once.
func linger(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime)) // fails on a test's pipe only
	_, _ = io.Copy(io.Discard, r.Body)
}

// patientReader moves the connection's read deadline on with every read.
type patientReader struct {
	r  io.Reader
	rc *http.ResponseController
}

// Read waits for the next bytes at most as long as a client may pause.
func (p *patientReader) Read(b []byte) (int, error) {
	// An error means that the connection has no deadlines (a test's pipe):
	// then the reads are unbounded, as they were.
	_ = p.rc.SetReadDeadline(time.Now().Add(bodyPause))
	return p.r.Read(b)
}

func (p *patientReader) done() { _ = p.rc.SetReadDeadline(time.Time{}) }

// decodeRequest undoes one Content-Encoding (RFC 9110 section 8.4).
func decodeRequest(src io.Reader, encoding string, limit int64) (io.Reader, func(), error) {
	none := func() {}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return src, none, nil
	case "gzip", "x-gzip":
		zr, err := gzip.NewReader(src)
		if err != nil {
			return nil, none, fmt.Errorf("decoding the gzip request body: %w", err)
		}
		return zr, none, nil
	case "deflate":
		zr, err := zlib.NewReader(src)
		if err != nil {
			return nil, none, fmt.Errorf("decoding the deflate request body: %w", err)
		}
		return zr, none, nil
	case "zstd":
		zr, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)))
		if err != nil {
			return nil, none, fmt.Errorf("decoding the zstd request body: %w", err)
		}
		return zr, zr.Close, nil
	}
	return nil, none, &errEncoding{encoding}
}

// believed is how much of an announced size is allocated before as much came.
const believed = 1 << 20

// readAtMost reads everything up to limit bytes; one more is errTooLarge. The
// announced size is believed once the first part of it has come: a header alone
// cannot make the process allocate, and no large body is held twice while it
// grows.
func readAtMost(r io.Reader, limit, announced int64) ([]byte, error) {
	var buf bytes.Buffer
	r = io.LimitReader(r, limit+1)
	buf.Grow(int(min(max(announced, 0), believed) + bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(r, believed))
	if err == nil && n == believed {
		buf.Grow(int(max(min(announced, limit)-n, 0)) + bytes.MinRead)
		n, err = buf.ReadFrom(r)
		n += believed
	}
	if n > limit {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("reading the request body: %w", err)
	}
	return buf.Bytes(), nil
}

// decodeAnswer undoes an answer's Content-Encoding for the meter. Upstreams
// are asked only for what the caller accepts of gzip, zstd and identity; known
// is false for any other encoding, which some send unasked.
func decodeAnswer(src io.Reader, encoding string) (r io.Reader, known bool) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return src, true
	case "gzip", "x-gzip":
		return &lazyReader{open: func() (io.Reader, error) { return gzip.NewReader(src) }}, true
	case "deflate":
		return &lazyReader{open: func() (io.Reader, error) { return zlib.NewReader(src) }}, true
	case "zstd":
		return &lazyReader{open: func() (io.Reader, error) {
			return zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		}}, true
	}
	return nil, false
}

// lazyReader opens its decoder at the first read, because opening already
// reads from the upstream and belongs under the attempt's timer.
type lazyReader struct {
	open func() (io.Reader, error)
	r    io.Reader
}

// Read returns decoded bytes; the first error may be that of opening.
func (l *lazyReader) Read(p []byte) (int, error) {
	if l.r == nil {
		r, err := l.open()
		if err != nil {
			return 0, err
		}
		l.r = r
	}
	return l.r.Read(p)
}
