//go:build unix

package cmd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"
)

// A server that `llmgw run` started does not outlive it, even where it is
// killed: it would hold the database for ever.
func TestServerEndsWithItsRun(t *testing.T) {
	g := startGateway(t, "")
	g.stop()
	run := g.command("run", "--project", "p")
	// The flags end before the command.
	run.Args = append(run.Args, "--", "sh", "-c", `echo $$ $OPENAI_BASE_URL; exec sleep 600`)
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var base string
	if _, err := fmt.Fscan(bufio.NewReader(out), &pid, &base); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A connection that was used stays open for minutes, or as long as the server.
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the server is still there: %v", err)
	}
	_ = run.Wait()
}
