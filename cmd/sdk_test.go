package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"llmgw/providers/llm"
	"llmgw/providers/sim"
)

// built is the binary under test, made once a run.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "llmgw-test-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "llmgw")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	build := exec.Command("go", "build", "-o", bin, "llmgw")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building llmgw: %w\n%s", err, out)
	}
	return bin, nil
})

// gateway is a running llmgw serve with two simulated providers behind it.
type gateway struct {
	t         testing.TB
	bin       string
	dir       string
	base      string
	openai    *sim.Sim
	anthropic *sim.Sim
	cmd       *exec.Cmd
	stderr    *bytes.Buffer
	stdout    *bufio.Reader
}

// startGateway runs the built binary on a free port with a configuration of
// its own, a fresh database and nobody else's environment.
func startGateway(t testing.TB, extra string) *gateway {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, bin: bin, dir: t.TempDir(),
		openai:    sim.New(sim.Options{Name: "openai", Dialect: llm.OpenAIChat, Seed: 1}),
		anthropic: sim.New(sim.Options{Name: "anthropic", Dialect: llm.Anthropic, Seed: 2}),
	}
	oa, an := httptest.NewServer(g.openai), httptest.NewServer(g.anthropic)
	t.Cleanup(func() { oa.Close(); an.Close() })
	config := fmt.Sprintf(`
[[provider]]
name = "openai"
base_url = "%s/v1"
key = "sk-openai-configured-secret-0001"

[[provider]]
name = "anthropic"
base_url = "%s"
key = "sk-ant-configured-secret-0002"
%s`, oa.URL, an.URL, extra)
	if err := os.WriteFile(g.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	g.start()
	return g
}

func (g *gateway) config() string { return filepath.Join(g.dir, "llmgw.toml") }
func (g *gateway) db() string     { return filepath.Join(g.dir, "data", "llmgw.db") }

// command is a run of the binary with nothing of this machine's in it.
func (g *gateway) command(args ...string) *exec.Cmd {
	c := exec.Command(g.bin, append(args, "--config", g.config(), "--db", g.db())...)
	c.Dir = g.dir
	c.Env = []string{"HOME=" + g.dir, "XDG_RUNTIME_DIR=" + g.dir, "PATH=" + os.Getenv("PATH"), "NO_COLOR=1"}
	return c
}

// start serves, and returns once the address is printed.
func (g *gateway) start() {
	g.t.Helper()
	g.cmd = g.command("serve", "--listen", "127.0.0.1:0")
	g.stderr = new(bytes.Buffer)
	g.cmd.Stderr = g.stderr
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(g.kill)
	g.stdout = bufio.NewReader(out)
	line, err := g.stdout.ReadString('\n')
	_, base, ok := strings.Cut(strings.TrimSpace(line), "serving on ")
	if err != nil || !ok {
		_ = g.cmd.Wait()
		g.t.Fatalf("llmgw serve did not start: %q, %v\n%s", line, err, g.stderr)
	}
	g.base = base
	go func() { _, _ = io.Copy(io.Discard, g.stdout) }()
}

// kill ends the process as a crash would.
func (g *gateway) kill() {
	if g.cmd.ProcessState == nil {
		_ = g.cmd.Process.Kill()
		_ = g.cmd.Wait()
	}
}

// logged is a call as llmgw logs --format jsonl prints it.
type logged struct {
	ID            string  `json:"id"`
	Status        string  `json:"status"`
	HTTPStatus    *int    `json:"http_status"`
	Error         *string `json:"error"`
	Endpoint      string  `json:"endpoint"`
	Stream        bool    `json:"stream"`
	Provider      *string `json:"provider"`
	FinishReason  *string `json:"finish_reason"`
	Client        *string `json:"client"`
	UpstreamReqID *string `json:"upstream_request_id"`
	Usage         struct {
		Input  *int64 `json:"input_tokens"`
		Output *int64 `json:"output_tokens"`
	} `json:"usage"`
	Attempts []struct {
		Provider string `json:"provider"`
		Model    string `json:"model"`
		Outcome  string `json:"outcome"`
	} `json:"attempts"`
}

