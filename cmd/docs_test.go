package cmd_test

import (
	"database/sql"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"llmgw/store"
)

// readDoc returns a file of the repository by its path from the root.
func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns the part of a Markdown text under the second-level heading.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("no section %q", heading)
	}
	before, _, _ := strings.Cut(after, "\n## ")
	return before
}

var codeBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// A newcomer needs two commands, and the second is what CI runs: a project
// whose README and CI test differently is tested by neither.
func TestSetUpIsTwoCommandsAndTheOneOfCI(t *testing.T) {
	var commands []string
	for _, block := range codeBlock.FindAllStringSubmatch(section(t, readDoc(t, "README.md"), "Set up"), -1) {
		commands = append(commands, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	if want := []string{"go run . serve --demo", "go test ./..."}; !slices.Equal(commands, want) {
		t.Fatalf("README's set-up commands are %q, want %q", commands, want)
	}
	if !slices.Contains(strings.Split(readDoc(t, ".ci/run"), "\n"), commands[1]) {
		t.Errorf(".ci/run does not call %q", commands[1])
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// Every relative link of the documents leads to a file.
func TestLinksLeadSomewhere(t *testing.T) {
	checked := 0
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readDoc(t, name), -1) {
			checked++
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	}
	if checked == 0 {
		t.Error("no link was found: the pattern is wrong")
	}
}

// documents lists the Markdown files at the root and under docs.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("../docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = filepath.ToSlash(strings.TrimPrefix(name, ".."+string(filepath.Separator)))
	}
	return names
}

var firstCell = regexp.MustCompile("(?m)^\\| `(\\w+)` \\|")

// The views are what others may rely on: docs/record.md lists each of their
// columns, in order.
func TestRecordListsTheColumnsOfTheViews(t *testing.T) {
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
	for _, view := range []string{"calls_v", "attempts_v", "spend_v"} {
		// A second table of a section explains values.
		table, _, _ := strings.Cut(section(t, readDoc(t, "docs/record.md"), view), "`:\n")
		var documented []string
		for _, m := range firstCell.FindAllStringSubmatch(table, -1) {
			documented = append(documented, m[1])
		}
		if got := columns(t, db, view); !slices.Equal(documented, got) {
			t.Errorf("%s has the columns\n%q, docs/record.md lists\n%q", view, got, documented)
		}
	}
}

func columns(t *testing.T, db *sql.DB, view string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+view+" LIMIT 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

// The example of docs/record.md has each member that `llmgw logs --format
// jsonl` prints, in that order, and no other.
func TestRecordShowsTheMembersOfTheJSON(t *testing.T) {
	printed, err := json.Marshal(store.CallRow{Attempts: []store.Attempt{{}}})
	if err != nil {
		t.Fatal(err)
	}
	block := jsonBlock.FindStringSubmatch(readDoc(t, "docs/record.md"))
	if block == nil {
		t.Fatal("docs/record.md has no example")
	}
	want, got := members(t, string(printed)), members(t, block[1])
	if !slices.Equal(got, want) {
		t.Errorf("the example has the members\n%q, llmgw prints\n%q", got, want)
	}
}

// members lists the names in a JSON text in order, those of inner objects
// too.
func members(t *testing.T, text string) []string {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatalf("no JSON: %s", text)
	}
	var names []string
	for _, m := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}
