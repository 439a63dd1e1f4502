package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"llmgw/store"
)

// How llmgw talks. stdout is data: what was asked for and nothing else, so that
// it can be piped. stderr is talk: every line begins with "llmgw: ", lower
// case, no full stop; "llmgw: error: …" says what is wrong, "llmgw: hint: …"
// below it what to do. Only what rewrites the record asks, and only where a
// person can answer. No colour or cursor movement goes to what is not a terminal
// or where NO_COLOR is set, and text from outside (models, errors, bodies,
// headers) reaches a terminal only through store.Clean. The exit code is one of
// those below.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // a mistake in the command line or the configuration
	exitCheck  = 3 // a check did not hold
)

// usageError is a mistake in the command line.
type usageError struct {
	err  error
	hint string
}

// Error says what the mistake is.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns what was found wrong.
func (e *usageError) Unwrap() error { return e.err }

func (e *usageError) exitCode() int { return exitUsage }

// Hint says what would be right.
func (e *usageError) Hint() string { return e.hint }

// usagef returns a usageError.
func usagef(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

// exitCode is what the process ends with for an error. The method it looks for
// is ours alone: exec.ExitError has an ExitCode too, that of a helper.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var coded interface {
		error
		exitCode() int
	}
	if errors.As(err, &coded) {
		return coded.exitCode()
	}
	return exitFailed
}

// hint returns what the error, or one inside it, suggests to do.
func hint(err error) string {
	var hinted interface {
		error
		Hint() string
	}
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

// printError writes an error and its hint as stderr's contract has it.
func printError(w io.Writer, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line != "" {
			fmt.Fprintf(w, "llmgw: error: %s\n", store.Clean(line))
		}
	}
	for line := range strings.SplitSeq(hint(err), "\n") {
		if line != "" {
			fmt.Fprintf(w, "llmgw: hint: %s\n", store.Clean(line))
		}
	}
}

// say writes one line of talk.
func (g *globals) say(format string, args ...any) {
	fmt.Fprintf(g.stderr, "llmgw: %s\n", store.Clean(fmt.Sprintf(format, args...)))
}

// isTerminal tells whether w shows what is written to a person.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
