package cmd

import (
	"fmt"
	"regexp"
	"strings"
)

// configError is everything that is wrong with a configuration.
type configError struct {
	path     string
	problems []located // by line
}

// located is one mistake and where it stands.
type located struct {
	line int // 0: nowhere in particular
	text string
}

// indexes are the numbers of tables in a path: the line says which table.
var indexes = regexp.MustCompile(`\[\d+\]`)

// Error puts each mistake on a line of its own.
func (e *configError) Error() string {
	var lines []string
	for _, p := range e.problems {
		where := e.path
		if p.line > 0 {
			where = fmt.Sprintf("%s:%d", e.path, p.line)
		}
		lines = append(lines, where+": "+p.text)
	}
	return strings.Join(lines, "\n")
}

// Hint says where every option is explained.
func (e *configError) Hint() string {
	return "llmgw.toml.example explains every option; `llmgw config check` checks without starting anything"
}

// exitCode is that of a configuration error.
func (e *configError) exitCode() int { return exitUsage }
