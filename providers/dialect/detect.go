// Package dialect reads and writes the wire protocols: it tells from a path
// which one is spoken, finds the few facts the rest of the program needs in a
// body without decoding it, splices declared edits into it, meters an answer's
// bytes as they pass, and words llmgw's own errors.
//
// In the same dialect the bytes pass through as they came; nothing decodes and
// re-encodes them. Between dialects a body is read into package llm's neutral
// form and written from it: a dialect has one decoder and one encoder for each
// kind of message, a table of its members and one of what it does with those of
// others ([EncodeRequest], [Want.Reply]), and a reader of its answers in
// [NewMeter].
package dialect

import (
	"net/http"
	"net/url"
	"strings"

	"llmgw/providers/llm"
)

// Op is what a call asks a provider to do, within a dialect.
type Op string

// The operations. Only for the first five does a body have a shape that
// [Peek] and [Meter] know.
const (
	OpChat        Op = "chat"
	OpCompletions Op = "completions" // OpenAI's legacy text completions
	OpEmbeddings  Op = "embeddings"
	OpMessages    Op = "messages"
	OpCountTokens Op = "count_tokens" // answers with a count, which is not a charge
	OpModels      Op = "models"       // list of models or one of them
	OpOther       Op = "other"        // passed through unread
)

// Endpoint is what a request path asks for.
type Endpoint struct {
	Dialect  llm.Dialect // "" for /provider/<name>/…: the provider knows
	Op       Op
	Project  string // from /p/<project>/…, percent-decoded, "" if none
	Provider string // from /provider/<name>/…, percent-decoded, "" if none

	// Rest is the path below the API's version ("/chat/completions"), or all
	// that follows /provider/<name>, in the escaped form it came in.
	Rest string
}

// Detect tells what a request asks for by its method, its escaped path and,
// where dialects share a path, its headers. False means that the path belongs
// to no API.
func Detect(method, escapedPath string, h http.Header) (Endpoint, bool) {
	var ep Endpoint
	path, ok := escapedPath, true
	if rest, has := strings.CutPrefix(path, "/p/"); has {
		if ep.Project, path, ok = cutSegment(rest); !ok {
			return Endpoint{}, false
		}
	}
	if rest, has := strings.CutPrefix(path, "/provider/"); has {
		ep.Provider, ep.Rest, ok = cutSegment(rest)
		ep.Op = OpOther
		return ep, ok
	}
	if rest, has := cutVersion(path, "/v1beta", "/v1alpha"); has {
		ep.Dialect, ep.Op, ep.Rest = llm.Gemini, OpOther, rest
		return ep, true
	}
	rest, has := cutVersion(path, "/v1")
	if !has {
		return Endpoint{}, false
	}
	ep.Rest = rest
	ep.Dialect = dialectOf(method, rest, h)
	ep.Op = opOf(ep.Dialect, method, func(tail string) bool { return rest == tail }, rest)
	return ep, true
}

// cutSegment splits "name/rest" into the decoded name and "/rest".
func cutSegment(path string) (name, rest string, ok bool) {
	i := strings.IndexByte(path, '/')
	if i <= 0 || i == len(path)-1 {
		return "", "", false
	}
	name, err := url.PathUnescape(path[:i])
	return name, path[i:], err == nil
}

// cutVersion removes the API's version from the front of a path.
func cutVersion(path string, versions ...string) (rest string, ok bool) {
	for _, v := range versions {
		if rest, ok := strings.CutPrefix(path, v); ok && len(rest) > 1 && rest[0] == '/' {
			return rest, true
		}
	}
	return "", false
}

// dialectOf names the dialect of a path below /v1. The three companies share
// the version and /models; there the headers decide, as their SDKs send them.
func dialectOf(method, rest string, h http.Header) llm.Dialect {
	switch first, _, _ := strings.Cut(rest[1:], "/"); first {
	case "chat", "completions", "embeddings":
		return llm.OpenAIChat
	case "responses":
		return llm.OpenAIResponses
	case "messages":
		return llm.Anthropic
	case "models":
		// Google's JS SDK asks below /v1 too: POST /v1/models/M:generateContent.
		// A colon alone says nothing: llama3:8b, ft:gpt-4o:….
		if method == http.MethodPost && strings.Contains(rest, ":") || h.Get("x-goog-api-key") != "" {
			return llm.Gemini
		}
	}
	if h.Get("anthropic-version") != "" || h.Get("x-api-key") != "" {
		return llm.Anthropic
	}
	return llm.OpenAIChat
}

// OpFor tells what a call to a provider of dialect d asks for, when its path is
// not known to start at the API's version: the path's end decides.
func OpFor(d llm.Dialect, method, rest string) Op {
	return opOf(d, method, func(tail string) bool { return strings.HasSuffix(rest, tail) }, rest)
}

// opOf finds the operation whose path matches; a method that the operation
// does not have (listing stored completions is a GET) makes it another one.
func opOf(d llm.Dialect, method string, matches func(tail string) bool, rest string) Op {
	if method == http.MethodGet || method == http.MethodHead {
		if isModels(rest) && d != llm.Gemini {
			return OpModels
		}
		return OpOther
	}
	if method != http.MethodPost {
		return OpOther
	}
	switch {
	case d == llm.OpenAIChat && matches("/chat/completions"):
		return OpChat
	case d == llm.OpenAIChat && matches("/completions"):
		return OpCompletions
	case d == llm.OpenAIChat && matches("/embeddings"):
		return OpEmbeddings
	case d == llm.Anthropic && matches("/messages"):
		return OpMessages
	case d == llm.Anthropic && matches("/messages/count_tokens"):
		return OpCountTokens
	}
	return OpOther
}

// isModels tells whether a path is the list of models or one model. A model's
// name may hold slashes.
func isModels(rest string) bool {
	return strings.HasSuffix(rest, "/models") ||
		strings.HasPrefix(rest, "/models/") || strings.HasPrefix(rest, "/v1/models/")
}
