package cmd

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// reconcileReport is both sides, a row for each day and model.
type reconcileReport struct {
	*reconciliation
	rows  []*reconcileRow // in order; hides the map
	total reconcileRow
	off   int // rows that are apart
}

func (c *reconciliation) report() *reconcileReport {
	report := &reconcileReport{reconciliation: c}
	for m := range measureCount {
		for _, row := range c.rows {
			if row.inExport && row.exported[m].Known {
				c.measured = append(c.measured, m)
				break
			}
		}
	}
	for _, row := range c.rows {
		row.judge(c.measured)
		if row.inExport || row.off() {
			report.rows = append(report.rows, row)
		}
	}
	slices.SortFunc(report.rows, func(a, b *reconcileRow) int {
		return cmp.Or(strings.Compare(a.day, b.day), strings.Compare(a.model, b.model))
	})
	report.addUp()
	return report
}

// addUp explains what is off and makes the total.
func (r *reconcileReport) addUp() {
	r.total = *newReconcileRow(dayModel{})
	r.total.inRecord, r.total.inExport = true, true
	for _, row := range r.rows {
		// What is too large for a sum is too large for a total: it stays unknown.
		if r.total.recorded.add(&row.recorded) != nil || r.total.exported.add(&row.exported) != nil {
			r.total.recorded, r.total.exported = measures{}, measures{}
		}
		if row.off() {
			r.off++
			row.cause = r.explain(row)
		}
	}
	r.total.judge(r.measured)
}

// exportedOf is what the export says of a row, unknown where it has none of it.
func (r *reconcileRow) exportedOf(m measure) llm.Count {
	if !r.inExport {
		return llm.Count{}
	}
	return r.exported[m]
}

// percent is by how much of what was exported the record is apart; "" where
// that cannot be said.
func (r *reconcileRow) percent(m measure) string {
	exported := r.exportedOf(m)
	if !r.recorded[m].Known || !exported.Known || exported.N == 0 {
		return ""
	}
	share := 100 * (float64(r.recorded[m].N) - float64(exported.N)) / float64(exported.N)
	return strconv.FormatFloat(share, 'f', 2, 64)
}

// text is a count, or an amount of money, exact; "" when unknown.
func (m measure) text(n llm.Count) string {
	switch {
	case !n.Known:
		return ""
	case m == costUSD:
		return price.Money(n.N).String()
	}
	return strconv.FormatInt(n.N, 10)
}

// words is text for a narrow column.
func (m measure) words(n llm.Count) string {
	switch {
	case !n.Known:
		return "?"
	case m == costUSD:
		return usd(price.Money(n.N))
	}
	return compact(n.N)
}

var measureHeads = [measureCount]string{"REQUESTS", "IN", "CACHED", "WRITTEN", "OUT", "REASONING", "COST"}

// writeTable shows for each measure what is on record and by how much the
// export differs, then the causes.
func (r *reconcileReport) writeTable(w io.Writer, s screen) error {
	if err := s.write(w, r.columns()); err != nil {
		return err
	}
	return s.writeLines(w, append([]string{""}, r.summary()...))
}

func (r *reconcileReport) columns() []column {
	columns := []column{{head: "DAY (UTC)"}}
	if r.export.byModel {
		columns = append(columns, column{head: "MODEL", name: true})
	}
	names := len(columns)
	for i, m := range r.measured {
		const most = int(measureCount)
		drop := i + 1 // what comes last counts most: the money
		columns = append(columns, column{head: measureHeads[m], right: true, drop: most + drop}, column{head: "EXPORT", right: true, drop: drop},
			column{head: "%", right: true, drop: 2*most + drop})
	}
	total := r.total
	total.day = "total"
	for _, row := range append(r.rows[:len(r.rows):len(r.rows)], &total) {
		cells := []string{row.day, row.model}[:names]
		for _, m := range r.measured {
			percent := row.percent(m)
			if row.apart[m] {
				percent += "!"
			}
			exported := "-"
			if row.inExport {
				exported = m.words(row.exported[m])
			}
			cells = append(cells, m.words(row.recorded[m]), exported, percent)
		}
		for i, cell := range cells {
			columns[i].cells = append(columns[i].cells, cell)
		}
	}
	return columns
}

