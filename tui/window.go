package tui

import (
	"slices"

	"llmgw/store"
)

// window is a run of calls without gaps, in the order of the screen. It never
// changes: its methods return new ones.
type window struct {
	rows   []*store.CallRow
	newest bool   // nothing newer is left out
	oldest bool   // nothing older is
	sorted bool   // by something else than arrival
	down   string // id from which on up all was looked at; with a filter that may be below the last row
}

const (
	firstRows  = 200  // read before the first frame
	pageRows   = 500  // read at a time while scrolling
	nearEdge   = 250  // calls left before the next page is read
	windowRows = 2000 // kept at most
)

// index is where a call is, -1 when it is not there.
func (w window) index(id string) int {
	if !w.sorted {
		i, ok := slices.BinarySearchFunc(w.rows, id, byID)
		if !ok {
			return -1
		}
		return i
	}
	return slices.IndexFunc(w.rows, func(c *store.CallRow) bool { return c.ID == id })
}

// byID orders newest first.
func byID(c *store.CallRow, id string) int {
	switch {
	case c.ID > id:
		return -1
	case c.ID < id:
		return 1
	}
	return 0
}

// place is where a call with that id is or would be.
func (w window) place(id string) int {
	i, _ := slices.BinarySearchFunc(w.rows, id, byID)
	return i
}

// older returns w with older calls at its end, down to an id or, where that is
// empty, the oldest; what is then too much goes at the other end.
func (w window) older(page []store.CallRow, down string) window {
	rows := append(slices.Clone(w.rows), pointers(page)...)
	w.down, w.oldest = down, down == ""
	if extra := len(rows) - windowRows; extra > 0 {
		rows, w.newest = rows[extra:], false
	}
	w.rows = rows
	return w
}

// newer returns w with a page of newer calls, given newest first, at its head.
func (w window) newer(page []store.CallRow, last bool) window {
	w.rows = append(pointers(page), w.rows...)
	w.newest = last
	return w.trim()
}

// trim drops the oldest calls that are too many.
func (w window) trim() window {
	if len(w.rows) > windowRows {
		w.rows, w.oldest = w.rows[:windowRows:windowRows], false
		w.down = w.rows[windowRows-1].ID
	}
	return w
}

// merge returns w with calls that changed: those in it are replaced, those
// that belong into it are inserted, those in gone are taken out.
func (w window) merge(changed []store.CallRow, gone map[string]bool) window {
	rows := slices.Clone(w.rows)
	if len(gone) > 0 {
		rows = slices.DeleteFunc(rows, func(c *store.CallRow) bool { return gone[c.ID] })
	}
	for i := range changed {
		c := &changed[i]
		at, found := slices.BinarySearchFunc(rows, c.ID, byID)
		switch {
		case found:
			rows[at] = c
		case at == 0 && !w.newest, c.ID < w.down:
			// beyond what was read
		default:
			rows = slices.Insert(rows, at, c)
		}
	}
	w.rows = rows
	return w.trim()
}

func pointers(list []store.CallRow) []*store.CallRow {
	out := make([]*store.CallRow, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}
