package dialect

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// halves mends characters that a provider cut in two: JSON writes those beyond
// the first 65,536 as two escapes (RFC 8259 section 7), and one that ends a
// delta's text, or begins the next one's, is no character for a decoder. The
// first half waits for the text that goes on where it stood.
type halves struct{ waiting map[string]string }

// escapeLen is the length of \uXXXX.
const escapeLen = 6

// mend returns the data of an event, which is a JSON object, with the halves
// that waited and without those that must wait. Nearly always that is the data
// itself.
func (h *halves) mend(data []byte) []byte {
	if h.waiting == nil && !bytes.Contains(data, []byte(`\ud`)) && !bytes.Contains(data, []byte(`\uD`)) {
		return data
	}
	var edits []Edit
	h.visit(objectIn(data), "", &edits)
	if edits == nil {
		return data
	}
	return Splice(data, edits...)
}

// visit goes through an object's texts; path says where it stands: names, and
// the indexes by which providers number things.
func (h *halves) visit(o walk, path string, edits *[]Edit) {
	path += indexOf(o)
	for o.next() {
		h.value(&o, path+"."+string(o.name()), edits)
	}
}

// indexOf is the member "index" of the object that o is about to walk.
func indexOf(o walk) string {
	ahead := scan{b: o.b, at: o.at}
	for m := ahead.members(o.depth); m.next(); {
		if string(m.name()) == "index" {
			return "[" + string(m.val()) + "]"
		}
	}
	return ""
}

func (h *halves) value(w *walk, path string, edits *[]Edit) {
	switch {
	case w.starts('"'):
		literal := w.val()
		h.text(Span{w.item, w.item + len(literal)}, literal, path, edits)
	case w.starts('{'):
		h.visit(w.object(), path, edits)
	case w.starts('['):
		for e := w.array(); e.next(); {
			place := path
			if !e.starts('{') || indexOf(e.object()) == "" {
				place += "#" + strconv.Itoa(e.n)
			}
			h.value(&e, place, edits)
		}
	}
}

// text gives a text the half that waited for it, and keeps the one that it ends
// with. A half that waits in vain is put back: it was none.
func (h *halves) text(at Span, literal []byte, path string, edits *[]Edit) {
	if first := h.waiting[path]; first != "" && len(literal) > len(`""`) {
		delete(h.waiting, path)
		*edits = append(*edits, Edit{Span: Span{at.Start + 1, at.Start + 1}, New: []byte(first)})
	}
	if first := endsInHalf(literal); first != "" {
		if h.waiting == nil {
			h.waiting = make(map[string]string)
		}
		h.waiting[path] = first
		*edits = append(*edits, Edit{Span: Span{at.End - 1 - escapeLen, at.End - 1}})
	}
}

// endsInHalf is the escape of the first half of a pair that a string literal
// ends with.
func endsInHalf(literal []byte) string {
	from := len(literal) - 1 - escapeLen
	if from < 1 || literal[from] != '\\' || literal[from+1] != 'u' {
		return ""
	}
	backslashes := 0
	for literal[from-1-backslashes] == '\\' {
		backslashes++
	}
	first := literal[from : from+escapeLen]
	if r := hexRune(first[2:]); backslashes%2 == 1 || r < 0xd800 || r > 0xdbff {
		return ""
	}
	return string(first)
}

// hasHalf tells whether a JSON text has an escape that is half of a character
// and stands alone. No text can hold it: what reads it makes U+FFFD of it, and
// Anthropic refuses it ("no low surrogate in string").
func hasHalf(body []byte) bool {
	for from := 0; ; {
		at := bytes.Index(body[from:], []byte(`\u`))
		if at < 0 {
			return false
		}
		at += from
		from = at + len(`\u`)
		backslashes := 0
		for at-1-backslashes >= 0 && body[at-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 1 || len(body) < at+escapeLen {
			continue
		}
		from = at + escapeLen
		switch r, n := unescape(body[at:]); {
		case r == utf8.RuneError && string(bytes.ToLower(body[at:from])) != `\ufffd`:
			return true
		default:
			from = at + n
		}
	}
}
