package cmd

import (
	"cmp"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"llmgw/store"
)

// table writes rows in aligned columns. A column is as wide as the widest cell
// of the first batch; a later, wider cell pushes what follows it, which is what
// a stream of rows can do.
type table struct {
	w      io.Writer
	widths []int
}

// write adds rows, all of as many cells. Cells are cleaned; an empty one shows
// as "-".
func (t *table) write(rows ...[]string) error {
	first := t.widths == nil
	for _, row := range rows {
		for i, cell := range row {
			if i == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			row[i] = cmp.Or(store.Clean(cell), "-")
			if first {
				t.widths[i] = max(t.widths[i], ansi.StringWidth(row[i]))
			}
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", max(0, t.widths[i]-ansi.StringWidth(cell))+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// writeTable writes rows that are all there is.
func writeTable(w io.Writer, rows [][]string) error {
	return (&table{w: w}).write(rows...)
}
