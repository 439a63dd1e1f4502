package cmd_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmgw/store"
)

// docs/money.md lists each column of the view of what was before, in order.
func TestMoneyListsTheColumnsOfRepriced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, table, found := strings.Cut(section(t, readDoc(t, "docs/money.md"), "When a price was wrong"), "`repriced_v`")
	var documented []string
	for _, m := range firstCell.FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	if got := columns(t, db, "repriced_v"); !found || !slices.Equal(documented, got) {
		t.Errorf("repriced_v has the columns\n%q, docs/money.md lists\n%q", got, documented)
	}
}
