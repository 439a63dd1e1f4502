package cmd

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"reflect"
	"strings"
)

// checkFormat refuses a --format that a command with tables does not have.
func checkFormat(format string) error {
	switch format {
	case "table", "json", "csv":
		return nil
	}
	return usagef("", "--format: %q is none of table, json, csv", format)
}

// writeCSV writes structs as their JSON has them: the members' names, then a
// line each.
func writeCSV[T any](w io.Writer, list []T) error {
	t := reflect.TypeFor[T]()
	lines := make([][]string, 1, 1+len(list))
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		lines[0] = append(lines[0], name)
	}
	for i := range list {
		v := reflect.ValueOf(&list[i]).Elem()
		var cells []string
		for n := range v.NumField() {
			value, err := json.Marshal(v.Field(n).Interface())
			if err != nil {
				return err
			}
			cells = append(cells, csvCell(value))
		}
		lines = append(lines, cells)
	}
	return csv.NewWriter(w).WriteAll(lines)
}
