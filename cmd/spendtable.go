package cmd

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"llmgw/providers/price"
	"llmgw/store"
)

// screen is what a table is drawn for.
type screen struct {
	width int  // in cells; 0: no terminal, so nothing is cut and no bars are drawn
	bold  bool // headings may be
}

// screenOf is the screen behind w.
func screenOf(w io.Writer) screen {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(w) {
		return screen{}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return screen{width: width, bold: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// column is a column of a table that has to fit a screen.
type column struct {
	head   string
	cells  []string
	right  bool // numbers
	name   bool // may be shortened
	drop   int  // dropped where there is no room, the lowest above 0 first
	bar    bool // drawn from shares in whatever room is left
	shares [][2]float64
}

const (
	columnGap = 2
	leastName = 8  // cells a shortened name keeps
	niceName  = 24 // cells a name keeps before a column is dropped
	leastBar  = 6
	mostBar   = 30
	ellipsis  = "…"
)

func (c *column) width() int {
	w := ansi.StringWidth(c.head)
	for _, cell := range c.cells {
		w = max(w, ansi.StringWidth(cell))
	}
	return w
}

// writeLines writes lines of talk below a table, cleaned and cut to the screen.
func (s screen) writeLines(w io.Writer, lines []string) error {
	var b strings.Builder
	for _, line := range lines {
		line = store.Clean(line)
		if s.width > 0 {
			line = ansi.Truncate(line, s.width, ellipsis)
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// write draws the columns. Cells are cleaned; an empty one shows as "-".
func (s screen) write(w io.Writer, columns []column) error {
	rows := 0
	for i := range columns {
		for j, cell := range columns[i].cells {
			columns[i].cells[j] = cmp.Or(store.Clean(cell), "-")
		}
		rows = max(rows, len(columns[i].cells))
	}
	columns = s.fit(columns)
	var b strings.Builder
	for row := -1; row < rows; row++ {
		line := s.line(columns, row)
		if row < 0 && s.bold {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// line is a row, -1 for the headings.
func (s screen) line(columns []column, row int) string {
	var b strings.Builder
	for i := range columns {
		c := &columns[i]
		cell := c.head
		if row >= 0 {
			cell = c.cells[row]
		}
		pad := strings.Repeat(" ", max(0, c.width()-ansi.StringWidth(cell)))
		if c.right {
			cell = pad + cell
		} else {
			cell += pad
		}
		b.WriteString(cell + strings.Repeat(" ", columnGap))
	}
	line := strings.TrimRight(b.String(), " ")
	if s.width > 0 {
		line = ansi.Truncate(line, s.width, ellipsis)
	}
	return line
}

// fit makes the columns as wide as the screen: it shortens long names, then
// drops what matters least, then shortens names further. A bar takes the room
// that is left.
func (s screen) fit(columns []column) []column {
	var kept, bars []column
	for _, c := range columns {
		if c.bar {
			bars = append(bars, c)
		} else {
			kept = append(kept, c)
		}
	}
	if s.width == 0 {
		return kept
	}
	for over(kept, s.width) > 0 && (shorten(kept, niceName, s.width) || dropOne(&kept) || shorten(kept, leastName, s.width)) {
	}
	if room := -over(kept, s.width) - columnGap; len(bars) > 0 && room >= leastBar {
		kept = append(kept, bars[0].drawn(min(room, mostBar)))
	}
	return kept
}

// over is by how many cells the columns are too wide.
func over(columns []column, width int) int {
	total := -columnGap
	for i := range columns {
		total += columns[i].width() + columnGap
	}
	return total - width
}

// shorten cuts the widest name by what is too much, down to least; false when
// none is wider.
func shorten(columns []column, least, width int) bool {
	var widest *column
	for i := range columns {
		if c := &columns[i]; c.name && c.width() > least && (widest == nil || c.width() > widest.width()) {
			widest = c
		}
	}
	if widest == nil {
		return false
	}
	to := max(least, widest.width()-over(columns, width))
	widest.head = ansi.Truncate(widest.head, to, ellipsis)
	cells := make([]string, len(widest.cells))
	for i, cell := range widest.cells {
		cells[i] = ansi.Truncate(cell, to, ellipsis)
	}
	widest.cells = cells
	return true
}

func dropOne(columns *[]column) bool {
	least := -1
	for i, c := range *columns {
		if c.drop > 0 && (least < 0 || c.drop < (*columns)[least].drop) {
			least = i
		}
	}
	if least < 0 {
		return false
	}
	*columns = append((*columns)[:least:least], (*columns)[least+1:]...)
	return true
}

// drawn is a bar column of so many cells.
func (c *column) drawn(width int) column {
	d := column{head: ansi.Truncate(c.head, width, "")}
	for _, s := range c.shares {
		first := cellsOf(s[0], width)
		second := min(cellsOf(s[1], width), width-first)
		d.cells = append(d.cells, strings.Repeat("█", first)+strings.Repeat("▒", second)+strings.Repeat("·", width-first-second))
	}
	return d
}

// cellsOf is how many of width a share takes; something is never nothing.
func cellsOf(share float64, width int) int {
	if share <= 0 || math.IsNaN(share) {
		return 0
	}
	return min(max(int(math.Round(share*float64(width))), 1), width)
}

// usd shows an amount to a hundredth of a cent; exact ones are JSON's. What is
// not zero never shows as zero.
func usd(m price.Money) string {
	const shown = price.USD / 10_000
	switch {
	case m < 0:
		return "-" + usd(-m)
	case m > 0 && m < shown:
		return "<$0.0001"
	}
	rounded := m / shown
	if m%shown >= shown/2 {
		rounded++
	}
	return fmt.Sprintf("$%d.%04d", rounded/10_000, rounded%10_000)
}

// compact shows a count of tokens in at most six characters.
func compact(n int64) string {
	for _, u := range []struct {
		unit string
		size float64
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if v := float64(n) / u.size; v >= 1 && n >= 10_000 {
			return strconv.FormatFloat(v, 'f', 1, 64) + u.unit
		}
	}
	return strconv.FormatInt(n, 10)
}

// ratio is a share of all for a screen; money itself is never divided.
func ratio(part, all price.Money) float64 {
	if all <= 0 {
		return 0
	}
	return float64(part) / float64(all)
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + "%" }

// writeTable shows the rows, their total and what a total hides.
func (r *spendReport) writeTable(w io.Writer, s screen, f spendFlags) error {
	if len(r.rows) > 0 {
		if err := s.write(w, r.columns()); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, strings.Join(r.summary(s, f), "\n")+"\n")
	return err
}

// columns are the rows and the total below them.
func (r *spendReport) columns() []column {
	var columns []column
	for i, key := range r.query.by {
		c := column{head: strings.ToUpper(key), name: key != byDay}
		for j := range r.rows {
			c.cells = append(c.cells, r.rows[j].values[i])
		}
		total := ""
		if i == 0 {
			total = "total"
		}
		c.cells = append(c.cells, total)
		columns = append(columns, c)
	}
	numbers := []column{
		{head: "CALLS", right: true}, {head: "TRIES", right: true, drop: 2}, {head: "IN", right: true, drop: 4}, {head: "OUT", right: true, drop: 5},
		{head: "CACHED", right: true, drop: 3}, {head: "COST", right: true}, {head: "PER CALL", right: true, drop: 1}, {head: "SHARE", right: true, drop: 6},
		{bar: true},
	}
	for _, row := range append(r.rows[:len(r.rows):len(r.rows)], r.total) {
		for i, cell := range row.tableCells(r.total.sum.Cost) {
			numbers[i].cells = append(numbers[i].cells, cell)
		}
		bar := &numbers[len(numbers)-1]
		bar.shares = append(bar.shares, [2]float64{ratio(row.sum.Cost, r.total.sum.Cost)})
	}
	return append(columns, numbers...)
}

func (r *spendRow) tableCells(all price.Money) []string {
	s := &r.sum
	cached, each, share := "", "", ""
	if s.InputTokens > 0 {
		cached = percent(float64(s.CachedInputTokens) / float64(s.InputTokens))
	}
	if s.Calls > 0 && s.UnpricedCalls == 0 {
		each = usd(s.Cost / price.Money(s.Calls))
	}
	if all > 0 {
		share = percent(ratio(s.Cost, all))
	}
	if r.unknown() {
		share = "?"
	}
	return []string{
		strconv.FormatInt(s.Calls, 10), strconv.FormatInt(s.Attempts, 10), compact(s.InputTokens), compact(s.OutputTokens),
		cached, r.costWords(), each, share,
	}
}

// unknown tells whether nothing of the row's cost is known.
func (r *spendRow) unknown() bool { return r.sum.UnpricedCalls > 0 && r.sum.Cost == 0 }

// costWords marks estimates and what is not known: never $0 for that.
func (r *spendRow) costWords() string {
	if r.unknown() {
		return "?"
	}
	text := usd(r.sum.Cost)
	if r.sum.Estimated != 0 {
		text = "~" + text
	}
	if r.sum.UnpricedCalls > 0 {
		text += " + ?"
	}
	return text
}
