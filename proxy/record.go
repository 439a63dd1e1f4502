package proxy

import (
	"fmt"
	"net/http"
	"slices"

	"llmgw/store"
)

// tee keeps a copy of what goes to the client, up to a limit, with its true
// size. It grows by chunks: append on one slice would copy a long stream over
// and over and hold twice its size.
type tee struct {
	limit  int64
	size   int64
	kept   int64
	chunks [][]byte
}

const teeChunk = 16 << 10

func (t *tee) add(b []byte) {
	t.size += int64(len(b))
	b = b[:min(int64(len(b)), max(t.limit-t.kept, 0))]
	t.kept += int64(len(b))
	for len(b) > 0 {
		last := len(t.chunks) - 1
		if last < 0 || len(t.chunks[last]) == cap(t.chunks[last]) {
			t.chunks = append(t.chunks, make([]byte, 0, max(min(len(b), 1<<20), t.nextChunk())))
			last++
		}
		n := min(len(b), cap(t.chunks[last])-len(t.chunks[last]))
		t.chunks[last] = append(t.chunks[last], b[:n]...)
		b = b[n:]
	}
}

// keep is add for bytes that nobody changes any more: they are not copied.
func (t *tee) keep(b []byte) {
	t.size += int64(len(b))
	b = b[:min(int64(len(b)), max(t.limit-t.kept, 0))]
	t.kept += int64(len(b))
	t.chunks = append(t.chunks, b[:len(b):len(b)])
}

// nextChunk starts small: most answers are a few KB.
func (t *tee) nextChunk() int { return min(2<<10<<min(len(t.chunks), 8), teeChunk) }

func (t *tee) bytes() []byte {
	if len(t.chunks) == 1 {
		return t.chunks[0]
	}
	return slices.Concat(t.chunks...)
}

// bodies are the bytes to keep of this call, as [store] bodies asks, with
// every known credential replaced.
func (c *call) bodies(status store.Status) []store.Body {
	if c.rec.Error == codeForbiddenOrigin {
		return nil // or a web page could push out what is kept of others, max_size being what it is
	}
	switch c.set.cfg.Store.Bodies {
	case store.BodiesNone:
		return nil
	case store.BodiesErrors:
		if status == store.StatusOK {
			return nil
		}
	}
	var bodies []store.Body
	add := func(part string, data []byte, size int64, h http.Header) {
		if size == 0 && len(h) == 0 {
			return
		}
		limit := c.set.cfg.Store.MaxBody
		if int64(len(data)) > limit {
			data = data[:limit]
		}
		kept := int64(len(data))
		data, n := c.set.redactor.Redact(data, c.brought)
		c.rec.Redactions += n
		headers, n := c.set.redactor.Redact(headerBlock(h), c.brought)
		c.rec.Redactions += n
		bodies = append(bodies, store.Body{
			CallID: c.rec.ID, Part: part, Data: data, Size: size, Truncated: kept < size,
			ContentType: cut(h.Get("Content-Type"), 128), Headers: string(headers),
		})
	}
	add("request", c.body, int64(len(c.body)), c.r.Header)
	if c.final && c.rec.Provider != "" {
		add("response", c.sent.bytes(), c.sent.size, c.w.Header())
	}
	for _, w := range c.worded {
		add(fmt.Sprintf("attempt.%d.request", w.n), w.body, int64(len(w.body)), nil)
	}
	for _, a := range c.answers {
		if a.status > 0 && (a.translated || a.row.N < len(c.attempts)) {
			add(fmt.Sprintf("attempt.%d", a.row.N), a.body, int64(len(a.body)), a.header)
		}
	}
	return bodies
}

// clean replaces credentials in a provider's words: some echo the key.
func (c *call) clean(text string) string {
	b, _ := c.set.redactor.Redact([]byte(text), c.brought)
	return string(b)
}

// secretHeaders never reach the record, whatever their value looks like.
var secretHeaders = []string{
	"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Llmgw-Key",
}

// headerBlock writes headers one a line, sorted, secrets left out by name.
func headerBlock(h http.Header) []byte {
	var room [32]string
	names := room[:0]
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	block := make([]byte, 0, 1<<10)
	for _, name := range names {
		secret := slices.Contains(secretHeaders, name)
		for _, v := range h[name] {
			if secret {
				v = "(not recorded)"
			}
			if len(block) > 0 {
				block = append(block, '\n')
			}
			block = append(append(append(block, name...), ": "...), v...)
		}
	}
	return block
}
