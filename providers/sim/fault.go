package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a way to misbehave: one of the names below, or a status from "300"
// to "599" answered with the provider's own body for it (502 is HTML; 304, which
// has none, is not a kind).
type Kind string

// The kinds; Kinds says in words what each does and which options it takes.
const (
	HangBeforeHeaders  Kind = "hang-before-headers"
	HangAfterHeaders   Kind = "hang-after-headers"
	HangMidStream      Kind = "hang-mid-stream"
	PingOnly           Kind = "ping-only"
	Slow               Kind = "slow"
	SlowFirstByte      Kind = "slow-first-byte"
	ResetBeforeHeaders Kind = "reset-before-headers"
	CloseBeforeHeaders Kind = "close-before-headers"
	ResetMidStream     Kind = "reset-mid-stream"
	FinMidStream       Kind = "fin-mid-stream"
	EOFMidStream       Kind = "eof-mid-stream"
	KeepaliveClose     Kind = "keepalive-close"
	EarlyAnswer        Kind = "early-answer"
	ErrorFirst         Kind = "error-first"
	ErrorAfterStart    Kind = "error-after-start"
	ErrorMidStream     Kind = "error-mid-stream"
	FinishError        Kind = "finish-error"
	OKErrorBody        Kind = "200-error-body"
	OKEmpty            Kind = "200-empty"
	OKHTML             Kind = "200-html"
	MalformedJSON      Kind = "malformed-json"
	TruncatedJSON      Kind = "truncated-json"
	MalformedChunk     Kind = "malformed-chunk"
	NoDone             Kind = "no-done"
	NoFinish           Kind = "no-finish"
	NoUsage            Kind = "no-usage"
	NullUsage          Kind = "null-usage"
	ZeroUsage          Kind = "zero-usage"
	CumulativeUsage    Kind = "cumulative-usage"
	FinishUsage        Kind = "finish-usage"
	ServedModel        Kind = "served-model"
	EmptyAnswer        Kind = "empty-answer"
	Refusal            Kind = "refusal"
	ContentFilter      Kind = "content-filter"
	ToolsInterleaved   Kind = "tools-interleaved"
	ToolsNoIndex       Kind = "tools-no-index"
	RejectField        Kind = "reject-field"
	Gzip               Kind = "gzip"
	OneByte            Kind = "one-byte"
	OneWrite           Kind = "one-write"
	UTF8Split          Kind = "utf8-split"
	LongLine           Kind = "long-line"
	CRLF               Kind = "crlf"
	CR                 Kind = "cr"
	NoSpace            Kind = "no-space"
	Multiline          Kind = "multiline"
	Comments           Kind = "comments"
	BOM                Kind = "bom"
	NoFinalNewline     Kind = "no-final-newline"
	AfterDone          Kind = "after-done"
)

// Fault is one order to misbehave; the zero value is a healthy answer. Options
// that a kind does not take are ignored when set here and refused by
// [ParseFault].
type Fault struct {
	Kind       Kind
	After      int           // after=: content events sent first (pings for ping-only); exact here, ParseFault fills in a default
	Wait       time.Duration // ms=: how long a hang lasts before the answer goes on (0: until the client leaves or Release), or the pause of a slow answer (0: the kind's own)
	RetryAfter time.Duration // retry-after=: what the answer tells
	RetryAs    RetryForm     // how it tells it
	Reset      time.Duration // reset=: the rate-limit headers say "nothing left, until then", on good answers too
	Grow       bool          // grow=1: RetryAfter doubles each time this very fault is given
	Code       string        // code=: the error's code or type; the field of reject-field; the status of early-answer
	Model      string        // model=: the model that served-model reports
	Size       int           // size=: bytes of a long line
}

// RetryForm is how a provider says when to come back.
type RetryForm string

// The forms. The zero value is whole seconds.
const (
	RetrySeconds RetryForm = ""
	RetryMillis  RetryForm = "ms"   // retry-after-ms, as OpenAI and Azure send it
	RetryDate    RetryForm = "date" // Retry-After with an HTTP date
)

// KindInfo describes a kind for help texts.
type KindInfo struct {
	Kind    Kind
	Options []string // names ParseFault takes, besides retry-after*, reset and grow
	Does    string
}

// Kinds lists every kind in a fixed order. The first stands for all statuses.
func Kinds() []KindInfo { return slices.Clone(kinds) }

