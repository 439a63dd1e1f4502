package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"llmgw/store"
)

const (
	// startLimit bounds how long `llmgw run` waits for its server to listen.
	// It takes 0.1 s; secrets that ask a person take longer.
	startLimit = commandLimit + 15*time.Second

	// stopLimit is how long that server may take to end before it is killed:
	// the default shutdown_grace and a little.
	stopLimit = 35 * time.Second

	// pollEvery is how often the port file is looked for.
	pollEvery = 20 * time.Millisecond
)

// childExit is the exit code of the command that `llmgw run` ran.
type childExit int

// Error is empty: the command has said what there was to say.
func (c childExit) Error() string { return "" }

func (c childExit) exitCode() int { return int(c) }

func newRunCommand(g *globals) *cobra.Command {
	project := ""
	c := &cobra.Command{
		Use:   "run [--project P] -- COMMAND [ARG...]",
		Short: "Run a command whose LLM calls go through the gateway",
		Long: "Runs a command with the environment (and for codex the arguments) that points it at the gateway,\n" +
			"starting one for the command's life when none runs. Its exit code is the command's.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("run needs a command, such as `llmgw run -- claude`")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("project") {
				project = gitProject(c.Context())
			}
			return g.runClient(c.Context(), project, args)
		},
	}
	c.Flags().StringVar(&project, "project", "", "charge calls to project `P` (default: git repository and branch)")
	c.Flags().SetInterspersed(false)
	return c
}

func (g *globals) runClient(ctx context.Context, project string, args []string) error {
	instance, ok := g.runningInstance()
	if !ok {
		server, err := g.startServer(ctx)
		if err != nil {
			return fmt.Errorf("starting a gateway for the command: %w", err)
		}
		defer server.stop()
		instance = server.instance
	}
	base := projectURL(instance.Listen, project)
	client := clientName(args[0])
	if client != "codex" { // whose arguments are set below
		for _, note := range clientNotes(client, base) {
			g.say("%s", note)
		}
	}
	began := time.Now()
	code, err := runWith(clientArgs(args, base), clientEnv(client, base, os.Getenv))
	if err != nil {
		return err
	}
	g.sayIfSilent(instance.DB, project, began, args[0])
	if code != 0 {
		return childExit(code)
	}
	return nil
}

// clientArgs adds the arguments without which a client ignores the
// environment.
func clientArgs(args []string, base string) []string {
	if clientName(args[0]) != "codex" {
		return args
	}
	option := fmt.Sprintf("openai_base_url=%q", base+"/v1")
	return append([]string{args[0], "-c", option}, args[1:]...)
}

