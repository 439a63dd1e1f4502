package dialect

import (
	"math/bits"
	"strconv"
	"unicode/utf8"

	"llmgw/providers/llm"
)

// jsonOut writes JSON text by appending. Commas follow from what was written
// last. A name of "" writes an element of a list, or the whole text.
type jsonOut struct{ out []byte }

// item begins an item: the comma before it and its name.
func (w *jsonOut) item(name string) {
	w.comma()
	if name != "" {
		w.out = append(appendQuoted(w.out, name), ':')
	}
}

func (w *jsonOut) comma() {
	if n := len(w.out); n > 0 {
		switch w.out[n-1] {
		case '{', '[', ':', '\n', ' ': // ' ' is behind "data:"
		default:
			w.out = append(w.out, ',')
		}
	}
}

// open begins an object or a list.
func (w *jsonOut) open(name string, bracket byte) {
	w.item(name)
	w.out = append(w.out, bracket)
}

// close ends what was opened with that bracket.
func (w *jsonOut) close(bracket byte) { w.out = append(w.out, bracket+2) }

func (w *jsonOut) text(name, s string) {
	w.item(name)
	w.out = appendQuoted(w.out, s)
}

// word writes a string that needs no escapes.
func (w *jsonOut) word(name, s string) {
	w.item(name)
	w.out = append(append(append(w.out, '"'), s...), '"')
}

func (w *jsonOut) number(name string, n int64) {
	w.item(name)
	w.out = strconv.AppendInt(w.out, n, 10)
}

// texts writes a list of strings.
func (w *jsonOut) texts(name string, all []string) {
	w.open(name, '[')
	for _, s := range all {
		w.text("", s)
	}
	w.close('[')
}

// raw writes JSON text as it is.
func (w *jsonOut) raw(name string, value []byte) {
	w.item(name)
	w.out = append(w.out, value...)
}

// quoted writes text as a JSON string.
func (w *jsonOut) quoted(name string, text []byte) {
	w.item(name)
	w.out = appendQuoted(w.out, text)
}

// maybeText, maybeRaw, maybeCount and maybeBool write what is there.
func (w *jsonOut) maybeText(name string, s *string) {
	if s != nil {
		w.text(name, *s)
	}
}

func (w *jsonOut) maybeRaw(name string, value llm.Raw) {
	if value != nil {
		w.raw(name, value)
	}
}

func (w *jsonOut) maybeCount(name string, c llm.Count) {
	if c.Known {
		w.number(name, c.N)
	}
}

func (w *jsonOut) maybeBool(name string, b *bool) {
	if b != nil {
		w.item(name)
		w.out = strconv.AppendBool(w.out, *b)
	}
}

// extra writes the extra members that stand in the object in.
func (w *jsonOut) extra(in string, extra []llm.Extra) {
	for i := range extra {
		if extra[i].In == in {
			w.comma()
			w.out = append(appendQuoted(w.out, extra[i].Name), ':')
			w.out = append(w.out, extra[i].Value...)
		}
	}
}

// appendQuoted appends text as a JSON string.
func appendQuoted[T ~string | ~[]byte](out []byte, text T) []byte {
	return append(appendEscaped(append(out, '"'), text), '"')
}

// appendEscaped appends text as it stands within a JSON string, with as few
// escapes as JSON needs. Invalid UTF-8 becomes U+FFFD, as encoding/json has it.
func appendEscaped[T ~string | ~[]byte](out []byte, text T) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i := skipPlain(text, 0); i < len(text); i = skipPlain(text, i) {
		c := text[i]
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = decodeRune(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		out = append(out, text[from:i]...)
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\t':
			out = append(out, '\\', 't')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, "\ufffd"...)
		}
		i += size
		from = i
	}
	return append(out, text[from:]...)
}

// skipPlain returns the index of the first byte at or after i that is not an
// ASCII character which stands for itself in a JSON string. Like [skipString]
// it looks at eight bytes at a time.
func skipPlain[T ~string | ~[]byte](text T, i int) int {
	const highs = 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		eight := text[i : i+8]
		w := uint64(eight[0]) | uint64(eight[1])<<8 | uint64(eight[2])<<16 | uint64(eight[3])<<24 |
			uint64(eight[4])<<32 | uint64(eight[5])<<40 | uint64(eight[6])<<48 | uint64(eight[7])<<56
		if special := specialBytes(w) | w&highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// decodeRune is utf8.DecodeRune for both kinds of text.
func decodeRune[T ~string | ~[]byte](text T) (rune, int) {
	return utf8.DecodeRuneInString(string(text[:min(len(text), utf8.UTFMax)]))
}
