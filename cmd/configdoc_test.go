package cmd

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// docs/configuration.md says what the comments of the configuration's structs
// say, with the defaults that the code has.
func TestConfigurationPage(t *testing.T) {
	const page = "../docs/configuration.md"
	want := configurationPage(t)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says; go test ./cmd -run ConfigurationPage -update writes it", page)
	}
}

const configurationHead = `# Configuration

Every option of ` + "`llmgw.toml`" + `, generated from the code that reads it. The same with
comments, to copy from: [llmgw.toml.example](../llmgw.toml.example). What is in force,
and from where: ` + "`llmgw config show --effective`" + `.

Durations are ` + "`\"30s\"`, `\"2m\"`, `\"1h30m\"` or `\"90d\"`" + `, sizes ` + "`\"64MB\"`" + ` (1 KB is 1,024 bytes), money is
a string or an integer in USD. A secret is a reference: ` + "`env:NAME`, `file:PATH`,\n`keyring:NAME` or `cmd:COMMAND`" + `. A key that llmgw does not know, or whose value cannot
work, ends the start with its line and the nearest key there is.
`

func configurationPage(t *testing.T) string {
	t.Helper()
	var page strings.Builder
	page.WriteString(configurationHead)
	comments := structComments{}
	root := reflect.ValueOf(*defaultFile())
	fmt.Fprintf(&page, "\n## Top level\n\n%s", optionTable(t, comments, root, ""))
	for i := range root.NumField() {
		f := root.Type().Field(i)
		key := f.Tag.Get("toml")
		if key == "" {
			continue
		}
		table := root.Field(i)
		heading := "[" + key + "]"
		if f.Type.Kind() == reflect.Slice {
			heading = "[[" + key + "]]"
			element := reflect.New(f.Type.Elem())
			element.Interface().(interface{ setDefaults() }).setDefaults()
			table = element.Elem()
		}
		if table.Kind() != reflect.Struct {
			continue
		}
		fmt.Fprintf(&page, "\n## `%s`\n\n%s\n\n%s", heading, tableComment(t, comments, table.Type()), optionTable(t, comments, table, key))
	}
	return page.String()
}

// tableComment is what the table is for: the comment of its struct without the
// struct's name.
func tableComment(t *testing.T, comments structComments, typ reflect.Type) string {
	if embedded := typ.Field(0); embedded.Anonymous {
		typ = embedded.Type
	}
	text := comments.of(t, typ).text
	_, after, ok := strings.Cut(text, ": ")
	if !ok {
		t.Fatalf("the comment of %v does not say what its table is for", typ)
	}
	return strings.ToUpper(after[:1]) + after[1:]
}

// optionTable lists the options of a table that are no tables themselves.
func optionTable(t *testing.T, comments structComments, v reflect.Value, table string) string {
	var out, below strings.Builder
	out.WriteString("| option | default | what it does |\n|---|---|---|\n")
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		key := f.Tag.Get("toml")
		switch {
		case f.Anonymous:
			return optionTable(t, comments, value, table)
		case key == "" || f.Type.Kind() == reflect.Struct && f.Type.Implements(reflect.TypeFor[fmt.Stringer]()):
			continue
		case table == "" && (f.Type.Kind() == reflect.Struct || f.Type.Kind() == reflect.Slice):
			continue // a table of its own
		}
		text := comments.of(t, v.Type()).fields[f.Name]
		if text == "" {
			t.Errorf("%v.%s has no comment", v.Type(), f.Name)
		}
		text = withKeys(v.Type(), strings.TrimPrefix(text, f.Name+" "))
		if note := notBuiltNote(strings.TrimPrefix(table+"."+key, ".")); note != "" {
			text += " " + note
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", key, defaultCell(value, f.Tag.Get("unit") == "bytes"), strings.ReplaceAll(text, "|", "\\|"))
		inner := f.Type
		if inner.Kind() == reflect.Map {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.Field(0).Tag.Get("toml") != "" {
			fmt.Fprintf(&below, "\n### `%s`\n\n%s", strings.TrimPrefix(table+"."+key, "."), optionTable(t, comments, reflect.Zero(inner), table+"."+key))
		}
	}
	return out.String() + below.String()
}

// withKeys writes the options that a comment mentions as the file has them.
func withKeys(typ reflect.Type, text string) string {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name := regexp.MustCompile(`([^.\]] )\b` + f.Name + `\b`)
		text = name.ReplaceAllString(text, "$1`"+f.Tag.Get("toml")+"`")
	}
	return text
}

func defaultCell(v reflect.Value, bytes bool) string {
	text := formatValue(v, bytes)
	if v.Kind() == reflect.Map && v.Len() == 0 || v.Kind() == reflect.Struct && strings.HasPrefix(text, "{") {
		text = "{}"
	}
	if text == "" {
		return "none"
	}
	return "`" + text + "`"
}

// notBuiltNote says which values are accepted of an option whose feature does
// not exist yet.
func notBuiltNote(option string) string {
	for _, row := range notBuilt {
		if row.option == option {
			return fmt.Sprintf("**Not built yet: only `%s`.**", strings.Join(row.accepts, "` or `"))
		}
	}
	return ""
}

// structComments are the comments of structs, as far as they were read.
type structComments map[reflect.Type]*structComment

type structComment struct {
	text   string
	fields map[string]string
}

func (c structComments) of(t *testing.T, typ reflect.Type) *structComment {
	t.Helper()
	if c[typ] == nil {
		c[typ] = readComments(t, typ)
	}
	return c[typ]
}

// readComments finds the declaration of a struct in the sources of its package.
func readComments(t *testing.T, typ reflect.Type) *structComment {
	t.Helper()
	folder := filepath.Join("..", strings.TrimPrefix(typ.PkgPath(), "llmgw/"))
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				if spec, ok := s.(*ast.TypeSpec); ok && spec.Name.Name == typ.Name() {
					return commentsOf(g.Doc.Text(), spec.Type.(*ast.StructType))
				}
			}
		}
	}
	t.Fatalf("%v is declared nowhere in %s", typ, folder)
	return nil
}

var space = regexp.MustCompile(`\s+`)

func commentsOf(text string, s *ast.StructType) *structComment {
	c := &structComment{text: oneLine(text), fields: make(map[string]string)}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			c.fields[name.Name] = oneLine(f.Doc.Text() + " " + f.Comment.Text())
		}
	}
	return c
}

func oneLine(text string) string { return strings.TrimSpace(space.ReplaceAllString(text, " ")) }
