package cmd

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

var update = flag.Bool("update", false, "write what is compared: what the scripts print, and generated pages")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"llmgw": func() { os.Exit(Main()) },
		"ask":   func() { os.Exit(ask()) },
		"await": func() { os.Exit(await()) },
	})
}

// ask is the smallest client: it makes one call to where the environment
// points it and prints the status.
func ask() int {
	body := strings.NewReader(`{"model":"m","messages":[]}`)
	resp, err := http.Post(os.Getenv("OPENAI_BASE_URL")+"/chat/completions", "application/json", body)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	return 0
}

// await says that it is ready and ends with 7 on SIGTERM.
func await() int {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	fmt.Println("ready")
	<-terminated
	return 7
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			for _, v := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"} {
				env.Setenv(v, filepath.Join(env.WorkDir, strings.ToLower(v)))
			}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TZ", "UTC")
			example, err := os.ReadFile("../llmgw.toml.example")
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "llmgw.toml.example"), example, 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    scriptExits,
			"record":   scriptRecord,
			"spending": scriptSpending,
			"caching":  scriptCaching,
		},
	})
}

// scriptExits is `exits CODE PROGRAM ARG...`: the program must end with CODE.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptRecord is `record FILE`: it writes a database with three calls.
func scriptRecord(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: record FILE")
	}
	s, err := store.Open(ts.MkAbs(args[0]), store.Options{})
	ts.Check(err)
	for _, c := range recordedCalls() {
		ts.Check(s.Commit(context.Background(), c))
	}
	ts.Check(s.Close(context.Background()))
}

// recordedCalls are what the scripts read: a call that was answered by the
// second target, one that failed with a hostile text, and one that still runs.
func recordedCalls() []store.Change {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	id := func(at time.Time, n int) string { return store.NewID(at)[:10] + fmt.Sprintf("%016d", n) }
	served := store.Call{
		ID: id(at, 1), StartedAt: at, FinishedAt: at.Add(3 * time.Second), FirstToken: 2500 * time.Millisecond,
		Project: "demo", Client: "curl", Dialect: llm.OpenAIChat, Endpoint: "chat", Method: "POST", Path: "/v1/chat/completions",
		Stream: true, ModelRequested: "gpt-4o", Route: "gpt-*", RouteReason: "glob route gpt-*", Status: store.StatusOK, HTTPStatus: 200,
		Provider: "second", Model: "m2", ModelReported: "m2-2026", UpstreamRequestID: "req_2", FinishReason: "stop", Cache: "off",
		Edits: []string{"model"},
		Usage: llm.Usage{Input: llm.Tokens(10), CachedInput: llm.Tokens(0), Output: llm.Tokens(20)},
		Cost:  price.Of(12_300_000_000), CostSource: store.CostReported, RequestBytes: 30, ResponseBytes: 200,
	}
	failed := store.Call{
		ID: id(at.Add(time.Minute), 2), StartedAt: at.Add(time.Minute), FinishedAt: at.Add(time.Minute + time.Second), FirstToken: -1,
		Project: "default", Client: "evil\x1b[2J\u202e", Dialect: llm.Anthropic, Endpoint: "messages", Method: "POST", Path: "/v1/messages",
		ModelRequested: "cla\u0085ude", Status: store.StatusError, HTTPStatus: 502, Error: "all_targets_failed", ErrorText: "no\x07pe",
		Provider: "first", Model: "m1", Cache: "off", Dropped: []string{"top_k"}, CostSource: store.CostUnpriced,
	}
	running := store.Call{
		ID: id(at.Add(2*time.Minute), 3), StartedAt: at.Add(2 * time.Minute), FirstToken: -1, Project: "default", Client: "curl",
		Dialect: llm.OpenAIChat, Endpoint: "chat", ModelRequested: "gpt-4o", Status: store.StatusRunning, Cache: "off",
	}
	return []store.Change{
		{Call: &served, Final: true, Attempts: []*store.Attempt{
			{CallID: served.ID, N: 1, Provider: "first", Model: "m1", Key: "k_0123abcd", StartedAt: at, Duration: 2 * time.Second, FirstToken: -1,
				Outcome: string(llm.Timeout), Error: "silent for 2s", Why: "next target", CostSource: store.CostUnpriced},
			{CallID: served.ID, N: 2, Provider: "other", Model: "m3", StartedAt: at.Add(2 * time.Second), FirstToken: -1,
				Outcome: store.OutcomeSkipped, Skipped: "breaker", Why: "next target"},
			{CallID: served.ID, N: 3, Provider: "second", Model: "m2", StartedAt: at.Add(2 * time.Second), Duration: time.Second,
				FirstToken: 500 * time.Millisecond, Outcome: store.OutcomeOK, HTTPStatus: 200, Usage: served.Usage, Cost: served.Cost, CostSource: served.CostSource},
		}, Bodies: []store.Body{
			{CallID: served.ID, Part: "request", Data: []byte(`{"model":"gpt-4o","messages":[]}`), ContentType: "application/json"},
			{CallID: served.ID, Part: "response", Data: []byte("data: \x1b[31mred\n\ndata: [DONE]\n\n"), ContentType: "text/event-stream"},
		}},
		{Call: &failed, Final: true, Attempts: []*store.Attempt{
			{CallID: failed.ID, N: 1, Provider: "first", Model: "m1", StartedAt: at.Add(time.Minute), Duration: time.Second, FirstToken: -1,
				Outcome: string(llm.Connect), Error: "no\x07pe", CostSource: store.CostUnpriced},
		}},
		{Call: &running},
	}
}

// A signal sent to `llmgw run` reaches the command, whose exit code is its own.
func TestRunForwardsSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes there cannot be sent signals")
	}
	dir := t.TempDir()
	c := exec.Command("llmgw", "run", "--project", "p", "--", "await")
	c.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "LLMGW_CONFIG=")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the command said %q, %v\n%s", line, err, said.String())
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 7 {
		t.Errorf("%v, want exit code 7\n%s", err, said.String())
	}
}