// logs reads the record with the binary itself, newest last.
func (g *gateway) logs() []logged {
	g.t.Helper()
	out, err := g.command("logs", "--format", "jsonl", "-n", "100000").Output()
	if err != nil {
		g.t.Fatalf("llmgw logs: %v\n%s", err, stderrOf(err))
	}
	var all []logged
	for line := range bytes.Lines(out) {
		var l logged
		if err := json.Unmarshal(line, &l); err != nil {
			g.t.Fatalf("llmgw logs printed %q: %v", line, err)
		}
		all = append(all, l)
	}
	return all
}

func stderrOf(err error) string {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(e.Stderr)
	}
	return ""
}

func (g *gateway) openaiClient() *openai.Client {
	c := openai.NewClient(option.WithBaseURL(g.base+"/v1"), option.WithAPIKey("sk-client-own-key-12345678"), option.WithMaxRetries(0))
	return &c
}

func (g *gateway) anthropicClient() *anthropic.Client {
	c := anthropic.NewClient(anthropicoption.WithBaseURL(g.base), anthropicoption.WithAPIKey("sk-ant-client-own-key-12345678"), anthropicoption.WithMaxRetries(0))
	return &c
}

var weatherTool = openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
	Name:       "get_weather",
	Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]string{"type": "string"}}},
})

func TestOpenAISDK(t *testing.T) {
	g := startGateway(t, "")
	client, ctx := g.openaiClient(), context.Background()
	ask := openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello [[usage in=123 out=45]]")}}

	whole, err := client.Chat.Completions.New(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Chat.Completions.NewStreaming(ctx, ask)
	var text strings.Builder
	for stream.Next() {
		for _, c := range stream.Current().Choices {
			text.WriteString(c.Delta.Content)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if text.String() != whole.Choices[0].Message.Content {
		t.Errorf("streamed %q, whole %q", text.String(), whole.Choices[0].Message.Content)
	}

	ask.Tools = []openai.ChatCompletionToolUnionParam{weatherTool}
	ask.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}
	tools, err := client.Chat.Completions.New(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	if calls := tools.Choices[0].Message.ToolCalls; len(calls) == 0 || calls[0].Function.Name != "get_weather" {
		t.Errorf("tool calls %+v", calls)
	}
	if _, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "text-embedding-3-small", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("hi")}}); err != nil {
		t.Error(err)
	}
	if page, err := client.Models.List(ctx); err != nil || len(page.Data) == 0 {
		t.Errorf("models: %v", err)
	}

	logs := g.logs()
	if len(logs) != 5 {
		t.Fatalf("%d calls on record, want 5", len(logs))
	}
	for i, l := range logs[:2] {
		if l.Status != "ok" || l.Stream != (i == 1) || l.Usage.Input == nil || *l.Usage.Input != 123 || *l.Usage.Output != 45 || *l.Client != "openai-go" {
			t.Errorf("call %d on record: %+v", i, l)
		}
	}
}

func TestAnthropicSDK(t *testing.T) {
	g := startGateway(t, "")
	client, ctx := g.anthropicClient(), context.Background()
	ask := anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 300, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hello [[usage in=123 out=45]]"))}}

	whole, err := client.Messages.New(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Messages.NewStreaming(ctx, ask)
	var sum anthropic.Message
	for stream.Next() {
		if err := sum.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if sum.Content[0].Text != whole.Content[0].Text || sum.Usage.OutputTokens != 45 {
		t.Errorf("streamed %+v, whole %+v", sum.Content, whole.Content)
	}
	count, err := client.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{Model: "claude-sonnet-4-5", Messages: ask.Messages})
	if err != nil || count.InputTokens == 0 {
		t.Errorf("count_tokens: %+v, %v", count, err)
	}
	if page, err := client.Models.List(ctx, anthropic.ModelListParams{}); err != nil || len(page.Data) == 0 {
		t.Errorf("models: %v", err)
	}
	logs := g.logs()
	if len(logs) != 4 {
		t.Fatalf("%d calls on record, want 4", len(logs))
	}
	for i, l := range logs[:2] {
		if l.Status != "ok" || l.Stream != (i == 1) || l.Usage.Input == nil || *l.Usage.Input != 123 || *l.Usage.Output != 45 || *l.Provider != "anthropic" {
			t.Errorf("call %d on record: %+v", i, l)
		}
	}
}

// A provider's errors arrive as the SDKs' own types, status and request id
// included.
func TestSDKsSeeTheProvidersErrors(t *testing.T) {
	g := startGateway(t, "")
	g.openai.Script(fault(t, "400"), fault(t, "401"))
	g.anthropic.Script(fault(t, "400"))
	ask := openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}}
	_, err := g.openaiClient().Chat.Completions.New(context.Background(), ask)
	if e, ok := errors.AsType[*openai.Error](err); !ok || e.StatusCode != 400 || e.Message == "" {
		t.Errorf("openai-go got %v", err)
	}
	_, err = g.anthropicClient().Messages.New(context.Background(), anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 9, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))}})
	if e, ok := errors.AsType[*anthropic.Error](err); !ok || e.StatusCode != 400 {
		t.Errorf("anthropic-sdk-go got %v", err)
	}
	for _, l := range g.logs() {
		if l.Status != "error" || l.Error == nil || *l.Error != "bad_request" || l.UpstreamReqID == nil {
			t.Errorf("on record: %+v", l)
		}
	}
}

