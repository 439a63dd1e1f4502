package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"llmgw/store"
)

// On a terminal a correction asks first, and no is what anything but yes means.
func TestRepriceAsksOnATerminal(t *testing.T) {
	dir := t.TempDir()
	db, config := filepath.Join(dir, "rec.db"), filepath.Join(dir, "llmgw.toml")
	if err := os.WriteFile(config, []byte("[prices.model.\"openai/gpt-5\"]\ninput = \"4\"\noutput = \"20\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range spendCalls() {
		if err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ answer, says string }{
		{"\r", "nothing was changed"}, {"y\r", "charged 4 attempts anew as correction 1"},
	} {
		p := openTerminal(t)
		p.resize(80, 24)
		c := exec.CommandContext(t.Context(), "llmgw", "spend", "--reprice", "--where", "model:gpt-5", "--db", db, "--config", config)
		c.Env = append(os.Environ(), "NO_COLOR=1", "XDG_RUNTIME_DIR="+dir)
		c.Stdin, c.Stdout, c.Stderr = p.tty, p.tty, p.tty
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		p.await("charge 4 attempts anew? [y/N] ")
		p.press(step.answer)
		p.await(step.says)
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
}
