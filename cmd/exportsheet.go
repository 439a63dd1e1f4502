package cmd

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// sheet is a CSV file with a heading.
type sheet struct {
	columns []string
	rows    [][]string
	at      map[string]int
}

// csvLayout is a CSV file as a provider exports it.
type csvLayout struct {
	service, name string
	marks         []string // columns by which it is recognised
	needs         []string // columns without which it says too little
	read          func(s *sheet, row []string, e *usageExport) error
}

// csvLayouts are tried in this order.
var csvLayouts = slices.Concat(openAISheets, anthropicSheets, openRouterSheets)

func readCSVExport(text []byte) (*usageExport, error) {
	s, err := readSheet(text)
	if err != nil {
		return nil, err
	}
	for i := range csvLayouts {
		l := &csvLayouts[i]
		if !s.has(l.marks) {
			continue
		}
		if missing := s.missing(l.needs); len(missing) > 0 {
			return nil, &exportError{
				fmt.Sprintf("%s, but without the columns %s", l.name, strings.Join(missing, ", ")),
				"it has the columns " + strings.Join(s.columns, ", "),
			}
		}
		return l.export(s)
	}
	return nil, &exportError{"no export that is known here has the columns " + strings.Join(s.columns, ", "), exportsKnown}
}

func (l *csvLayout) export(s *sheet) (*usageExport, error) {
	e := &usageExport{service: l.service, layout: l.name}
	for i, row := range s.rows {
		if err := l.read(s, row, e); err != nil {
			return nil, &exportError{fmt.Sprintf("%s, row %d: %v", l.name, i+2, err), "export it again, unchanged"}
		}
	}
	return e, nil
}

func readSheet(text []byte) (*sheet, error) {
	r := csv.NewReader(bytes.NewReader(text))
	all, err := r.ReadAll()
	if err != nil {
		return nil, &exportError{fmt.Sprintf("neither JSON nor CSV: %v", err), exportsKnown}
	}
	s := &sheet{columns: all[0], rows: all[1:], at: map[string]int{}}
	for i, name := range s.columns {
		name = strings.ToLower(strings.TrimSpace(name))
		s.columns[i] = name
		if _, twice := s.at[name]; twice {
			return nil, &exportError{fmt.Sprintf("the column %q is there twice", name), exportsKnown}
		}
		s.at[name] = i
	}
	return s, nil
}

func (s *sheet) has(columns []string) bool { return len(s.missing(columns)) == 0 }

func (s *sheet) missing(columns []string) []string {
	var list []string
	for _, c := range columns {
		if _, ok := s.at[c]; !ok {
			list = append(list, c)
		}
	}
	return list
}

// cell is the value in a column, "" where there is no such column.
func (s *sheet) cell(row []string, column string) string {
	i, ok := s.at[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(row[i])
}

// blank tells whether a row says nothing in some columns.
func (s *sheet) blank(row []string, columns ...string) bool {
	return !slices.ContainsFunc(columns, func(c string) bool { return s.cell(row, c) != "" })
}

// count reads a count; an empty cell, and a column that is not there, are
// unknown.
func (s *sheet) count(row []string, column string) (llm.Count, error) {
	text := s.cell(row, column)
	if text == "" {
		return llm.Count{}, nil
	}
	n, err := wholeNumber(text)
	if err != nil {
		return n, fmt.Errorf("%s: %w", column, err)
	}
	return n, nil
}

// counts reads several counts into what they measure.
func (s *sheet) counts(row []string, into *measures, columns map[measure]string) error {
	for m, column := range columns {
		n, err := s.count(row, column)
		if err != nil {
			return err
		}
		into[m] = n
	}
	return nil
}

// sum adds up columns; unknown as soon as one that is there says nothing.
func (s *sheet) sum(row []string, columns ...string) (llm.Count, error) {
	total := llm.Tokens(0)
	for _, column := range columns {
		if _, ok := s.at[column]; !ok {
			continue
		}
		n, err := s.count(row, column)
		if err != nil {
			return n, err
		}
		sum := measures{requests: total}
		if err := sum.add(&measures{requests: n}); err != nil {
			return llm.Count{}, err
		}
		total = sum[requests]
	}
	return total, nil
}