var kinds = []KindInfo{
	{"300…599", []string{"code"}, "the provider's own error; code= picks insufficient_quota, context_length_exceeded, content_policy, credit_balance, usage_limit, model_not_found, invalid_api_key, …"},
	{HangBeforeHeaders, []string{"ms"}, "silence, then the answer after ms="},
	{HangAfterHeaders, []string{"ms"}, "headers, silence, then the answer after ms="},
	{HangMidStream, []string{"after", "ms"}, "silence after some content, then the rest after ms="},
	{PingOnly, []string{"after", "ms"}, "pings every ms= (1000) instead of content; after=N of them the answer, 0: for ever"},
	{Slow, []string{"ms"}, "ms= (100) before every event, or before every eighth of a body"},
	{SlowFirstByte, []string{"ms"}, "ms= (1000) before the headers"},
	{ResetBeforeHeaders, nil, "TCP reset instead of an answer"},
	{CloseBeforeHeaders, nil, "connection closed instead of an answer"},
	{ResetMidStream, []string{"after"}, "TCP reset after some content"},
	{FinMidStream, []string{"after"}, "connection closed after some content, the HTTP body unfinished"},
	{EOFMidStream, []string{"after"}, "HTTP body ends cleanly after some content, without the dialect's end"},
	{KeepaliveClose, []string{"ms"}, "whole answer, then the kept-alive connection is closed unannounced after ms= (0)"},
	{EarlyAnswer, []string{"code"}, "answers with status code= (200) before the body is read"},
	{ErrorFirst, []string{"code"}, "200, then an error event and nothing else"},
	{ErrorAfterStart, []string{"code"}, "role delta or message_start, then an error event"},
	{ErrorMidStream, []string{"after", "code"}, "an error event after some content; not streamed: an answer with an error member"},
	{FinishError, nil, "all content, then finish_reason error (Anthropic: an error event)"},
	{OKErrorBody, []string{"code"}, "200 with an error object as its JSON body"},
	{OKEmpty, nil, "200 and no body"},
	{OKHTML, nil, "200 with an HTML page"},
	{MalformedJSON, nil, "every JSON document lacks its end"},
	{TruncatedJSON, []string{"after"}, "HTTP body ends cleanly in the middle of a JSON document"},
	{MalformedChunk, []string{"after"}, "one extra event of broken JSON, the stream goes on"},
	{NoDone, nil, "no [DONE], no message_stop"},
	{NoFinish, nil, "no finish_reason, no message_delta"},
	{NoUsage, nil, "no usage member anywhere"},
	{NullUsage, nil, "usage is null"},
	{ZeroUsage, nil, "usage is all zeros"},
	{CumulativeUsage, nil, "every content event carries the usage so far"},
	{FinishUsage, nil, "usage stands in the chunk with finish_reason, asked for or not (OpenAI)"},
	{ServedModel, []string{"model"}, "the answer names another model"},
	{EmptyAnswer, nil, "a finished answer without content"},
	{Refusal, nil, "the model refuses: message.refusal, stop_reason refusal"},
	{ContentFilter, []string{"after"}, "finish_reason content_filter after some content (Anthropic: refusal)"},
	{ToolsInterleaved, nil, "arguments of parallel tool calls alternate (OpenAI)"},
	{ToolsNoIndex, nil, "tool-call deltas without index (OpenAI)"},
	{RejectField, []string{"code"}, "400 when the body has the top-level member code=, else healthy"},
	{Gzip, nil, "Content-Encoding gzip whatever was asked, flushed at every event"},
	{OneByte, nil, "a write and flush for every byte"},
	{OneWrite, nil, "everything in one write"},
	{UTF8Split, nil, "writes end inside multi-byte characters"},
	{LongLine, []string{"size"}, "one text of size= (10485760) bytes in one line"},
	{CRLF, nil, "SSE lines end with CRLF"},
	{CR, nil, "SSE lines end with CR"},
	{NoSpace, nil, "data:x without a space"},
	{Multiline, nil, "every event's data over two lines"},
	{Comments, nil, "comments, id: and retry: lines between events"},
	{BOM, nil, "the stream begins with a byte order mark"},
	{NoFinalNewline, nil, "the last event lacks its blank line"},
	{AfterDone, nil, "a comment and an event after the dialect's end"},
}

const (
	defaultAfter    = 3
	defaultLongLine = 10 << 20
)

// aliases are other names ParseFault understands; String prints what they
// stand for.
var aliases = map[string]Fault{
	"":               {},
	"ok":             {},
	"rate-limited":   {Kind: "429"},
	"quota":          {Kind: "429", Code: "insufficient_quota"},
	"overloaded":     {Kind: "529"},
	"context-length": {Kind: "400", Code: "context_length_exceeded"},
	"content-policy": {Kind: "400", Code: "content_policy"},
	"redirect":       {Kind: "302"},
}

// BadFault is why a fault could not be read.
type BadFault struct {
	Text   string // the whole fault as given
	Reason string
}

func (e *BadFault) Error() string { return fmt.Sprintf("fault %q: %s", e.Text, e.Reason) }

// Hint names where the kinds are listed.
func (e *BadFault) Hint() string {
	return "write KIND[:option=value,…], for example 429:retry-after=2 or reset-mid-stream:after=3"
}

