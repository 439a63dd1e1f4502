package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A filter by place, where attempts are added up: a call may have been tried at
// several places, so that a part of it is selected and the rest left out.

// placing is a field that goes by an expression of the place where attempts are
// added up.
func placing(compile func(string) (term, string), expression string) func(string) (term, string) {
	return func(value string) (term, string) {
		t, wrong := compile(value)
		match, arg := textMatch(expression, value)
		t.placed = &term{sql: match, args: []any{arg}}
		return t, wrong
	}
}

// byPlace tells whether the query may select a part of a call.
func (q *Query) byPlace() bool {
	return q.parts && slices.ContainsFunc(q.Filter.terms, func(t term) bool { return t.placed != nil })
}

// anyPart returns the condition that a call counts at a place that the filter
// selects, or that one of its attempts was made there.
func (f Filter) anyPart(now time.Time) (string, []any) {
	call, args := f.compile(now, "calls")
	attempt, more := f.compile(now, "part")
	return fmt.Sprintf("(%s OR EXISTS (SELECT 1 FROM attempts part WHERE part.k BETWEEN calls.n * 1024 AND calls.n * 1024 + 1023 AND %s))",
		call, attempt), slices.Concat(args, more)
}

// leaveOut marks what of the calls in list, whose calls.n are numbers, the
// filter does not select.
func (q *Query) leaveOut(ctx context.Context, tx *sql.Tx, numbers []int64, list []CallRow) error {
	among, err := json.Marshal(numbers)
	if err != nil {
		return err
	}
	call, args := q.Filter.compile(q.Now, "calls")
	attempt, more := q.Filter.compile(q.Now, "part")
	selected := make(map[int64]bool, 2*len(list)) // attempts.k, with 0 for the number of the call itself
	err = eachRow(ctx, tx, func(f *fields) error {
		selected[f.int()] = true
		return f.err
	}, `SELECT calls.n * 1024 FROM calls WHERE calls.n IN (SELECT value FROM json_each(?)) AND `+call+
		` UNION ALL SELECT part.k FROM calls JOIN attempts part ON part.k BETWEEN calls.n * 1024 AND calls.n * 1024 + 1023
			WHERE calls.n IN (SELECT value FROM json_each(?)) AND `+attempt,
		slices.Concat([]any{string(among)}, args, []any{string(among)}, more)...)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].left = map[int]bool{0: !selected[attemptKey(numbers[i], 0)]}
		for j := range list[i].Attempts {
			n := list[i].Attempts[j].N
			list[i].left[n] = !selected[attemptKey(numbers[i], n)]
		}
	}
	return nil
}
