package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// Question is everything that could change an answer. Nothing of it is put
// into another form first: what two spellings have in common is not for a
// gateway to decide, and a canonical form that rounds a number makes two
// questions one.
type Question struct {
	Dialect, Operation string
	Named              string      // the provider that the path names, or ""
	Path, Query        string      // escaped, as they came
	Header             http.Header // the client's; only those of answerHeaders count

	// Body is all of it. Where Ignored names members, Members are the others,
	// in order and with the white space around each, and Body does not count.
	Body    []byte
	Ignored []string // as configured, whether or not the body has them
	Members [][]byte

	// Provider, Speaks (its dialect), BaseURL, Model and Added are the first
	// target and what its configuration adds to every request.
	Provider, Speaks, BaseURL, Model string
	Added                            http.Header

	Project string
	// Upstream tells the credential that would go upstream from all others,
	// Client that which the client brought, if it brought one.
	Upstream, Client [sha256.Size]byte
}

// answerHeaders are the request headers that change what is answered, or whose
// account answers (the providers' API references, 2026-11).
var answerHeaders = []string{
	"Anthropic-Beta", "Anthropic-Version", "Chatgpt-Account-Id", "Openai-Beta", "Openai-Organization", "Openai-Project",
}

// Key names a question: only the same one has the same key.
type Key [sha256.Size]byte

// keyVersion begins what is hashed. Whoever changes what a key is made of
// changes it, so that no answer is found under another meaning.
const keyVersion = "llmgw cache 1"

// Key hashes the question. Every part goes in with its length before it, so
// that no two questions are the same bytes.
func (q *Question) Key() Key {
	w := keyWriter{sha256.New()}
	w.texts(keyVersion, q.Dialect, q.Operation, q.Named, q.Path, q.Query)
	for _, name := range answerHeaders {
		w.texts(q.Header[name]...)
	}
	w.texts(passedBy(q.Header)...)
	w.texts(q.Provider, q.Speaks, q.BaseURL, q.Model)
	w.header(q.Added)
	w.texts(q.Project)
	w.bytes(q.Upstream[:])
	w.bytes(q.Client[:])
	w.texts(q.Ignored...)
	if len(q.Ignored) == 0 {
		w.bytes(q.Body)
	} else {
		w.count(len(q.Members))
		for _, m := range q.Members {
			w.bytes(m)
		}
	}
	return Key(w.h.Sum(nil))
}

// passedBy are the Connection headers, which can keep another header from
// going upstream; what every client says there counts for nothing.
func passedBy(h http.Header) []string {
	return slices.DeleteFunc(slices.Clone(h["Connection"]), func(v string) bool {
		return strings.EqualFold(v, "keep-alive") || strings.EqualFold(v, "close")
	})
}

// keyWriter hashes parts that cannot run into each other.
type keyWriter struct{ h hash.Hash }

func (w keyWriter) count(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	w.h.Write(b[:])
}

func (w keyWriter) bytes(b []byte) {
	w.count(len(b))
	w.h.Write(b)
}

// texts hashes a list: how many there are, then each.
func (w keyWriter) texts(list ...string) {
	w.count(len(list))
	for _, s := range list {
		w.bytes([]byte(s))
	}
}

func (w keyWriter) header(h http.Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	w.texts(names...)
	for _, name := range names {
		w.texts(h[name]...)
	}
}
