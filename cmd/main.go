// Package cmd is the command line: it turns arguments and llmgw.toml into
// wired objects, and what they say into output and exit codes.
package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

// globals is what every command shares.
type globals struct {
	config string // --config: the configuration file
	db     string // --db: the database file
	stdout io.Writer
	stderr io.Writer

	mentioned bool // that ./llmgw.toml is not read
}

// Main runs the command line of this process and returns its exit code: 0 done,
// 1 failed, 2 a usage or configuration error, 3 a check did not hold.
func Main() int {
	// The first signal asks to end in good order, the second ends.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	g := &globals{stdout: os.Stdout, stderr: os.Stderr}
	err := g.run(ctx, os.Args[1:])
	if err != nil {
		printError(g.stderr, err)
	}
	return exitCode(err)
}

// run executes one command line. What goes wrong before a command begins is a
// mistake in it.
func (g *globals) run(ctx context.Context, args []string) error {
	root := newRootCommand(g)
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	root.SetArgs(args)
	root.SetOut(g.stdout)
	root.SetErr(g.stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !began {
		return &usageError{err, "`llmgw help` lists the commands, `llmgw help COMMAND` its flags"}
	}
	return err
}

func newRootCommand(g *globals) *cobra.Command {
	root := newGroup("llmgw", "A gateway between your LLM clients and the services that answer them",
		newServeCommand(g),
		newRunCommand(g),
		newEnvCommand(g),
		newTUICommand(g),
		newLogsCommand(g),
		newShowCommand(g),
		newSpendCommand(g),
		newTargetsCommand(g),
		newCacheCommand(g),
		newPricesCommand(g),
		newConfigCommand(g),
		newDBCommand(g),
		newVersionCommand(g),
	)
	root.Version = version()
	root.SetVersionTemplate("llmgw {{.Version}}\n")
	strictCobra(root)
	root.SilenceErrors = true // Main prints them
	root.SilenceUsage = true
	flags := root.PersistentFlags()
	flags.StringVar(&g.config, "config", "", "configuration `FILE` (default $LLMGW_CONFIG, else llmgw/llmgw.toml in your configuration folder)")
	flags.StringVar(&g.db, "db", "", "database `FILE` (default that of the running instance, else the configured one)")
	return root
}

// newGroup is a command that only holds others. Without a word it explains
// them; a word it does not know is an error, which cobra alone would answer
// with the help text and success.
func newGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: explainGroup}
	group.SuggestionsMinimumDistance = 2
	group.AddCommand(commands...)
	return group
}

func explainGroup(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	return noCommand(c, args[0])
}

func noCommand(c *cobra.Command, name string) error {
	help := fmt.Sprintf("`%s --help` lists them", c.CommandPath())
	if near := c.SuggestionsFor(name); len(near) > 0 {
		help = fmt.Sprintf("did you mean `%s %s`?", c.CommandPath(), cmp.Or(nearestWord(name, near), near[0]))
	}
	return usagef(help, "%s has no command %q", c.CommandPath(), name)
}

// strictCobra takes cobra's own two commands at their word: they, too, answer a
// name that they do not know with success.
func strictCobra(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args, c.RunE = cobra.ArbitraryArgs, explainGroup
		case "help":
			c.Run, c.RunE = nil, func(_ *cobra.Command, args []string) error { return explain(root, args) }
		}
	}
}

// explain prints the help of the command that words name.
func explain(root *cobra.Command, words []string) error {
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if c.HasSubCommands() && len(rest) > 0 {
		return noCommand(c, rest[0])
	}
	return c.Help()
}

// load reads the configuration in force. It does not look whether secrets can
// be resolved: that is [file.checkSecrets].
func (g *globals) load() (*file, error) { return g.loadServed("") }

// loadServed is load for who listens on an address that is not the
// configuration's.
func (g *globals) loadServed(listen string) (*file, error) {
	path, err := findConfig(g.config)
	if err != nil {
		return nil, err
	}
	g.mentionLocal(path)
	return loadFile(path, listen)
}

// mentionLocal says, once, that a configuration in the current folder is not the
// one that is read: whoever put it there may expect it to be.
func (g *globals) mentionLocal(path string) {
	local, err := filepath.Abs("llmgw.toml")
	if err != nil || g.mentioned {
		return
	}
	if _, err := os.Stat(local); err != nil {
		return
	}
	if read, err := filepath.Abs(path); path == "" || err == nil && read != local {
		g.mentioned = true
		g.say("./llmgw.toml is not read; give it with --config if you trust it")
	}
}
