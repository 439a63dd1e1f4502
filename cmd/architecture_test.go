package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` says about one package.
type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string // by its non-test files, on this platform
}

// name is how the documents call a package: its folder, "main" for the root.
func (p pkg) name() string {
	if p.ImportPath == "llmgw" {
		return "main"
	}
	return strings.TrimPrefix(p.ImportPath, "llmgw/")
}

// internal lists the packages of ours that p imports.
func (p pkg) internal() []string {
	var names []string
	for _, path := range p.Imports {
		if name, ours := strings.CutPrefix(path, "llmgw/"); ours {
			names = append(names, name)
		}
	}
	return names
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Doc,Imports", "./...")
	list.Dir = ".."
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// row is one line of ARCHITECTURE.md's table of packages.
type row struct{ owns, imports string }

const tableHead = "| package | owns | imports |"

func (r row) line(name string) string {
	return fmt.Sprintf("| `%s` | %s | %s |", name, r.owns, r.imports)
}

// readTable returns the rows of ARCHITECTURE.md by package, and their lines in
// order.
func readTable(t *testing.T) (rows map[string]row, lines []string) {
	t.Helper()
	_, table, found := strings.Cut(readDoc(t, "ARCHITECTURE.md"), tableHead+"\n|---|---|---|\n")
	if !found {
		t.Fatalf("ARCHITECTURE.md has no table headed %s", tableHead)
	}
	rows = map[string]row{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 {
			break
		}
		name := strings.Trim(cells[1], " `")
		rows[name] = row{owns: strings.TrimSpace(cells[2]), imports: strings.TrimSpace(cells[3])}
		lines = append(lines, strings.TrimSpace(line))
	}
	return rows, lines
}

// wantRow is the row of p as the code has it, with the sentence of the
// document or, where there is none yet, of the package's own comment.
func wantRow(p pkg, old row) row {
	want := row{owns: old.owns, imports: "–"}
	if want.owns == "" {
		want.owns = p.Doc
	}
	if names := p.internal(); len(names) > 0 {
		want.imports = "`" + strings.Join(names, "`, `") + "`"
	}
	return want
}

// ARCHITECTURE.md must stay true: its table lists each package with exactly
// what it imports of ours, in the order of `go list`.
func TestArchitectureTableIsTheCode(t *testing.T) {
	rows, got := readTable(t)
	var want []string
	for _, p := range listPackages(t) {
		old, known := rows[p.name()]
		line := wantRow(p, old).line(p.name())
		want = append(want, line)
		if !known {
			t.Errorf("%s: not in the table", p.name())
		} else if old.line(p.name()) != line {
			t.Errorf("%s: the table says imports %q, the code has %q", p.name(), old.imports, p.internal())
		}
		delete(rows, p.name())
	}
	for name := range rows {
		t.Errorf("%s: in the table, not in the code", name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table that the code asks for:\n%s\n|---|---|---|\n%s", tableHead, strings.Join(want, "\n"))
	}
}

// The path of a call names functions that exist.
func TestPathOfACallIsTheCode(t *testing.T) {
	_, path, _ := strings.Cut(section(t, readDoc(t, "ARCHITECTURE.md"), "One call"), "```\n")
	path, _, _ = strings.Cut(path, "```")
	source := sources(t, "../proxy", "../providers/dialect")
	steps := 0
	for line := range strings.Lines(path) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		name = name[strings.LastIndex(name, ".")+1:]
		steps++
		if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + name + `\(`).MatchString(source) {
			t.Errorf("the path of a call goes through %q, which is no function", name)
		}
	}
	if steps == 0 {
		t.Error("no step was found")
	}
}

// sources joins the Go files of folders, tests left out.
func sources(t *testing.T, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		names, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				all.WriteString(readDoc(t, strings.TrimPrefix(filepath.ToSlash(name), "../")))
			}
		}
	}
	return all.String()
}

