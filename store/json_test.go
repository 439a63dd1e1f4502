package store

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenCalls are a call that says everything and one that says nothing.
func goldenCalls() []CallRow {
	full, a := ended(begun(0))
	full.ID, full.Session = "01JBPPXXXXXXXXXXXXXXXXXXX0", "s1"
	full.Tags, full.Edits, full.Dropped = map[string]string{"team": "a<b"}, []string{"model"}, []string{"thinking"}
	full.ModelReported, full.UpstreamRequestID, full.Cache = "claude-sonnet-4-5-20250929", "req_1", "miss"
	failed := Attempt{
		N: 1, Provider: "openai", Model: "gpt-5", Key: "k_1", StartedAt: epoch, Duration: 2001900 * time.Microsecond, FirstToken: -1,
		Outcome: string(llm.Timeout), Error: "no byte within 2s", Why: "next target", Waited: 1500 * time.Millisecond,
		Cost: price.Of(-1), CostSource: CostEstimated, Hedge: true,
	}
	a.N, a.StartedAt = 2, epoch.Add(2002*time.Millisecond)
	skipped := Attempt{N: 3, Provider: "bedrock", Model: "opus", StartedAt: epoch, Duration: -1, FirstToken: -1, Outcome: OutcomeSkipped, Skipped: "breaker"}
	bare := Call{ID: "01JBPPXXXXXXXXXXXXXXXXXXX1", StartedAt: epoch, FirstToken: -1, Project: "default", Status: StatusRunning}
	return []CallRow{{Call: *full, Attempts: []Attempt{failed, *a, skipped}}, {Call: bare}}
}

func TestCallJSONGolden(t *testing.T) {
	var got bytes.Buffer
	for _, c := range goldenCalls() {
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(text, '\n'))
	}
	const path = "testdata/calls.json"
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the JSON of a call is a contract; now it is\n%s", got.Bytes())
	}
}

// TestJSONHasTheMembersOfTheSpec lists them by hand, as docs/record.md does.
func TestJSONHasTheMembersOfTheSpec(t *testing.T) {
	const call = `id started_at duration_ms first_token_ms project client session key dialect endpoint stream model_requested
		route route_reason status http_status error provider model model_reported upstream_request_id finish_reason cache cached_from
		dropped edits tags usage cost_usd cost_source attempts`
	const attempt = `n provider model key started_at duration_ms first_token_ms outcome http_status error skipped hedge waited_ms usage
		cost_usd cost_source`
	const usage = `input_tokens cached_input_tokens cache_write_tokens output_tokens reasoning_tokens`
	for _, c := range goldenCalls() {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		hasAll(t, got, call)
		hasAll(t, got["usage"].(map[string]any), usage)
		for _, member := range []string{"dropped", "edits", "attempts"} {
			if got[member] == nil {
				t.Errorf("%s is null", member)
			}
		}
		for _, a := range got["attempts"].([]any) {
			hasAll(t, a.(map[string]any), attempt)
			hasAll(t, a.(map[string]any)["usage"].(map[string]any), usage)
		}
	}
}

func hasAll(t *testing.T, got map[string]any, names string) {
	t.Helper()
	for _, name := range strings.Fields(names) {
		if _, ok := got[name]; !ok {
			t.Errorf("there is no member %q", name)
		}
	}
}

// TestViewsAgreeWithJSON: the views are the same contract in SQL.
func TestViewsAgreeWithJSON(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	for _, want := range goldenCalls() {
		change := Change{Call: &want.Call}
		for i := range want.Attempts {
			want.Attempts[i].CallID = want.ID
			change.Attempts = append(change.Attempts, &want.Attempts[i])
		}
		commit(t, s, change)
		var call map[string]any
		viewed(t, r, "calls_v", "id = ?", want.ID, want, &call)
		attempts, _ := call["attempts"].([]any)
		for i, a := range attempts {
			viewed(t, r, "attempts_v", "call_id = ? AND n = "+string(rune('1'+i)), want.ID, a, nil)
		}
	}
}

// viewed compares each column of the one row of a view with the member of its
// name.
func viewed(t *testing.T, r *Reader, view, where, id string, v any, into *map[string]any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	if into != nil {
		*into = members
	}
	if usage, ok := members["usage"].(map[string]any); ok {
		for name, n := range usage {
			members[name] = n
		}
	}
	rows, err := r.db.QueryContext(t.Context(), "SELECT * FROM "+view+" WHERE "+where, id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("no row in %s: %v", view, err)
	}
	values := make([]any, len(names))
	for i := range values {
		values[i] = new(any)
	}
	if err := rows.Scan(values...); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i, name := range names {
		if want, ok := members[name]; ok {
			compared++
			if got := *values[i].(*any); !sameInSQL(got, want) {
				t.Errorf("%s.%s is %v, its member %v", view, name, got, want)
			}
		}
	}
	if compared < 15 {
		t.Errorf("only %d columns of %s have the names of members", compared, view)
	}
}

func sameInSQL(got, want any) bool {
	switch want := want.(type) {
	case float64:
		return got == int64(want)
	case bool:
		return got == bit(want)
	case nil, string:
		return got == want
	}
	text, err := json.Marshal(want)
	return err == nil && got == string(text)
}
