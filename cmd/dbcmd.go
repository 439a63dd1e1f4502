package cmd

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"llmgw/store"
)

func newDBCommand(g *globals) *cobra.Command {
	return newGroup("db", "Look after the database", newDBWhereCommand(g), newDBCheckCommand(g), newDBBackupCommand(g))
}

func newDBWhereCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "where",
		Short: "Print the path of the database",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := g.database()
			if err != nil {
				return err
			}
			if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
				g.say("nothing is recorded there yet")
			}
			_, err = fmt.Fprintln(g.stdout, path)
			return err
		},
	}
}

// checkError is a check that did not hold.
type checkError struct{ what string }

// Error says what does not hold.
func (e *checkError) Error() string { return e.what }
func (e *checkError) exitCode() int { return exitCheck }

// damageError is damage so bad that the check could not go on.
type damageError struct{ *store.FileError }

func (e *damageError) exitCode() int { return exitCheck }

// asCheck makes damage that stopped a check the check's result.
func asCheck(err error) error {
	if e, ok := errors.AsType[*store.FileError](err); ok && e.Damaged() {
		return &damageError{e}
	}
	return err
}

func newDBCheckCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look for damage in the database; exit 3 if there is any",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := g.openReader()
			if err != nil {
				return asCheck(err)
			}
			defer r.Close()
			problems, err := r.Check(c.Context())
			if err != nil {
				return asCheck(err)
			}
			if len(problems) == 0 {
				_, err = fmt.Fprintf(g.stdout, "ok: %s\n", r.Path())
				return err
			}
			for _, p := range problems {
				if _, err := fmt.Fprintln(g.stdout, store.Clean(p)); err != nil {
					return err
				}
			}
			return &checkError{fmt.Sprintf("%s has %d problems", r.Path(), len(problems))}
		},
	}
}

func newDBBackupCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a new FILE, also while a server writes it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path, err := g.database()
			if err != nil {
				return err
			}
			if err := store.Backup(c.Context(), path, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(g.stdout, "ok: %s\n", args[0])
			return err
		},
	}
}
