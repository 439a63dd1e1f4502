package tui

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"llmgw/store"
)

// A search goes through the record in pieces, whatever their size, and finds
// each call once.
func TestSearchInPieces(t *testing.T) {
	s := openFixture(t)
	for i := range 60 {
		p := specs[2]
		p.ago = time.Duration(60-i) * time.Second
		if i%7 == 0 {
			p.model = "rare"
		}
		commit(t, s, p.change(i))
	}
	for _, stride := range []int64{1, 2, 7, 59, 60, 1000} {
		f := newFeed(t.Context(), options(s.Path(), 80, 24))
		f.stride = stride
		f.ask(want{filter: "model:rare"})
		looks := 0
		var last *snapshot
		for {
			snap := f.look()
			if snap == nil {
				break
			}
			last = snap
			if looks++; looks > 100 {
				t.Fatal("the search does not end")
			}
		}
		f.close()
		if n := len(last.window.rows); n != 9 || last.matches != 9 || last.searching || !last.window.oldest {
			t.Errorf("pieces of %d: %d rows, %d counted, %+v", stride, n, last.matches, last.searching)
		}
		if stride < 60 && looks < int(60/(stride+1)) {
			t.Errorf("pieces of %d: found after %d looks", stride, looks)
		}
	}
}

// Every call can be reached by moving, from the newest to the oldest and back,
// though only a window of them is held.
func TestScrollThroughEverything(t *testing.T) {
	s := openFixture(t)
	const n = windowRows + 3*pageRows
	var writers sync.WaitGroup
	failed := make(chan error, n)
	for i := range n {
		p := specs[2]
		p.ago = time.Duration(n-i) * time.Second
		writers.Go(func() { failed <- s.Commit(t.Context(), p.change(i)) })
	}
	writers.Wait()
	for range n {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	f := newFeed(t.Context(), options(s.Path(), 80, 24))
	defer f.close()
	m := newApp(t.Context(), options(s.Path(), 80, 24), f)
	m.catchUp()
	walk := func(key string) {
		t.Helper()
		at := m.calls.cursor
		for range n / m.calls.slots {
			m.Update(keyNamed(key))
			m.catchUp()
			if m.calls.cursor == at {
				t.Fatalf("%s: stuck at %s", key, at)
			}
			at = m.calls.cursor
			if len(m.snap.window.rows) > windowRows+pageRows {
				t.Fatalf("%d calls are held", len(m.snap.window.rows))
			}
		}
	}
	walk("pgdown")
	press(m, "pgdown")
	if c := m.calls.selected(m.snap); c == nil || c.ID != specOldest(n) {
		t.Errorf("at the end: %+v", c)
	}
	walk("pgup")
	press(m, "G")
	if m.calls.cursor != specOldest(n) {
		t.Errorf("G leads to %s", m.calls.cursor)
	}
	press(m, "g")
	if m.calls.cursor != m.snap.window.rows[0].ID || !m.calls.follow || !m.snap.window.newest {
		t.Errorf("g leads to %s", m.calls.cursor)
	}
}

func specOldest(n int) string {
	p := specs[2]
	p.ago = time.Duration(n) * time.Second
	return p.change(0).Call.ID
}

// What changes is taken over where it belongs, and nowhere else.
func TestMerge(t *testing.T) {
	row := func(i int) store.CallRow {
		return store.CallRow{Call: store.Call{ID: fmt.Sprintf("%02d", i)}}
	}
	rows := func(list ...int) (out []store.CallRow) {
		for _, i := range list {
			out = append(out, row(i))
		}
		return out
	}
	for _, c := range []struct {
		name    string
		window  window
		changed []store.CallRow
		gone    map[string]bool
		want    string
	}{
		{"a newer one", window{rows: pointers(rows(5, 3)), newest: true, down: "03"}, rows(7), nil, "07 05 03 "},
		{"a newer one, beyond the window", window{rows: pointers(rows(5, 3)), down: "03"}, rows(7), nil, "05 03 "},
		{"one between", window{rows: pointers(rows(5, 3)), down: "03"}, rows(4), nil, "05 04 03 "},
		{"an older one, beyond the window", window{rows: pointers(rows(5, 3)), newest: true, down: "03"}, rows(2), nil, "05 03 "},
		{"an older one", window{rows: pointers(rows(5, 3)), newest: true, oldest: true}, rows(2), nil, "05 03 02 "},
		{"one below the last, where was looked", window{rows: pointers(rows(5)), newest: true, down: "01"}, rows(2), nil, "05 02 "},
		{"the first one found", window{newest: true, down: "01"}, rows(2), nil, "02 "},
		{"one again", window{rows: pointers(rows(5, 3)), newest: true}, rows(5), nil, "05 03 "},
		{"one that no longer matches", window{rows: pointers(rows(5, 3)), newest: true}, nil, map[string]bool{"05": true}, "03 "},
	} {
		got := ""
		for _, r := range c.window.merge(c.changed, c.gone).rows {
			got += r.ID + " "
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
