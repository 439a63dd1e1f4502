package tui

import (
	"llmgw/store"
)

// calls is the list of calls: the cursor stays on its call, and the row under
// it where it is, whatever arrives above.
type calls struct {
	cursor string // id of the call under the cursor
	line   int    // of the cursor within what is visible
	follow bool   // the cursor stays on the newest
	seen   string // id of the newest call when following ended
	end    bool   // the oldest calls were asked for
	age    bool   // times as ages
	slots  int    // calls that fit, as of the last settle

	cache map[rowKey]string
}

// settle puts the cursor on a call that is there and on a line that is visible.
func (l *calls) settle(s *snapshot, at layout, notices int) {
	l.slots = l.room(at, notices)
	rows := s.window.rows
	if len(rows) == 0 {
		l.cursor, l.line = "", 0
		return
	}
	if l.follow && s.window.newest {
		l.cursor, l.line = rows[0].ID, 0
		return
	}
	i := l.at(s)
	if l.end && s.window.oldest && s.want.around == oldest {
		i, l.end = len(rows)-1, false
		l.line = l.slots
	}
	l.put(s, i)
}

// room is how many calls fit below that many lines of notices.
func (l *calls) room(at layout, notices int) int {
	h := at.body.h - notices - statusLines
	if at.narrow {
		return max(h/2, 1)
	}
	return max(h-1, 1) // the head of the table
}

// statusLines is what the list leaves below it.
const statusLines = 1

// at is where the cursor's call is now; where it is gone, its neighbour.
func (l *calls) at(s *snapshot) int {
	if i := s.window.index(l.cursor); i >= 0 {
		return i
	}
	if s.window.sorted {
		return 0
	}
	return min(s.window.place(l.cursor), len(s.window.rows)-1)
}

// put moves the cursor to the i-th call; the line follows only as far as it
// must.
func (l *calls) put(s *snapshot, i int) {
	rows := s.window.rows
	i = min(max(i, 0), len(rows)-1)
	l.cursor = rows[i].ID
	l.line = min(max(l.line, 0), l.slots-1, i)
	if below := len(rows) - 1 - i; below < l.slots-1-l.line { // no empty lines at the end
		l.line = min(i, l.slots-1-below)
	}
}

// move moves the cursor by n calls. Moving away from the newest ends following.
func (l *calls) move(s *snapshot, n int) {
	if len(s.window.rows) == 0 {
		return
	}
	from := l.at(s)
	to := min(max(from+n, 0), len(s.window.rows)-1)
	if to != 0 || !s.window.newest {
		l.unfollow(s)
	}
	l.line += to - from
	l.put(s, to)
}

func (l *calls) unfollow(s *snapshot) {
	if l.follow && len(s.window.rows) > 0 {
		l.seen = s.window.rows[0].ID
	}
	l.follow = false
}

// first goes to the newest call and follows from there.
func (l *calls) first(s *snapshot) {
	l.follow = !s.window.sorted
	l.line = 0
	if len(s.window.rows) > 0 {
		l.put(s, 0)
	}
}

// last goes to the oldest call, which may have to be read first.
func (l *calls) last(s *snapshot) {
	l.unfollow(s)
	l.line = l.slots - 1
	switch n := len(s.window.rows); {
	case !s.window.oldest:
		l.end = true
	case n > 0:
		l.put(s, n-1)
	}
}

// atEdge tells whether the cursor is at an end of what was read, beyond which
// there is more.
func (l *calls) atEdge(s *snapshot) bool {
	rows := s.window.rows
	return len(rows) > 0 && (l.cursor == rows[0].ID && !s.window.newest || l.cursor == rows[len(rows)-1].ID && !s.window.oldest)
}

// around is what the feed is to read around.
func (l *calls) around() string {
	switch {
	case l.end:
		return oldest
	case l.follow:
		return ""
	}
	return l.cursor
}

// newer counts the calls that came since following ended.
func (l *calls) newer(s *snapshot) int {
	if l.follow || s.window.sorted {
		return 0
	}
	return s.window.place(l.seen)
}

func (l *calls) selected(s *snapshot) *store.CallRow {
	if i := s.window.index(l.cursor); i >= 0 {
		return s.window.rows[i]
	}
	return nil
}

// visible is the calls on the screen.
func (l *calls) visible(s *snapshot) []*store.CallRow {
	i := s.window.index(l.cursor)
	if i < 0 {
		return nil
	}
	top := max(i-l.line, 0)
	return s.window.rows[top:min(top+l.slots, len(s.window.rows))]
}

// running tells whether a call on the screen is under way.
func (l *calls) running(s *snapshot, at layout) bool {
	if at.body.h == 0 {
		return false
	}
	for _, c := range l.visible(s) {
		if s.running(c) {
			return true
		}
	}
	return false
}

// render draws the list and the line of its status.
func (l *calls) render(a area, v view, narrow bool) []string {
	var lines []string
	if narrow {
		for _, c := range l.visible(v.snapshot) {
			lines = append(lines, l.twoLines(c, a.w, &v)...)
		}
		return lines
	}
	cols := columnsFor(a.w, l.age)
	lines = append(lines, cols.head(v.look, v.want.sort))
	for _, c := range l.visible(v.snapshot) {
		lines = append(lines, l.row(c, cols, a, &v))
	}
	return lines
}

// rowKey is what a drawn row depends on.
type rowKey struct {
	id       string
	seq      int64
	width    int
	selected bool
	age      string
}

// cachedRows bounds the memory of drawn rows.
const cachedRows = 1000

// row draws one call, or takes it as it was drawn before.
func (l *calls) row(c *store.CallRow, cols columns, a area, v *view) string {
	key := rowKey{c.ID, c.Seq, a.w, c.ID == l.cursor, ""}
	if l.age {
		key.age = age(v.now.Sub(c.StartedAt))
	} else {
		key.age = day(c.StartedAt.In(v.zone), v.now.In(v.zone))
	}
	if text, ok := l.cache[key]; ok && !c.Running() {
		return text // one that runs changes with the clock
	}
	text := cols.row(c, key.selected, v)
	if !c.Running() {
		if len(l.cache) >= cachedRows {
			clear(l.cache)
		}
		l.cache[key] = text
	}
	return text
}