// fences are the arrows that must never be drawn, whatever the table says:
// packages whose path begins with of may not reach one that begins with to,
// directly or through another package of ours.
var fences = []struct{ of, to, because string }{
	{"llmgw/providers/llm", "llmgw/", "the vocabulary is under everything"},
	{"llmgw/providers/llm", "encoding/json", "the vocabulary knows no JSON"},
	{"llmgw/providers/llm", "net/http", "the vocabulary knows no HTTP"},
	{"llmgw/providers/sim", "llmgw/store", "the simulator keeps a ledger of its own, or it proves nothing"},
	{"llmgw/proxy/breaker", "llmgw/", "a leaf: the standard library only"},
	{"llmgw/proxy/cache", "llmgw/", "a leaf: the standard library only"},
	{"llmgw/proxy", "llmgw/providers/sim", "only cmd and tests may simulate"},
	{"llmgw/proxy", "llmgw/tui", "serving must not need a screen"},
	{"llmgw/providers", "llmgw/proxy", "providers know how to be called, not when"},
	{"llmgw/providers", "llmgw/store", "providers hold no state"},
	{"llmgw/store", "net/http", "the store knows money and usage, not HTTP"},
	{"llmgw/tui", "llmgw/proxy", "the screen reads the store, so it works after a crash too"},
	{"llmgw/", "llmgw/cmd", "only main starts the command line"},
}

func TestNoForbiddenArrow(t *testing.T) {
	pkgs := listPackages(t)
	for _, p := range pkgs {
		reach := reachable(pkgs, p)
		for _, f := range fences {
			if !strings.HasPrefix(p.ImportPath, f.of) {
				continue
			}
			for path, via := range reach {
				if strings.HasPrefix(path, f.to) {
					t.Errorf("%s imports %s: %s", via, path, f.because)
				}
			}
		}
	}
}

// reachable is everything from imports, directly or through packages of ours,
// with the package that imports it.
func reachable(pkgs []pkg, from pkg) map[string]string {
	byPath := map[string]pkg{}
	for _, p := range pkgs {
		byPath[p.ImportPath] = p
	}
	reach := map[string]string{}
	for queue := []pkg{from}; len(queue) > 0; queue = queue[1:] {
		for _, path := range queue[0].Imports {
			if _, seen := reach[path]; seen {
				continue
			}
			reach[path] = queue[0].ImportPath
			if p, ours := byPath[path]; ours {
				queue = append(queue, p)
			}
		}
	}
	return reach
}

// topLevel is what may stand at the root of the repository; anything new goes
// inside one of its folders.
var topLevel = []string{
	"main.go", "llmgw.toml.example", "cmd", "proxy", "providers", "store", "tui", "docs",
	"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
	".ci", ".github", ".git", ".gitignore", ".gitattributes", "go.mod", "go.sum",
}

func TestTopLevelHoldsNothingElse(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	ignored := strings.Fields(readDoc(t, ".gitignore"))
	for _, e := range entries {
		if !slices.Contains(topLevel, e.Name()) && !slices.Contains(ignored, "/"+e.Name()) {
			t.Errorf("%s: not one of the top-level names of ARCHITECTURE.md", e.Name())
		}
	}
}

// SQLite is C translated to Go and works only with the very libc release that
// its go.mod names: an upgrade of all modules must not move one without the
// other.
func TestLibcIsTheOneSQLiteNames(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("finding SQLite's go.mod: %v", err)
	}
	theirs, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	ours, want := libcVersion(readDoc(t, "go.mod")), libcVersion(string(theirs))
	if want == "" || ours != want {
		t.Errorf("go.mod has modernc.org/libc %q, SQLite asks for %q", ours, want)
	}
}

// libcVersion is the version of modernc.org/libc that a go.mod asks for.
func libcVersion(gomod string) string {
	_, after, _ := strings.Cut(gomod, "modernc.org/libc ")
	version, _, _ := strings.Cut(after, "\n")
	version, _, _ = strings.Cut(version, " ")
	return version
}
