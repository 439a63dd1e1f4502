package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/price"
)

// Filter selects calls; the zero value selects all. It is written as
//
//	claude model:opus* status:error !client:ci took:>5s "two words"
//
// Every term must hold. A bare word matches anywhere in the record of a call,
// and a call by the end or the beginning of its id;
// model: provider: route: project: client: key: session: and tag.K: match a
// part of their field, or all of it where the text has a * or ?, without
// regard to case. target: looks at the attempts that were sent
// ("openai/gpt-4o"), fault: at their outcomes. status: takes a status, a code
// (429) or a class (5xx); cache: hit, miss, bypass, off; dropped: yes, no.
// cost: took: first: tries: compare (>, >=, <, <=, =), since: is a span or a
// date. A leading ! negates, double quotes group and make an operator a word.
//
// Where attempts are added up or gone through (Sums, EachAttempt), model:,
// provider:, target: and words that name a place select attempts by where each
// was made, and calls by where they count.
type Filter struct {
	text  string
	terms []term
}

// term is one condition: a fragment of SQL that is a constant of this package,
// and what is bound to its parameters.
type term struct {
	sql    string
	args   []any
	negate bool
	since  time.Duration // for since: with a span, which counts from the query's now
	placed *term         // the condition on one place of a call; nil: that on the call
}

// FilterError is a filter that cannot be read.
type FilterError struct {
	Text string
	Pos  int // byte in Text at which it broke: where a caret goes
	Msg  string
}

// Error shows the filter with a caret under the place where it broke.
func (e *FilterError) Error() string {
	shown := Clean(e.Text[:e.Pos])
	return fmt.Sprintf("reading the filter: %s\n  %s\n  %s^", e.Msg, shown+Clean(e.Text[e.Pos:]),
		strings.Repeat(" ", len([]rune(shown))))
}

// Hint gives the grammar in a line.
func (e *FilterError) Hint() string {
	return `words match anything; ` + strings.Join(fieldNames(), ": ") + `: tag.K:; ! negates, quotes group`
}

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

// Empty tells whether the filter selects all calls.
func (f Filter) Empty() bool { return len(f.terms) == 0 }

const (
	// maxFilter and maxTerms keep a filter far from the limits of SQLite's
	// parser, so that what ParseFilter accepts can always be run.
	maxFilter = 4096
	maxTerms  = 64
)

// ParseFilter reads a filter; the error is a [*FilterError].
func ParseFilter(text string) (Filter, error) {
	f := Filter{text: text}
	if len(text) > maxFilter {
		return Filter{}, &FilterError{text, maxFilter, fmt.Sprintf("longer than %d characters", maxFilter)}
	}
	words, err := splitFilter(text)
	if err != nil {
		return Filter{}, err
	}
	if len(words) > maxTerms {
		return Filter{}, &FilterError{text, words[maxTerms].pos, fmt.Sprintf("more than %d terms", maxTerms)}
	}
	for _, w := range words {
		t, problem := w.term()
		if problem != nil {
			return Filter{}, &FilterError{text, min(problem.pos, len(text)), problem.msg}
		}
		f.terms = append(f.terms, t)
	}
	return f, nil
}

// filterField is a field of the grammar: how its value becomes a condition.
type filterField struct {
	name    string
	compile func(value string) (term, string) // or what is wrong with the value
}

// filterFields is the whole whitelist; tag.K is dealt with by itself.
var filterFields = []filterField{
	{"model", placing(matching("calls.model_requested", "calls.model", "calls.model_reported"), "place.model")},
	{"provider", placing(matching("calls.provider"), "place.provider")},
	{"target", placing(attempting("a.outcome <> 'skipped' AND ", "(a.provider || '/' || a.model)"), "(place.provider || '/' || place.model)")},
	{"route", matching("calls.route")},
	{"project", matching("calls.project")},
	{"client", matching("calls.client")},
	{"key", matching("calls.key")},
	{"session", matching("calls.session")},
	{"status", statusTerm},
	{"fault", faultTerm},
	{"cache", cacheTerm},
	{"dropped", droppedTerm},
	{"cost", comparing("calls.cost", readMoney)},
	{"took", comparing("calls.finished_at - calls.started_at", readSpan)},
	{"first", comparing("calls.first_token_us", readSpan)},
	{"tries", comparing("(SELECT count(*) FROM attempts a WHERE a.k BETWEEN calls.n * 1024 AND calls.n * 1024 + 1023 AND a.outcome <> 'skipped')", readNumber)},
	{"since", sinceTerm},
}

