package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmgw/providers/llm"
)

// The fields of a filter that take one of a few words.

var statusWords = []string{
	string(StatusOK), string(StatusError), string(StatusTruncated), string(StatusClientGone),
	string(StatusBlocked), string(StatusRunning), string(StatusInterrupted),
}

// faultWords are the outcomes of an attempt that is not ok, what people look
// for most first.
var faultWords = []string{
	string(llm.Timeout), string(llm.RateLimited), string(llm.Overloaded), string(llm.ServerError), string(llm.Auth), string(llm.Quota),
	string(llm.Connect), string(llm.Reset), string(llm.Truncated), string(llm.Malformed), string(llm.Empty), string(llm.ErrorInBody),
	string(llm.ModelNotFound), string(llm.ContextLength), string(llm.Refused), string(llm.RefusedRequest), string(llm.ClientGone),
	string(llm.DeadlineReached), string(llm.NotRecorded), OutcomeSkipped, OutcomeLostHedge, OutcomeInterrupted,
}

var (
	cacheWords   = []string{CacheHit, "miss", "bypass", "off"}
	droppedWords = []string{"yes", "no"}
)

// otherWords are what other programs call these values and, under "", fields.
var otherWords = map[string]map[string]string{
	"": {
		"error": "fault", "code": "status", "user": "client", "agent": "client", "price": "cost", "duration": "took", "latency": "took",
		"ttft": "first", "retries": "tries", "attempts": "tries", "tag": "tag.K", "tag.": "tag.K",
	},
	"status": {
		"fail": "error", "failed": "error", "failure": "error", "faulty": "error", "success": "ok", "succeeded": "ok", "done": "ok", "completed": "ok",
		"cut": "truncated", "incomplete": "truncated", "cancelled": "client_gone", "canceled": "client_gone", "aborted": "client_gone",
		"refused": "blocked", "capped": "blocked", "active": "running", "pending": "running", "lost": "interrupted", "crashed": "interrupted",
	},
	"fault": {
		"429": "rate_limited", "529": "overloaded", "503": "overloaded", "500": "server_error", "5xx": "server_error", "401": "auth", "403": "auth",
		"402": "quota", "404": "model_not_found", "400": "bad_request", "breaker": "skipped", "cooldown": "skipped", "cap": "skipped", "dns": "connect",
		"tls": "connect", "eof": "reset", "credit": "quota", "billing": "quota", "key": "auth", "too_long": "context_length", "content_filter": "refused",
	},
	"cache":   {"yes": "hit", "true": "hit", "cached": "hit", "no": "miss", "none": "off"},
	"dropped": {"true": "yes", "any": "yes", "false": "no", "none": "no"},
}

// FilterValues returns the words that a field of a filter takes, the usual ones
// first; nil for a field that takes any text or a number.
func FilterValues(field string) []string {
	switch field {
	case "status":
		return slices.Clone(statusWords)
	case "fault":
		return slices.Clone(faultWords)
	case "cache":
		return slices.Clone(cacheWords)
	case "dropped":
		return slices.Clone(droppedWords)
	}
	return nil
}

func statusTerm(value string) (term, string) {
	value = strings.ToLower(value)
	if slices.Contains(statusWords, value) {
		return term{sql: "calls.status = ?", args: []any{value}}, ""
	}
	if class, ok := strings.CutSuffix(value, "xx"); ok && len(class) == 1 && class >= "1" && class <= "5" {
		return term{sql: "calls.http_status / 100 = ?", args: []any{int64(class[0] - '0')}}, ""
	}
	if code, err := strconv.Atoi(value); err == nil && code >= 100 && code <= 999 {
		return term{sql: "calls.http_status = ?", args: []any{int64(code)}}, ""
	}
	return term{}, noValue("status", value, statusWords, ", a code such as 429 or a class such as 5xx")
}

func faultTerm(value string) (term, string) {
	value = strings.ToLower(value)
	if !slices.Contains(faultWords, value) {
		return term{}, noValue("fault", value, faultWords, "")
	}
	return term{sql: attemptsOf + "a.outcome = ?)", args: []any{value}}, ""
}

func cacheTerm(value string) (term, string) {
	value = strings.ToLower(value)
	if !slices.Contains(cacheWords, value) {
		return term{}, noValue("cache", value, cacheWords, "")
	}
	return term{sql: "calls.cache = ?", args: []any{value}}, ""
}

func droppedTerm(value string) (term, string) {
	switch value = strings.ToLower(value); value {
	case "yes":
		return term{sql: "calls.dropped <> '[]'"}, ""
	case "no":
		return term{sql: "calls.dropped = '[]'"}, ""
	}
	return term{}, noValue("dropped", value, droppedWords, "")
}

// noValue says which value was probably meant, else which there are.
func noValue(field, value string, words []string, more string) string {
	meant := otherWords[field][value]
	if meant == "" {
		meant = nearest(value, words)
	}
	if meant != "" {
		return fmt.Sprintf("there is no %s:%s; did you mean %s:%s?", field, value, field, meant)
	}
	return field + ": takes " + strings.Join(words, ", ") + more
}

// unknownField says which field was probably meant.
func unknownField(name string) string {
	meant := otherWords[""][strings.ToLower(name)]
	if meant == "" {
		meant = nearest(strings.ToLower(name), fieldNames())
	}
	if meant != "" {
		return fmt.Sprintf("there is no field %q; did you mean %s:?", name, meant)
	}
	return fmt.Sprintf("there is no field %q; quote it to look for the text", name)
}

// nearest is the word that a typed one is the beginning of, else the one that
// the fewest slips of the finger lead to; "" when there is none near.
func nearest(typed string, words []string) string {
	best, least := "", max(1, len(typed)/3)+1
	for _, w := range words {
		if len(typed) > 1 && strings.HasPrefix(w, typed) {
			return w
		}
		if d := Slips(typed, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// Slips counts the edits that turn a word into another: a byte inserted, left out or
// replaced, or two neighbours swapped.
func Slips(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = min(last[j+1], row[j]) + 1
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(row[j+1], replaced)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
