package providers

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// minSecret is the length from which a secret is looked for as such. Shorter
// ones (the "x" and "ollama" that local servers are given) are no secrets, and
// replacing them would make a record unreadable.
const minSecret = 8

// Redactor replaces credentials in what is written down: every configured
// secret wherever it stands, and whatever has the format of a known credential.
// It is safe for concurrent use.
type Redactor struct {
	known    []pattern
	shifts   shiftTable
	shortest int // length of the shortest pattern, 0 without any
}

// pattern is a secret as it may stand in bytes.
type pattern struct {
	text string
	id   string // what it is replaced by
}

// NewRedactor returns a Redactor that knows the keys and secret headers of the
// providers and any other secrets of the configuration.
func NewRedactor(all []*Provider, others ...string) *Redactor {
	r := new(Redactor)
	for _, p := range all {
		for _, k := range p.Keys {
			r.known = append(r.known, spellings(k.secret)...)
		}
		for name, values := range p.Headers {
			if !isSecretHeader(name) {
				continue
			}
			for _, v := range values {
				r.known = append(r.known, spellings(headerSecret(v))...)
			}
		}
	}
	for _, s := range others {
		r.known = append(r.known, spellings(s)...)
	}
	if len(r.known) > 0 {
		r.shortest = len(slices.MinFunc(r.known, func(a, b pattern) int { return len(a.text) - len(b.text) }).text)
		r.shifts.build(r.known, r.shortest)
	}
	return r
}

// isSecretHeader tells a header that authenticates from one like X-Title, whose
// value may well stand in a prompt.
func isSecretHeader(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"auth", "key", "token", "secret", "cookie", "password", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// headerSecret is the secret part of a header's value: what follows the scheme,
// if there is one.
func headerSecret(v string) string {
	if _, secret, ok := strings.Cut(v, " "); ok {
		return secret
	}
	return v
}

// spellings returns the forms a secret takes in JSON strings and URLs.
func spellings(secret string) []pattern {
	if len(secret) < minSecret {
		return nil
	}
	id := secretID(secret)
	all := []pattern{{secret, id}}
	if quoted, err := json.Marshal(secret); err == nil {
		all = append(all, pattern{string(quoted[1 : len(quoted)-1]), id})
	}
	all = append(all, pattern{url.QueryEscape(secret), id})
	slices.SortFunc(all, func(a, b pattern) int { return strings.Compare(a.text, b.text) })
	return slices.CompactFunc(all, func(a, b pattern) bool { return a.text == b.text })
}

// Redact returns b with every credential replaced by its id, and how many were:
// the configured ones, the presented ones, and known formats. Without any it
// returns b itself and allocates nothing. JSON stays JSON; where cutting out a
// secret would break it (a key made of digits, standing as a number), the whole
// body is replaced.
func (r *Redactor) Redact(b []byte, presented ...Credential) ([]byte, int) {
	var hits []hit
	hits = r.findKnown(hits, b)
	for i := range presented {
		hits = findPresented(hits, b, presented[i].secret)
		hits = findPresented(hits, b, presented[i].Gateway)
	}
	hits = findFormats(hits, b)
	hits = findPEM(hits, b)
	if len(hits) == 0 {
		return b, 0
	}
	hits = merge(hits)
	out := cutOut(b, hits)
	if json.Valid(b) && !json.Valid(out) {
		out = []byte(`"` + hits[0].id + `"`)
	}
	return out, len(hits)
}

// hit is where a credential stands.
type hit struct {
	start, end int
	id         string
}

// merge sorts hits and joins those that overlap, so that no part of either is
// left.
func merge(hits []hit) []hit {
	slices.SortFunc(hits, func(a, b hit) int { return a.start - b.start })
	joined := hits[:1]
	for _, h := range hits[1:] {
		last := &joined[len(joined)-1]
		if h.start < last.end {
			last.end = max(last.end, h.end)
			continue
		}
		joined = append(joined, h)
	}
	return joined
}

func cutOut(b []byte, hits []hit) []byte {
	out := make([]byte, 0, len(b)+len(hits)*len("k_00000000"))
	at := 0
	for _, h := range hits {
		out = append(out, b[at:h.start]...)
		out = append(out, h.id...)
		at = h.end
	}
	return append(out, b[at:]...)
}

// findPresented looks for a call's own credential. A plain search costs less
// than building a table for each call.
func findPresented(hits []hit, b []byte, secret string) []hit {
	if len(secret) < minSecret {
		return hits
	}
	if isPlain(secret) { // nearly always: then it has one spelling
		return findAll(hits, b, secret, secret)
	}
	for _, p := range spellings(secret) {
		hits = findAll(hits, b, p.text, secret)
	}
	return hits
}

// findAll looks for one text, by the part of it that begins with a character
// that is rare in prose and base64 alike: bytes.Index goes from one occurrence
// of the first byte to the next. The part is a copy on the stack, so that nothing
// is allocated for the calls that hold no secret.
func findAll(hits []hit, b []byte, text, secret string) []hit {
	skip := max(strings.IndexAny(text[:len(text)-minSecret+1], "-_0123456789"), 0)
	var buf [32]byte
	part := buf[:copy(buf[:], text[skip:])]
	for at := skip; at < len(b); at++ {
		i := bytes.Index(b[at:], part)
		if i < 0 {
			return hits
		}
		at += i
		start := at - skip
		if end := start + len(text); end <= len(b) && string(b[start:end]) == text {
			hits = append(hits, hit{start, end, secretID(secret)})
		}
	}
	return hits
}

// isPlain tells whether neither JSON nor a URL spells the secret differently.
func isPlain(secret string) bool {
	for i := range len(secret) {
		if c := secret[i]; !isRun[c] && c != '.' {
			return false
		}
	}
	return true
}

// shiftTable tells, for two bytes, how far a search may move on: Wu and
// Manber's table ("A fast algorithm for multi-pattern searching", 1994), which
// makes the cost of a search nearly independent of the number of patterns.
type shiftTable [4096]uint8

func (t *shiftTable) build(all []pattern, shortest int) {
	furthest := min(shortest-1, 255)
	for i := range t {
		t[i] = uint8(furthest)
	}
	for _, p := range all {
		for i := shortest - furthest; i < shortest; i++ {
			at := pair(p.text[i-1], p.text[i])
			t[at] = min(t[at], uint8(shortest-1-i))
		}
	}
}

func pair(a, b byte) int { return (int(a)<<4 ^ int(b)) & 4095 }

// findKnown looks for the configured secrets. Searching goes on one byte after
// each hit, so that overlapping ones are all found.
func (r *Redactor) findKnown(hits []hit, b []byte) []hit {
	if r.shortest == 0 {
		return hits
	}
	for i := r.shortest - 1; i < len(b); {
		if skip := r.shifts[pair(b[i-1], b[i])]; skip > 0 {
			i += int(skip)
			continue
		}
		start := i - r.shortest + 1
		for _, p := range r.known {
			if bytes.HasPrefix(b[start:], []byte(p.text)) {
				hits = append(hits, hit{start, start + len(p.text), p.id})
			}
		}
		i++
	}
	return hits
}
