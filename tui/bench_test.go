package tui

import (
	"database/sql"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

var benchCalls = flag.Int("calls", 1_000_000, "calls in the record of the benchmarks")

// BenchmarkFrame draws a frame of 200x50 of which one row changed, as happens
// while calls run.
func BenchmarkFrame(b *testing.B) {
	s := fixture(b)
	o := options(s.Path(), 200, 50)
	o.Colours = TrueColor
	f := newFeed(b.Context(), o)
	defer f.close()
	m := newApp(b.Context(), o, f)
	m.catchUp()
	b.ReportAllocs()
	for b.Loop() {
		if len(m.View()) == 0 {
			b.Fatal("nothing was drawn")
		}
	}
}

// BenchmarkScroll presses down and draws, again and again, to the end and back.
func BenchmarkScroll(b *testing.B) {
	s := fixture(b)
	o := options(s.Path(), 120, 40)
	f := newFeed(b.Context(), o)
	defer f.close()
	m := newApp(b.Context(), o, f)
	m.catchUp()
	keys := []string{"j", "k"}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m.Update(keyNamed(keys[n/50%2]))
		m.View()
		n++
	}
}

// BenchmarkFirstFrame is from nothing to the first frame, of a record with a
// million calls. The bound is 50 ms.
func BenchmarkFirstFrame(b *testing.B) {
	o := options(manyCalls(b), 120, 40)
	for b.Loop() {
		text, err := Frame(b.Context(), o, "")
		if err != nil || !strings.Contains(text, "claude-sonnet-4-5") {
			b.Fatalf("%v\n%s", err, text)
		}
	}
}

// BenchmarkChange is from one more call in a record with a million to the
// frame that shows it.
func BenchmarkChange(b *testing.B) {
	path := manyCalls(b)
	s := openFixtureAt(b, path)
	o := options(path, 120, 40)
	f := newFeed(b.Context(), o)
	defer f.close()
	m := newApp(b.Context(), o, f)
	m.catchUp()
	n := 0
	for b.Loop() {
		n++
		p := specs[2]
		p.ago = -time.Duration(n) * time.Millisecond
		commit(b, s, p.change(10+n))
		m.catchUp()
		if m.View() == "" || m.snap.window.rows[0].ID != p.change(10+n).Call.ID {
			b.Fatal("the call is not shown")
		}
	}
}

// manyCalls is a record as the writer would have made it, written faster.
func manyCalls(b *testing.B) string {
	b.Helper()
	s := openFixture(b)
	for i := len(specs) - 1; i >= 0; i-- {
		commit(b, s, specs[i].change(i))
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", s.Path())
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	columns := "project, client, session, key, dialect, endpoint, method, path, stream, route, route_reason, request_bytes, remote_addr, user_agent, change_seq, first_token_us, http_status, provider, model, input_tokens, output_tokens, cost, cost_source"
	call, err := tx.Prepare("INSERT INTO calls(n, id, started_at, finished_at, status, model_requested, " + columns + ") SELECT ?, ?, ?, ?, 'ok', model_requested, " + columns +
		" FROM calls WHERE id = ?")
	if err != nil {
		b.Fatal(err)
	}
	attempt, err := tx.Prepare("INSERT INTO attempts(k, provider, model, key, started_at, hedge, waited_us, price, duration_us, outcome, http_status) VALUES (?, 'anthropic', 'claude-sonnet-4-5', 'k_11223344', ?, 0, 0, 'list', 900000, 'ok', 200)")
	if err != nil {
		b.Fatal(err)
	}
	like := specs[6].change(6).Call.ID
	for i := range *benchCalls {
		at := testNow.Add(-time.Duration(*benchCalls-i) * time.Second)
		n := -int64(*benchCalls) + int64(i) // before those that are there
		if _, err := call.Exec(n, fixed(at, i), at.UnixMicro(), at.UnixMicro()+900_000, like); err != nil {
			b.Fatal(err)
		}
		if _, err := attempt.Exec(n*1024+1, at.UnixMicro()); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(fmt.Errorf("filling the record: %w", err))
	}
	return s.Path()
}

// BenchmarkSearch is a filter that no call matches, over the whole record.
func BenchmarkSearch(b *testing.B) {
	o := options(manyCalls(b), 120, 40)
	for b.Loop() {
		text, err := Frame(b.Context(), o, "/ n o t h i n g")
		if err != nil || !strings.Contains(text, "0 of ") {
			b.Fatalf("%v\n%s", err, text)
		}
	}
}
