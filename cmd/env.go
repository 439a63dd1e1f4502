package cmd

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"llmgw/proxy"
)

// gatewayURL is where clients reach the gateway, without a path: "http://" and
// the address served, one of loopback where it serves every address.
func gatewayURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// projectURL is gatewayURL with the path that charges calls to a project.
func projectURL(listen, project string) string {
	if project == "" {
		return gatewayURL(listen)
	}
	return gatewayURL(listen) + "/p/" + url.PathEscape(project)
}

// clientEnv is what makes a client call the gateway at base: variables in the
// order in which they are shown. Keys are left as they are.
func clientEnv(client, base string, getenv func(string) string) [][2]string {
	env := [][2]string{
		{"OPENAI_BASE_URL", base + "/v1"}, // the SDKs, Qwen Code
		{"OPENAI_API_BASE", base + "/v1"}, // aider and other older tools
		{"ANTHROPIC_BASE_URL", base},      // Claude Code, the SDKs
		{"GOOGLE_GEMINI_BASE_URL", base},  // Gemini CLI, the SDKs
		// A proxy of the environment cannot reach this machine's loopback.
		{"NO_PROXY", withoutProxy(getenv("NO_PROXY"))},
		{"no_proxy", withoutProxy(getenv("no_proxy"))},
	}
	if client == "opencode" && getenv(opencodeConfig) == "" {
		env = append(env, [2]string{opencodeConfig, opencodeProviders(base)})
	}
	return env
}

// opencodeConfig holds configuration that opencode merges over its files
// (https://opencode.ai/docs/config, read 2026-11). It reads no base URLs.
const opencodeConfig = "OPENCODE_CONFIG_CONTENT"

func opencodeProviders(base string) string {
	return fmt.Sprintf(`{"provider":{"openai":{"options":{"baseURL":%q}},"anthropic":{"options":{"baseURL":%q}},"google":{"options":{"baseURL":%q}}}}`,
		base+"/v1", base+"/v1", base+"/v1beta")
}

// withoutProxy adds loopback to a NO_PROXY list.
func withoutProxy(list string) string {
	hosts := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ",")
}

// clientNotes says what a client needs besides the environment; base is the
// gateway's URL for it.
func clientNotes(client, base string) []string {
	switch client {
	case "codex":
		return []string{fmt.Sprintf("codex reads no variable: codex -c openai_base_url=%q", base+"/v1")}
	case "gemini":
		return []string{`gemini also needs "security": {"auth": {"selectedType": "gemini-api-key"}} in its settings.json`}
	case "pi":
		return []string{fmt.Sprintf("pi reads ~/.pi/agent/models.json: baseUrl = %q", base+"/v1")}
	case "cline":
		return []string{fmt.Sprintf("cline keeps its own: cline auth -p openai -k KEY -m MODEL -b %s", base+"/v1")}
	}
	return nil
}

// clientName is how the notes call the program a command starts.
func clientName(program string) string {
	name := strings.ToLower(filepath.Base(program))
	for _, ext := range []string{".exe", ".cmd", ".bat"} {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}

func newEnvCommand(g *globals) *cobra.Command {
	project := ""
	c := &cobra.Command{
		Use:   "env [CLIENT]",
		Short: "Print what points clients at the gateway, for your shell to read",
		Long: "Prints shell assignments: eval \"$(llmgw env)\". With a CLIENT (claude, codex, gemini, opencode, pi,\n" +
			"cline, …) it also says, as a comment, what that client needs besides.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("project") {
				project = gitProject(c.Context())
			}
			client := ""
			if len(args) > 0 {
				client = clientName(args[0])
			}
			return g.printEnv(project, client)
		},
	}
	c.Flags().StringVar(&project, "project", "", "charge calls to project `P` (default: git repository and branch)")
	return c
}

func (g *globals) printEnv(project, client string) error {
	listen, running, err := g.listenAddress()
	if err != nil {
		return err
	}
	base := projectURL(listen, project)
	var lines []string
	for _, v := range clientEnv(client, base, os.Getenv) {
		lines = append(lines, fmt.Sprintf("export %s=%s", v[0], shellQuote(v[1])))
	}
	clients := []string{client}
	if client == "" {
		clients = []string{"codex", "gemini"} // those for which variables are not enough
	}
	for _, name := range clients {
		for _, note := range clientNotes(name, base) {
			lines = append(lines, "# "+note)
		}
	}
	if !running {
		g.say("no llmgw is running; start one with `llmgw serve`")
	}
	_, err = fmt.Fprintln(g.stdout, strings.Join(lines, "\n"))
	return err
}

// listenAddress is where the running gateway listens, else where the
// configuration says it would.
func (g *globals) listenAddress() (listen string, running bool, err error) {
	if i, ok := g.runningInstance(); ok {
		return i.Listen, true, nil
	}
	f, err := g.load()
	if err != nil {
		return "", false, err
	}
	return f.Listen, false, nil
}

// shellQuote makes s one word of a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// notInProject is what a project's name taken from git may not have: it
// becomes part of a path and of filters.
var notInProject = regexp.MustCompile(`[^A-Za-z0-9._@+-]+`)

// gitProject names the current folder's git repository and branch as
// "repository@branch", no longer than a call may say; "" outside of one, or
// without git.
func gitProject(ctx context.Context) string {
	// The common folder is the same for all worktrees of a repository.
	common := gitOutput(ctx, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if common == "" {
		return ""
	}
	name := filepath.Base(strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(common), "/.git"), ".git"))
	if branch := gitOutput(ctx, "symbolic-ref", "--quiet", "--short", "HEAD"); branch != "" {
		name += "@" + branch
	}
	name = notInProject.ReplaceAllString(name, "-")
	return name[:min(len(name), proxy.MaxName)] // all ASCII now
}

// gitOutput runs git here; "" when it fails, which is how it says no.
func gitOutput(ctx context.Context, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