// runWith runs a command on this terminal and returns its exit code, 128 and
// the signal's number if one ended it.
func runWith(args []string, env [][2]string) (int, error) {
	c := exec.Command(args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = os.Environ()
	for _, v := range env {
		c.Env = append(c.Env, v[0]+"="+v[1]) // the last one of a name counts
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded()...)
	defer signal.Stop(signals)
	if err := c.Start(); err != nil {
		return 0, fmt.Errorf("starting %s: %w", args[0], err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	for {
		select {
		case s := <-signals:
			if !fromTerminal(s) {
				_ = c.Process.Signal(s) // it fails only when the command has ended
			}
		case err := <-done:
			return commandCode(c, err)
		}
	}
}

// fromTerminal tells whether the command has the signal already: what the keys
// of a terminal send goes to every process in its foreground.
func fromTerminal(s os.Signal) bool {
	return s != syscall.SIGTERM && s != syscall.SIGHUP && term.IsTerminal(int(os.Stdin.Fd()))
}

// commandCode is the exit code a shell would give for a command that ended.
func commandCode(c *exec.Cmd, err error) (int, error) {
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return 0, fmt.Errorf("waiting for %s: %w", c.Path, err)
	}
	if code := c.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return signalCode(c.ProcessState), nil
}

// sayIfSilent tells when the command made no call: then it most likely did not
// go through the gateway at all.
func (g *globals) sayIfSilent(db, project string, began time.Time, program string) {
	called, err := calledSince(db, project, began)
	switch {
	case err != nil:
		g.say("cannot tell whether %s called: %v", program, err)
	case !called:
		g.say("%s made no call through the gateway; `llmgw env %s` says what it reads", program, clientName(program))
	}
}

func calledSince(db, project string, began time.Time) (bool, error) {
	r, err := store.OpenReader(db)
	if errors.Is(err, store.ErrNoDatabase) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	q := store.Query{Since: began, Limit: 1}
	if project != "" {
		if q.Filter, err = store.ParseFilter(fmt.Sprintf("project:%q", project)); err != nil {
			return false, err
		}
	}
	calls, err := r.Calls(context.Background(), q)
	return len(calls) > 0, err
}

// ownServer is a gateway started for one command.
type ownServer struct {
	process  *exec.Cmd
	ended    chan error // its end, once
	folder   string     // of its port file
	leash    io.Closer  // the server ends when this closes, kill -9 of this process included
	instance store.Instance
	said     bytes.Buffer // what it wrote; read only after it ended
}

// startServer starts `llmgw serve` on a free port and waits until it answers.
func (g *globals) startServer(ctx context.Context) (*ownServer, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if _, err := g.load(); err != nil {
		return nil, err // said here, in this command's words
	}
	db, err := g.configuredDB()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "llmgw-run-")
	if err != nil {
		return nil, err
	}
	s := &ownServer{ended: make(chan error, 1), folder: folder, instance: store.Instance{DB: db}}
	portFile := filepath.Join(folder, "port")
	args := []string{"serve", "--listen", "127.0.0.1:0", "--port-file", portFile, "--db", db, "--until-stdin-ends"}
	if g.config != "" {
		args = append(args, "--config", g.config)
	}
	s.process = exec.Command(program, args...)
	s.process.Stdout, s.process.Stderr = &s.said, &s.said
	s.process.SysProcAttr = ownGroup() // a Ctrl-C meant for the command must not end its gateway
	if s.leash, err = s.process.StdinPipe(); err == nil {
		err = s.process.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	go func() { s.ended <- s.process.Wait() }()
	if err := s.waitReady(ctx, portFile); err != nil {
		s.stop()
		_, _ = g.stderr.Write(s.said.Bytes()) // its own words; to say that they cannot be written, there is nowhere
		return nil, err
	}
	return s, nil
}

// startError is a gateway that ended before it listened.
type startError struct{ state *os.ProcessState }

// Error says how it ended.
func (e *startError) Error() string { return fmt.Sprintf("it ended at once: %v", e.state) }
func (e *startError) exitCode() int { return max(e.state.ExitCode(), exitFailed) }

// waitReady waits until the server has said where it listens and answers there.
func (s *ownServer) waitReady(ctx context.Context, portFile string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("it did not listen within %s", startLimit)
		case err := <-s.ended:
			s.ended <- err
			return &startError{s.process.ProcessState}
		case <-tick.C:
			text, err := os.ReadFile(portFile)
			listen := strings.TrimSpace(string(text))
			if err != nil || listen == "" {
				continue
			}
			if !strings.Contains(listen, ":") {
				listen = "127.0.0.1:" + listen
			}
			if answers(ctx, listen) {
				s.instance.Listen = listen
				return nil
			}
		}
	}
}

// answers tells whether a gateway is up at the address.
func answers(ctx context.Context, listen string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, gatewayURL(listen)+"/healthz", nil)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is here
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop ends the server in good order, and for certain.
func (s *ownServer) stop() {
	defer os.RemoveAll(s.folder)
	if err := askToEnd(s.process.Process); err == nil {
		select {
		case <-s.ended:
			return
		case <-time.After(stopLimit):
		}
	}
	_ = s.process.Process.Kill() // it fails only when the server has ended
	<-s.ended
}
