package store

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes outside text (models, errors, bodies, headers) safe to print on a
// terminal: control characters, escape sequences, bidirectional controls and
// other invisible format characters appear as `\n`, `\x1b` or `\u202e`, bytes
// that are no UTF-8 as `\xff`. Everything else passes unchanged, and so does
// text that was cleaned before.
func Clean(s string) string {
	first := strings.IndexFunc(s, unsafeRune)
	if first < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:first])
	for rest := s[first:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		writeVisible(&b, r, rest[:size])
		rest = rest[size:]
	}
	return b.String()
}

func writeVisible(b *strings.Builder, r rune, raw string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case r == utf8.RuneError || !unsafeRune(r):
		b.WriteString(raw)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < utf8.RuneSelf:
		fmt.Fprintf(b, `\x%02x`, r)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

// unsafeRune also catches the replacement character, since that is how a range
// over a string shows broken bytes; a genuine one passes in writeVisible. The
// joiners are spared: Persian, Indic scripts and emoji need them, and they
// neither move the cursor nor reorder text.
func unsafeRune(r rune) bool {
	const zeroWidthNonJoiner, zeroWidthJoiner = '\u200c', '\u200d'
	switch r {
	case zeroWidthNonJoiner, zeroWidthJoiner:
		return false
	case utf8.RuneError:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