// summary are the lines below the table.
func (r *reconcileReport) summary() []string {
	word := "within"
	if r.off > 0 {
		word = fmt.Sprintf("%s apart by more than", count(int64(r.off), "row"))
	}
	lines := []string{fmt.Sprintf("%s %d %%: the record's attempts at %s against %s, %s to %s", word, tolerance, strings.Join(r.providers, ", "),
		r.export.layout, r.since.Format(time.DateOnly), r.until.AddDate(0, 0, -1).Format(time.DateOnly))}
	for _, row := range r.rows {
		if row.cause != "" {
			lines = append(lines, "  "+joinWords(row.day, row.model)+": "+row.cause)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.elsewhere)) {
		lines = append(lines, fmt.Sprintf("  not compared: %s at %s", count(r.elsewhere[name], "attempt"), name))
	}
	return lines
}

// pairJSON is one measure of both sides. Money is decimal strings, like
// elsewhere, counts are numbers; null is what one side does not say.
type pairJSON struct {
	Recorded   any          `json:"recorded"`
	Exported   any          `json:"exported"`
	Difference any          `json:"difference"`
	Percent    *json.Number `json:"percent"`
	Apart      bool         `json:"apart"` // by more than the tolerance
}

type reconcileRowJSON struct {
	Day      *string             `json:"day"` // null for the total
	Model    *string             `json:"model"`
	Measures map[string]pairJSON `json:"measures"`
	InExport bool                `json:"in_export"`
	InRecord bool                `json:"in_record"`
	Cause    *string             `json:"cause"`
}

func (m measure) json(n llm.Count) any {
	switch {
	case !n.Known:
		return nil
	case m == costUSD:
		return price.Money(n.N).String()
	}
	return n.N
}

func (r *reconcileReport) rowJSON(row *reconcileRow) reconcileRowJSON {
	out := reconcileRowJSON{
		Day: textOrNull(row.day), Model: textOrNull(row.model), Measures: map[string]pairJSON{},
		InExport: row.inExport, InRecord: row.inRecord, Cause: textOrNull(row.cause),
	}
	for _, m := range r.measured {
		out.Measures[measureNames[m]] = pairJSON{
			Recorded: m.json(row.recorded[m]), Exported: m.json(row.exportedOf(m)), Difference: m.json(row.difference(m)),
			Percent: (*json.Number)(textOrNull(row.percent(m))), Apart: row.apart[m],
		}
	}
	return out
}

// difference is what the record has more.
func (r *reconcileRow) difference(m measure) llm.Count {
	exported := r.exportedOf(m)
	if !r.recorded[m].Known || !exported.Known {
		return llm.Count{}
	}
	d, ok := minus(r.recorded[m].N, exported.N)
	return llm.Count{N: d, Known: ok}
}

func (r *reconcileReport) writeJSON(w io.Writer) error {
	rows := []reconcileRowJSON{}
	for _, row := range r.rows {
		rows = append(rows, r.rowJSON(row))
	}
	return writeSafeJSON(w, struct {
		Service     string             `json:"service"`
		Export      string             `json:"export"`
		Since       *string            `json:"since"`
		Until       *string            `json:"until"`
		Providers   []string           `json:"providers"`
		NotCompared map[string]int64   `json:"not_compared"` // attempts at other providers
		Tolerance   int                `json:"tolerance_percent"`
		Apart       int                `json:"rows_apart"`
		Rows        []reconcileRowJSON `json:"rows"`
		Total       reconcileRowJSON   `json:"total"`
	}{
		r.export.service, r.export.layout, jsonTime(r.since), jsonTime(r.until), r.providers, r.elsewhere, tolerance, r.off, rows, r.rowJSON(&r.total),
	})
}

// writeCSV has a line for each measure of a row.
func (r *reconcileReport) writeCSV(w io.Writer) error {
	lines := [][]string{{"day", "model", "measure", "recorded", "exported", "difference", "percent", "apart", "cause"}}
	for _, row := range r.rows {
		for _, m := range r.measured {
			lines = append(lines, []string{
				row.day, store.Clean(row.model), measureNames[m], m.text(row.recorded[m]), m.text(row.exportedOf(m)), m.text(row.difference(m)),
				row.percent(m), strconv.FormatBool(row.apart[m]), store.Clean(row.cause),
			})
		}
	}
	return csv.NewWriter(w).WriteAll(lines)
}