// A stream cut by the provider raises in the SDK, and one that the client
// aborts is on record as the client's doing.
func TestSDKsSeeBrokenStreams(t *testing.T) {
	g := startGateway(t, "")
	g.openai.Script(fault(t, "reset-mid-stream:after=2"))
	g.anthropic.Script(fault(t, "fin-mid-stream:after=2"))
	ask := openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi [[words 50]]")}}
	stream := g.openaiClient().Chat.Completions.NewStreaming(context.Background(), ask)
	for stream.Next() {
	}
	if stream.Err() == nil {
		t.Error("openai-go took a cut stream for a whole one")
	}
	messages := g.anthropicClient().Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 900, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi [[words 50]]"))}})
	for messages.Next() {
	}
	if messages.Err() == nil {
		t.Error("anthropic-sdk-go took a cut stream for a whole one")
	}

	g.openai.Script(fault(t, "hang-mid-stream:after=2"))
	ctx, cancel := context.WithCancel(context.Background())
	stream = g.openaiClient().Chat.Completions.NewStreaming(ctx, ask)
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	cancel()
	if err := g.openai.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	stream.Close()
	g.stop()
	var got []string
	for _, l := range g.logs() {
		got = append(got, l.Status)
	}
	if fmt.Sprint(got) != "[truncated truncated client_gone]" {
		t.Errorf("on record: %v", got)
	}
}

// stop ends the server in good order.
func (g *gateway) stop() {
	g.t.Helper()
	if err := g.cmd.Process.Signal(os.Interrupt); err != nil {
		g.t.Fatal(err)
	}
	if err := g.cmd.Wait(); err != nil {
		g.t.Errorf("llmgw serve ended with %v\n%s", err, g.stderr)
	}
}

func fault(t *testing.T, text string) sim.Fault {
	t.Helper()
	f, err := sim.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// No credential, configured or brought, may be found in any file, log or
// error, whatever happens (SF-A2).
func TestNoCredentialIsLeft(t *testing.T) {
	g := startGateway(t, "")
	canaries := []string{"sk-openai-configured-secret-0001", "sk-ant-configured-secret-0002", "sk-canary-client-key-99999999", "sk-proj-Zx8bQw3nVt6yLm2cRk9dHs4fJg7aPe5uTi1oKq0wXv"}
	g.openai.Script(fault(t, "401"), sim.Fault{}, fault(t, "500"), fault(t, "500"), fault(t, "reset-mid-stream"))
	for i := range 4 {
		body := fmt.Sprintf(`{"model":"gpt-4o","stream":%v,"messages":[{"role":"user","content":"my key is sk-proj-Zx8bQw3nVt6yLm2cRk9dHs4fJg7aPe5uTi1oKq0wXv"}]}`, i == 3)
		req, err := http.NewRequest("POST", g.base+"/v1/chat/completions?key=sk-canary-client-key-99999999", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer sk-canary-client-key-99999999")
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	g.stop()
	show, err := g.command("show", "last", "--raw", "--body", "request").CombinedOutput()
	if err != nil {
		t.Errorf("llmgw show: %v\n%s", err, show)
	}
	where := map[string][]byte{"stderr": g.stderr.Bytes(), "show": show}
	err = filepath.WalkDir(g.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == g.config() {
			return err
		}
		where[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range where {
		for _, canary := range canaries {
			if bytes.Contains(data, []byte(canary)) {
				t.Errorf("%s is in %s", canary, name)
			}
		}
	}
	if len(where) < 3 {
		t.Errorf("only %d places searched", len(where))
	}
}