func fieldNames() []string {
	var names []string
	for _, f := range filterFields {
		names = append(names, f.name)
	}
	return names
}

// FilterFields returns the names of the fields in the order in which help
// shows them, for completion.
func FilterFields() []string { return append(fieldNames(), "tag.") }

func (w word) term() (term, *problem) {
	if w.field == "" {
		t, _ := anywhere(w.value)
		t.negate = w.negate
		return t, nil
	}
	compile, ok := lookUpField(w.field)
	if !ok {
		return term{}, &problem{w.fieldPos(), unknownField(w.field)}
	}
	if w.value == "" {
		return term{}, &problem{w.valuePos, fmt.Sprintf("%s: needs a value", w.field)}
	}
	t, wrong := compile(w.value)
	if wrong != "" {
		return term{}, &problem{w.valuePos, wrong}
	}
	t.negate = w.negate
	return t, nil
}

func lookUpField(name string) (func(string) (term, string), bool) {
	if tag, ok := strings.CutPrefix(name, "tag."); ok && tag != "" {
		return tagTerm(tag), true
	}
	i := slices.IndexFunc(filterFields, func(f filterField) bool { return f.name == strings.ToLower(name) })
	if i < 0 {
		return nil, false
	}
	return filterFields[i].compile, true
}

// textMatch returns the condition that expression has the value in it, or is
// like it where it has wildcards, and what to bind. Case is ASCII's, as
// SQLite's is.
func textMatch(expression, value string) (string, any) {
	if strings.ContainsAny(value, "*?") {
		return "lower(" + expression + ") GLOB ?", strings.ReplaceAll(lowerASCII(value), "[", "[[]")
	}
	return expression + ` LIKE ? ESCAPE '\'`, "%" + likeEscaper.Replace(value) + "%"
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func lowerASCII(s string) string {
	b := []byte(s) // by bytes: what is no UTF-8 must stay what it is
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}

// matching is a field that matches any of columns.
func matching(columns ...string) func(string) (term, string) {
	return func(value string) (term, string) {
		var t term
		var any []string
		for _, c := range columns {
			condition, arg := textMatch(c, value)
			any, t.args = append(any, condition), append(t.args, arg)
		}
		t.sql = strings.Join(any, " OR ")
		return t, ""
	}
}

const attemptsOf = "EXISTS (SELECT 1 FROM attempts a WHERE a.k BETWEEN calls.n * 1024 AND calls.n * 1024 + 1023 AND "

// attempting is a field that matches expression of any attempt that is as
// condition says.
func attempting(condition, expression string) func(string) (term, string) {
	return func(value string) (term, string) {
		match, arg := textMatch(expression, value)
		return term{sql: attemptsOf + condition + match + ")", args: []any{arg}}, ""
	}
}

// anywhere matches a bare word in what a screen shows of a call.
func anywhere(value string) (term, string) {
	const (
		ofCall    = "calls.provider, calls.model, calls.model_reported"
		ofAttempt = "a.provider || '/' || a.model"
		ofPlace   = "concat_ws(char(10), place.provider || '/' || place.model, place.model_reported)"
	)
	t, placed := wordTerm(value, ofCall, ofAttempt), wordTerm(value, "''", "''")
	match, arg := textMatch(ofPlace, loose(value))
	t.placed = &term{sql: placed.sql + " OR " + match, args: append(placed.args, arg)}
	return t, ""
}

// wordTerm looks for a word in a call and its attempts, also in what names
// their places.
func wordTerm(value, ofCall, ofAttempt string) term {
	call, arg := textMatch(`concat_ws(char(10), calls.project, calls.client, calls.session, calls.key,
		calls.model_requested, calls.route, calls.status, calls.http_status, calls.error, calls.error_text, calls.upstream_request_id,
		calls.dropped, calls.tags, calls.user_agent, `+ofCall+")", loose(value))
	attempt, _ := textMatch("concat_ws(char(10), a.key, a.outcome, a.error, "+ofAttempt+")", loose(value))
	t := term{sql: call + " OR " + attemptsOf + attempt + ")", args: []any{arg, arg}}
	for _, pattern := range idPatterns(value) {
		t.sql, t.args = t.sql+" OR calls.id GLOB ?", append(t.args, pattern)
	}
	return t
}

const (
	leastIDEnd   = 4 // letters of the end of an id that name a call
	leastIDBegin = 6 // and of its beginning, which is the time: fewer are those of weeks of calls
)

// idPatterns are the forms of an id that a word may be: its end, its beginning,
// or a pattern for all of it. In the middle of an id nobody looks for anything.
func idPatterns(value string) []string {
	letters := strings.Trim(value, "*?")
	for i := range len(letters) {
		c := letters[i] | 0x20
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return nil
		}
	}
	id := strings.ToUpper(value)
	switch {
	case letters != value && len(letters) >= leastIDEnd:
		return []string{id}
	case letters != value || len(value) < leastIDEnd:
		return nil
	case len(value) < leastIDBegin:
		return []string{"*" + id}
	}
	return []string{"*" + id, id + "*"}
}

