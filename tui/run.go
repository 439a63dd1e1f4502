package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/tui/quiet"
)

// See package quiet.
var _ = restored()

func restored() bool {
	quiet.Restore()
	return true
}

// framesPerSecond bounds how often the terminal is written to. Bubble Tea wakes
// that often also when there is nothing to write.
const framesPerSecond = 15

// CrashError is a panic of the screen.
type CrashError struct {
	Value any    // what was panicked with
	Stack []byte // of the goroutine that did
	Path  string // file in which value and stack are; empty when it could not be written
}

// Error names the file, or the panic where there is none.
func (e *CrashError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("the screen crashed: %v\n%s", e.Value, e.Stack)
	}
	return fmt.Sprintf("the screen crashed: %v; the stack is in %s", e.Value, e.Path)
}

// Hint says what to do with it.
func (e *CrashError) Hint() string {
	return "the record and the server are untouched; please report the stack, it holds no text of calls"
}

// Run shows the live view on o.Output, a terminal, until the user quits or ctx
// ends. The terminal is restored whatever happens; the error after a panic is
// a [*CrashError].
func Run(ctx context.Context, o Options, input io.Reader) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var p *tea.Program
	defer func() {
		if value := recover(); value != nil {
			if p != nil {
				_ = p.ReleaseTerminal() // whatever is left to restore
			}
			err = crashed(value, o.CrashDir)
		}
	}()
	f := newFeed(ctx, o)
	m := newApp(ctx, o, f)
	m.catchUp() // so that the first frame has something to show
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(input), tea.WithOutput(o.Output), tea.WithFPS(framesPerSecond),
		tea.WithAltScreen(), tea.WithReportFocus(), tea.WithoutCatchPanics(), tea.WithoutSignalHandler(),
	}
	if !o.NoMouse {
		options = append(options, tea.WithMouseCellMotion())
	}
	p = tea.NewProgram(m, options...)
	_, err = p.Run()
	if ctx.Err() != nil {
		return nil // an interrupt is an ordinary end
	}
	return err
}

// crashed leaves the stack where it can be found.
func crashed(value any, dir string) error {
	e, ok := value.(*CrashError) // of the feed
	if !ok {
		e = &CrashError{Value: value, Stack: debug.Stack()}
	}
	file, err := os.CreateTemp(dir, "llmgw-tui-*.crash") // 0600
	if err != nil {
		return e
	}
	if _, err = fmt.Fprintf(file, "%v\n\n%s", e.Value, e.Stack); errors.Join(err, file.Close()) == nil {
		e.Path = file.Name()
	}
	return e
}

// guard turns a panic while reading into a message, since a goroutine that
// panics would leave the terminal as it is.
func guard(read func() tea.Msg) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if value := recover(); value != nil {
				msg = crashMsg{&CrashError{Value: value, Stack: debug.Stack()}}
			}
		}()
		return read()
	}
}

// crashMsg is a panic while reading.
type crashMsg struct{ err *CrashError }
