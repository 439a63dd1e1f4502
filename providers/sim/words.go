package sim

import (
	"encoding/base64"
	"hash/fnv"
	"strings"
)

// rng is splitmix64: a few instructions, any seed is good, and the numbers
// never change between Go versions.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0,n).
func (r *rng) below(n int) int { return int(r.next() % uint64(n)) }

// mix folds b into a.
func mix(a, b uint64) uint64 {
	r := rng(a ^ b*0x9e3779b97f4a7c15)
	return r.next()
}

// hashOf hashes texts so that moving a byte from one to the next shows.
func hashOf(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0xff}) // no UTF-8 text holds this byte
	}
	return h.Sum64()
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// token returns n letters and digits, as in the providers' ids.
func (r *rng) token(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.below(len(alphabet))]
	}
	return string(b)
}

// signature returns what an opaque signature looks like.
func (r *rng) signature() string {
	b := make([]byte, 96)
	for i := range b {
		b[i] = byte(r.next())
	}
	return base64.StdEncoding.EncodeToString(b)
}

var plainWords = []string{
	"amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbour", "island", "juniper",
	"kelp", "lantern", "meadow", "north", "orchard", "pebble", "quartz", "river", "slate", "tide",
	"under", "valley", "willow", "yonder", "zephyr", "and", "the", "of", "over", "with",
}

// wideWords hold characters of two, three and four bytes, joined emoji and
// combining marks, so that a cut, a split or a wrong charset shows.
var wideWords = []string{
	"café", "naïve", "smörgås", "Ångström", "漢字", "日本語", "한글", "Ελλάδα", "привет", "🙂", "👩‍🔬", "🇧🇷", "𝒜", "e\u0301t\u0301e\u0301", "“quoted”", "back\\slash",
}

// words returns n pieces of text, as a model's tokens would come: all but the
// first begin with a space, and every third is multi-byte.
func (r *rng) words(n int) []string {
	out := make([]string, n)
	for i := range out {
		list := plainWords
		if i%3 == 1 {
			list = wideWords
		}
		out[i] = list[r.below(len(list))]
		if i > 0 {
			out[i] = " " + out[i]
		}
	}
	return out
}

// pieces cuts a given text the way words come: before each space.
func pieces(text string) []string {
	var out []string
	for text != "" {
		end := strings.IndexByte(text[1:], ' ') + 1
		if end == 0 {
			end = len(text)
		}
		out = append(out, text[:end])
		text = text[end:]
	}
	return out
}

// chop cuts text into pieces of about n bytes, never inside a character.
func chop(text string, n int) []string {
	var out []string
	start := 0
	for i := range text {
		if i-start >= n {
			out = append(out, text[start:i])
			start = i
		}
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}
