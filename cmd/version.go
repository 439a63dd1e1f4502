package cmd

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which llmgw this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(g.stdout, "llmgw %s\n", version())
			return err
		},
	}
}

// version says what was built from which commit with what.
func version() string {
	built := fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release() + " " + built
	}
	vcs := map[string]string{}
	for _, s := range info.Settings {
		vcs[s.Key] = s.Value
	}
	commit := ""
	if revision := vcs["vcs.revision"]; revision != "" {
		commit = fmt.Sprintf(" commit %.12s of %s", revision, vcs["vcs.time"])
		if vcs["vcs.modified"] == "true" {
			commit += ", modified"
		}
	}
	return release() + commit + " " + built
}

// release is the version alone, "(devel)" where the build does not know it.
func release() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return cmp.Or(info.Main.Version, "(devel)")
}
