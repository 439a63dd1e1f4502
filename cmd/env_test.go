package cmd

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"llmgw/proxy"
)

func TestGatewayURL(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:4747": "http://127.0.0.1:4747",
		"localhost:4747": "http://localhost:4747",
		"0.0.0.0:4747":   "http://127.0.0.1:4747",
		":4747":          "http://127.0.0.1:4747",
		"[::]:4747":      "http://[::1]:4747",
		"[::1]:4747":     "http://[::1]:4747",
	} {
		if got := gatewayURL(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
	if got, want := projectURL("127.0.0.1:1", "a b/c"), "http://127.0.0.1:1/p/a%20b%2Fc"; got != want {
		t.Errorf("a project: %s, want %s", got, want)
	}
}

func TestWithoutProxyKeepsWhatIsThere(t *testing.T) {
	for list, want := range map[string]string{
		"":                          "127.0.0.1,localhost",
		"example.com, .corp":        "example.com,.corp,127.0.0.1,localhost",
		"localhost,127.0.0.1,other": "localhost,127.0.0.1,other",
	} {
		if got := withoutProxy(list); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

func TestShellQuoteIsOneWord(t *testing.T) {
	for _, s := range []string{"", "plain", "it's", `$(x) "y" \`, "two\nlines"} {
		out, err := exec.Command("sh", "-c", "printf %s "+shellQuote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q arrives as %q, %v", s, out, err)
		}
	}
}

// Codex reads no variable; its arguments have to come before its own command.
func TestClientArgs(t *testing.T) {
	base := "http://127.0.0.1:1"
	got := clientArgs([]string{"/usr/bin/codex", "exec", "hi"}, base)
	want := []string{"/usr/bin/codex", "-c", `openai_base_url="http://127.0.0.1:1/v1"`, "exec", "hi"}
	if !slices.Equal(got, want) {
		t.Errorf("codex: %q, want %q", got, want)
	}
	other := []string{"claude", "-p", "hi"}
	if got := clientArgs(other, base); !slices.Equal(got, other) {
		t.Errorf("claude: %q, want %q", got, other)
	}
}

func TestGitProject(t *testing.T) {
	folder := t.TempDir() + "/my repo"
	git := func(args ...string) {
		t.Helper()
		c := exec.Command("git", args...)
		c.Env = append(c.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	git("init", "--quiet", "--initial-branch", "feature/x", folder)
	t.Chdir(folder)
	if got, want := gitProject(t.Context()), "my-repo@feature-x"; got != want {
		t.Errorf("in a repository: %q, want %q", got, want)
	}
	git("symbolic-ref", "HEAD", "refs/heads/"+strings.Repeat("x", 200))
	if got := gitProject(t.Context()); len(got) != proxy.MaxName || !strings.HasPrefix(got, "my-repo@xxx") {
		t.Errorf("on a long branch: %q", got)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", t.TempDir())
	t.Chdir(t.TempDir())
	if got := gitProject(t.Context()); got != "" {
		t.Errorf("outside of one: %q", got)
	}
}

// Opencode takes its base URLs from JSON; what a user set there stays.
func TestClientEnvOfOpencode(t *testing.T) {
	find := func(env [][2]string) string {
		for _, v := range env {
			if v[0] == opencodeConfig {
				return v[1]
			}
		}
		return ""
	}
	var config struct {
		Provider map[string]struct{ Options struct{ BaseURL string } }
	}
	text := find(clientEnv("opencode", "http://127.0.0.1:1/p/x", func(string) string { return "" }))
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for name, want := range map[string]string{"openai": "/v1", "anthropic": "/v1", "google": "/v1beta"} {
		if got := config.Provider[name].Options.BaseURL; got != "http://127.0.0.1:1/p/x"+want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := find(clientEnv("opencode", "http://127.0.0.1:1", func(string) string { return "{}" })); got != "" {
		t.Errorf("the user's own was replaced by %s", got)
	}
	if got := find(clientEnv("claude", "http://127.0.0.1:1", func(string) string { return "" })); got != "" {
		t.Errorf("another client got %s", got)
	}
}
