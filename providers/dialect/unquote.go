package dialect

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote decodes a string literal that was checked before. Invalid UTF-8 and
// halves of surrogate pairs become U+FFFD, as encoding/json has it.
func unquote(literal []byte) string {
	text := literal[1 : len(literal)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return plainText(text)
	}
	var s strings.Builder
	s.Grow(len(text))
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			s.Write(text)
			return validText(s.String())
		}
		s.Write(text[:i])
		r, n := unescape(text[i:])
		if r < utf8.RuneSelf {
			s.WriteByte(byte(r))
		} else {
			s.WriteRune(r)
		}
		text = text[i+n:]
	}
}

// plainText is text without escapes. The words that every message has take no
// room of their own.
func plainText(text []byte) string {
	switch string(text) {
	case "text":
		return "text"
	case "tool_use":
		return "tool_use"
	case "tool_result":
		return "tool_result"
	case "thinking":
		return "thinking"
	case "function":
		return "function"
	case "user":
		return "user"
	case "assistant":
		return "assistant"
	case "tool":
		return "tool"
	}
	return validText(string(text))
}

// validText is the text with U+FFFD for every byte that is not UTF-8.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// unescape decodes the escape that text begins with, and returns its length.
func unescape(text []byte) (r rune, n int) {
	switch c := text[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default: // a quote, a slash
		return rune(c), 2
	}
	r = hexRune(text[2:6])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
		if pair := utf16.DecodeRune(r, hexRune(text[8:12])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hexRune reads the digits of \uXXXX.
func hexRune(hex []byte) rune {
	r := rune(0)
	for _, c := range hex {
		if c-'0' <= 9 {
			c -= '0'
		} else {
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