// loose lets a pattern stand anywhere in a longer text.
func loose(value string) string {
	if strings.ContainsAny(value, "*?") {
		return "*" + value + "*"
	}
	return value
}

func tagTerm(tag string) func(string) (term, string) {
	return func(value string) (term, string) {
		match, arg := textMatch("t.value", value)
		return term{sql: "EXISTS (SELECT 1 FROM json_each(calls.tags) t WHERE t.key = ? AND " + match + ")", args: []any{tag, arg}}, ""
	}
}

// comparing is a field of a number: an operator and what read makes of the
// rest. An unknown number matches neither a comparison nor its negation's
// opposite: !took:>5s keeps calls that are not known to have taken longer.
func comparing(expression string, read func(string) (int64, string)) func(string) (term, string) {
	return func(value string) (term, string) {
		operator := "="
		for _, o := range [...]string{">=", "<=", ">", "<", "="} {
			if rest, ok := strings.CutPrefix(value, o); ok {
				operator, value = o, rest
				break
			}
		}
		n, wrong := read(value)
		if wrong != "" {
			return term{}, wrong
		}
		return term{sql: expression + " " + operator + " ?", args: []any{n}}, ""
	}
}

func readMoney(value string) (int64, string) {
	m, err := price.ParseUSD(value)
	if err != nil {
		return 0, "it takes dollars, such as >0.1"
	}
	return int64(m), ""
}

func readSpan(value string) (int64, string) {
	d, err := parseSpan(value)
	if err != nil {
		return 0, "it takes a span, such as >5s or >300ms"
	}
	return d.Microseconds(), ""
}

func readNumber(value string) (int64, string) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return 0, "it takes a number, such as >1"
	}
	return n, ""
}

func sinceTerm(value string) (term, string) {
	const sql = "calls.started_at >= ?"
	if span, err := parseSpan(value); err == nil {
		return term{sql: sql, args: []any{nil}, since: span}, ""
	}
	t, err := ParseSince(value, time.Now()) // a word or a date, which a moment does not change
	if err != nil {
		return term{}, err.Error()
	}
	return term{sql: sql, args: []any{micros(t)}}, ""
}

// sql returns a condition on the row of calls, and what to bind.
func (f Filter) sql(now time.Time) (string, []any) { return f.compile(now, "") }

// compile returns a condition on the row of calls; where a place is given, the
// alias of a table in the query, on that place of the call.
func (f Filter) compile(now time.Time, place string) (string, []any) {
	if f.Empty() {
		return "1", nil
	}
	var all []string
	var args []any
	for _, t := range f.terms {
		if place != "" && t.placed != nil {
			t.sql, t.args = strings.ReplaceAll(t.placed.sql, "place.", place+"."), t.placed.args
		}
		// coalesce: a comparison with an unknown number is not true, so its
		// negation is.
		condition := "coalesce((" + t.sql + "), 0)"
		if t.negate {
			condition = "NOT " + condition
		}
		all = append(all, condition)
		if t.since > 0 {
			args = append(args, micros(now.Add(-t.since)))
		} else {
			args = append(args, t.args...)
		}
	}
	return strings.Join(all, " AND "), args
}