// ParseFault reads "429:retry-after=2", "reset-mid-stream:after=3", "ok". An
// option that has no effect on the kind is an error. The error is a
// *[BadFault].
func ParseFault(s string) (Fault, error) {
	name, options, _ := strings.Cut(strings.TrimSpace(s), ":")
	f, info, err := namedFault(name)
	if err != nil {
		return Fault{}, &BadFault{s, err.Error()}
	}
	for o := range strings.SplitSeq(options, ",") {
		if o = strings.TrimSpace(o); o == "" {
			continue
		}
		if err := f.set(o, info.Options); err != nil {
			return Fault{}, &BadFault{s, err.Error()}
		}
	}
	return f, nil
}

// namedFault returns the kind's fault with its defaults.
func namedFault(name string) (Fault, KindInfo, error) {
	if f, ok := aliases[name]; ok {
		info := kinds[0]
		if f.Kind == "" {
			info = KindInfo{}
		}
		return f, info, nil
	}
	if isStatus(name) {
		return Fault{Kind: Kind(name)}, kinds[0], nil
	}
	i := slices.IndexFunc(kinds, func(k KindInfo) bool { return string(k.Kind) == name })
	if i < 1 {
		return Fault{}, KindInfo{}, fmt.Errorf("unknown kind %q", name)
	}
	return Fault{Kind: kinds[i].Kind, After: kinds[i].after(), Size: kinds[i].size()}, kinds[i], nil
}

func (k KindInfo) after() int {
	if k.Kind == PingOnly || !slices.Contains(k.Options, "after") {
		return 0
	}
	return defaultAfter
}

func (k KindInfo) size() int {
	if !slices.Contains(k.Options, "size") {
		return 0
	}
	return defaultLongLine
}

// set applies one "name=value". The options about coming back may stand with
// any kind, a healthy answer included.
func (f *Fault) set(option string, allowed []string) error {
	name, value, ok := strings.Cut(option, "=")
	if !ok {
		return fmt.Errorf("option %q has no value", option)
	}
	always := []string{"retry-after", "retry-after-ms", "retry-after-date", "reset", "grow"}
	if !slices.Contains(allowed, name) && !slices.Contains(always, name) {
		return fmt.Errorf("option %q has no effect here (these have: %s)", name, strings.Join(slices.Concat(allowed, always), ", "))
	}
	switch name {
	case "code":
		f.Code = value
		return nil
	case "model":
		f.Model = value
		return nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 1<<30 {
		return fmt.Errorf("option %s wants a number from 0 to %d, not %q", name, 1<<30, value)
	}
	f.setNumber(name, n)
	return nil
}

func (f *Fault) setNumber(name string, n int) {
	switch name {
	case "after":
		f.After = n
	case "size":
		f.Size = n
	case "ms":
		f.Wait = time.Duration(n) * time.Millisecond
	case "retry-after":
		f.RetryAfter, f.RetryAs = time.Duration(n)*time.Second, RetrySeconds
	case "retry-after-ms":
		f.RetryAfter, f.RetryAs = time.Duration(n)*time.Millisecond, RetryMillis
	case "retry-after-date":
		f.RetryAfter, f.RetryAs = time.Duration(n)*time.Second, RetryDate
	case "reset":
		f.Reset = time.Duration(n) * time.Second
	case "grow":
		f.Grow = n != 0
	}
}

// String writes f the way [ParseFault] reads it.
func (f Fault) String() string {
	_, info, err := namedFault(string(f.Kind))
	if err != nil {
		return string(f.Kind)
	}
	var out []string
	add := func(name string, n int64, usual int64) {
		if n != usual {
			out = append(out, name+"="+strconv.FormatInt(n, 10))
		}
	}
	add("after", int64(f.After), int64(info.after()))
	add("size", int64(f.Size), int64(info.size()))
	add("ms", f.Wait.Milliseconds(), 0)
	if f.Code != "" {
		out = append(out, "code="+f.Code)
	}
	if f.Model != "" {
		out = append(out, "model="+f.Model)
	}
	switch f.RetryAs {
	case RetryMillis:
		add("retry-after-ms", f.RetryAfter.Milliseconds(), -1)
	case RetryDate:
		add("retry-after-date", int64(f.RetryAfter/time.Second), -1)
	default:
		add("retry-after", int64(f.RetryAfter/time.Second), 0)
	}
	add("reset", int64(f.Reset/time.Second), 0)
	if f.Grow {
		out = append(out, "grow=1")
	}
	name := cmp.Or(string(f.Kind), "ok")
	if len(out) == 0 {
		return name
	}
	return name + ":" + strings.Join(out, ",")
}

// status returns the HTTP status that the kind is, 0 when it is none.
func (f Fault) status() int {
	if !isStatus(string(f.Kind)) {
		return 0
	}
	n, _ := strconv.Atoi(string(f.Kind))
	return n
}

func isStatus(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && len(s) == 3 && n >= 300 && n <= 599 && n != 304
}
