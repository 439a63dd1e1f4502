package cmd

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A command in the documents must be one that llmgw takes, with those flags:
// every line of their shell blocks that begins with llmgw is parsed, not run.
func TestDocumentedCommandsParse(t *testing.T) {
	docs, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	parsed := 0
	for _, doc := range append(docs, "../README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range documentedCommands(string(text)) {
			parsed++
			root := newRootCommand(&globals{stdout: io.Discard, stderr: io.Discard})
			c, rest, err := root.Find(args)
			if err == nil && c == root {
				t.Errorf("%s: llmgw has no command %q", doc, args)
				continue
			}
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil {
				err = c.ValidateArgs(c.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: llmgw %s: %v", doc, strings.Join(args, " "), err)
			}
		}
	}
	if parsed == 0 {
		t.Error("no command was found: the pattern is wrong")
	}
}

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	shellWord  = regexp.MustCompile(`'[^']*'|\S+`)
)

// documentedCommands lists the arguments of each llmgw command in a Markdown
// text.
func documentedCommands(text string) [][]string {
	var commands [][]string
	for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line, " #")
			words := shellWord.FindAllString(line, -1)
			if len(words) > 1 && words[0] == "llmgw" {
				commands = append(commands, words[1:])
			}
		}
	}
	return commands
}
