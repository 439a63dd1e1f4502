package cmd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"llmgw/store"
)

// terminal is a pseudo-terminal with a program on it, and all it has written.
type terminal struct {
	t    *testing.T
	ctrl *os.File
	tty  *os.File
	seen bytes.Buffer
	mark int // of what was written before the last await
}

func openTerminal(t *testing.T) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) // non-blocking, for deadlines
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	ctrl := os.NewFile(uintptr(fd), "pty")
	t.Cleanup(func() { ctrl.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return &terminal{t: t, ctrl: ctrl, tty: tty}
}

func (p *terminal) resize(w, h int) {
	p.t.Helper()
	if err := unix.IoctlSetWinsize(int(p.tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(h), Col: uint16(w)}); err != nil {
		p.t.Fatal(err)
	}
}

// await reads until what the program wrote since the last await has text in
// it.
func (p *terminal) await(text string) {
	p.t.Helper()
	if err := p.ctrl.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	for !strings.Contains(p.seen.String()[p.mark:], text) {
		n, err := p.ctrl.Read(buf)
		p.seen.Write(buf[:n])
		if err != nil {
			p.t.Fatalf("waiting for %q: %v; so far:\n%q", text, err, p.seen.String()[p.mark:])
		}
	}
	p.mark = p.seen.Len()
}

func (p *terminal) press(keys string) {
	p.t.Helper()
	if _, err := p.ctrl.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// The live view on a terminal: it opens, finds, shows a call, follows the
// terminal's size, and leaves everything as it was.
func TestLiveViewOnATerminal(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "rec.db")
	s, err := store.Open(db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range recordedCalls() {
		if err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := openTerminal(t)
	p.resize(80, 24)
	before, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	live := exec.CommandContext(t.Context(), "llmgw", "tui", "--db", db)
	live.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=1", "LC_ALL=C.UTF-8", "XDG_RUNTIME_DIR="+dir, "LLMGW_CONFIG=", "CI=")
	live.Stdin, live.Stdout = p.tty, p.tty
	var stderr bytes.Buffer
	live.Stderr = &stderr
	live.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	p.await("second ← first timeout")
	p.press("/gpt-4o")
	p.await("2 of 3")
	p.press("\r")
	p.await("filter: gpt-4o")
	p.press("j\r")
	p.await("ATTEMPTS")
	p.resize(120, 40)
	p.await(strings.Repeat("─", 120))
	p.press("\x1b") // alone: the next key is pressed only once this one had its effect
	p.await("MODEL ASKED")
	p.press("q")
	p.await("3 calls") // it went back from the filter
	p.press("q")
	p.await("\x1b[?1049l")
	if err := live.Wait(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v, stderr %q", err, stderr.String())
	}
	if text := p.seen.String(); strings.LastIndex(text, "\x1b[?25h") < strings.LastIndex(text, "\x1b[?25l") {
		t.Error("the cursor stays hidden")
	}
	after, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal is not as it was: %+v, was %+v (%v)", after, before, err)
	}
}
