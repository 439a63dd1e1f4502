package providers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxText bounds the provider's words in a record.
const maxText = 500

// upstreamError is an error as providers word it: a code, a kind (type or
// status) and a message, wherever they stand in the body.
type upstreamError struct {
	code string // lower case
	kind string // lower case
	text string // cleaned for people
	low  string // every word of it, lower case, to search in

	retryDelay string // Google's RetryInfo
}

// wireError is the members of the error objects of all dialects. Their types
// differ between providers, so each is read by itself.
type wireError struct {
	Error   json.RawMessage `json:"error"`
	Message json.RawMessage `json:"message"`
	Msg     json.RawMessage `json:"msg"`
	Detail  json.RawMessage `json:"detail"`
	Code    json.RawMessage `json:"code"`
	Type    json.RawMessage `json:"type"`
	Status  json.RawMessage `json:"status"`
	Details []struct {
		Reason     string `json:"reason"`
		RetryDelay string `json:"retryDelay"`
	} `json:"details"`
	InnerError struct {
		Code string `json:"code"`
	} `json:"innererror"`
}

// readError finds the error in a refusal's body: {"error":{…}} (OpenAI,
// Anthropic, Gemini), {"error":"…"} (Ollama), the members at the top (Mistral,
// Cohere, Bedrock), {"detail":…} (FastAPI), any of these in an array (Gemini),
// or plain text and HTML.
func readError(h http.Header, body []byte) *upstreamError {
	e := new(upstreamError)
	if kind, _, _ := strings.Cut(h.Get("X-Amzn-Errortype"), ":"); kind != "" {
		e.kind = strings.ToLower(kind)
	}
	raw := bytes.TrimSpace(body)
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
			raw = list[0]
		}
	}
	if !e.readObject(raw, 0) || e.text == "" {
		e.text = wordsOf(body)
	}
	e.low = strings.ToLower(e.text + " " + e.low)
	return e
}

// readObject takes the members of one object, then of the error object in it;
// the inner one's win.
func (e *upstreamError) readObject(raw []byte, depth int) bool {
	var w wireError
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &w) != nil {
		return false
	}
	for _, m := range []json.RawMessage{w.Detail, w.Msg, w.Message} {
		if s := plain(m); s != "" {
			e.text = clean(s)
			e.low += " " + s // a long message may say what matters behind what is shown
		}
	}
	for _, m := range []json.RawMessage{w.Type, w.Status} {
		e.set(&e.kind, plain(m))
	}
	e.set(&e.code, plain(w.Code))
	for _, d := range w.Details {
		e.low += " " + d.Reason
		e.retryDelay += d.RetryDelay
	}
	e.low += " " + w.InnerError.Code
	if len(w.Error) > 0 && w.Error[0] == '{' && depth == 0 {
		e.readObject(w.Error, depth+1)
	} else if s := plain(w.Error); s != "" && e.text == "" {
		e.text = clean(s)
	}
	return true
}

// set keeps a code or kind and makes it findable as a word. A type that says
// only "error" says nothing.
func (e *upstreamError) set(field *string, value string) {
	if value = strings.ToLower(value); value != "" && value != "error" {
		*field = value
		e.low += " " + value
	}
}

// plain returns a JSON string's text, another value as it is written, and ""
// for null.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// regains is where Anthropic says until when a usage limit holds: "You will
// regain access on 2025-12-01 at 00:00 UTC."
var regains = regexp.MustCompile(`regain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) utc`)

// retryIn is where OpenAI, Groq and Azure repeat in words when to come back:
// "Please try again in 5.289s", "in 1m30s", "Please retry after 22 seconds".
var retryIn = regexp.MustCompile(`(?:try again in|retry after|retry in) ([0-9][0-9.hms]*[hms]|[0-9.]+ seconds?)`)

// wait is how long the error's body asks to wait, for the answers whose headers
// don't say.
func (e *upstreamError) wait(now time.Time) (time.Duration, bool) {
	if d, err := time.ParseDuration(e.retryDelay); err == nil && d >= 0 {
		return d, true
	}
	if m := regains.FindStringSubmatch(e.low); m != nil {
		if at, err := time.Parse("2006-01-02 15:04", m[1]+" "+m[2]); err == nil {
			return until(at, now), true
		}
	}
	if m := retryIn.FindStringSubmatch(e.low); m != nil {
		seconds, _, spelt := strings.Cut(m[1], " ")
		if spelt {
			seconds += "s"
		}
		if d, err := time.ParseDuration(seconds); err == nil {
			return d, true
		}
	}
	return 0, false
}

func isHTML(h http.Header, body []byte) bool {
	if strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "text/html") {
		return true
	}
	start := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 64)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

// tags are what a web page has besides words.
var tags = regexp.MustCompile(`(?is)<(script|style)\b.*?</(script|style)>|<[^>]*>`)

// writeVisible writes a word with `\x1b`, `\u202e` and `\xff` for what is not to
// be seen, or moves what is. Joiners pass: scripts and emoji need them.
func writeVisible(b *strings.Builder, word string) {
	for i, r := range word {
		_, size := utf8.DecodeRuneInString(word[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < ' ', r == 0x7f:
			fmt.Fprintf(b, `\x%02x`, word[i])
		case r != '\u200c' && r != '\u200d' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
}

// wordsOf returns what a body that is no known error says.
func wordsOf(body []byte) string {
	body = body[:min(len(body), 16<<10)]
	if isHTML(nil, body) {
		body = tags.ReplaceAll(body, []byte(" "))
	}
	return clean(string(body))
}

// clean makes outside text one line of at most maxText bytes, in which control
// and direction characters, and bytes that are no UTF-8, can be seen.
func clean(s string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(s) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		writeVisible(&b, word)
	}
	s = b.String()
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
