package cmd

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// badDatabases makes files that are no record to write to, in a folder of
// their own, out of a good one.
func badDatabases(t *testing.T, good []byte) map[string]string {
	t.Helper()
	dir := t.TempDir()
	paths := map[string]string{}
	write := func(name string, data []byte) {
		paths[name] = filepath.Join(dir, name+".db")
		if err := os.WriteFile(paths[name], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newer := bytes.Clone(good)
	copy(newer[60:], []byte{0, 0, 99, 0}) // user_version, https://www.sqlite.org/fileformat.html section 1.3
	damaged := bytes.Clone(good)
	for i := 4096; i < len(damaged); i++ {
		damaged[i] ^= 0x55
	}
	write("newer", newer)
	write("damaged", damaged)
	write("cut", good[:len(good)/2])
	write("text", []byte("this is the diary of somebody\n"))
	write("foreign", nil)
	db, err := sql.Open("sqlite", paths["foreign"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE places (url TEXT)"); err != nil {
		t.Fatal(err)
	}
	return paths
}

// Whatever is at the database's path, each command says in a line what is
// wrong and in another what to do, ends with the code that scripts rely on, and
// leaves the file as it was.
func TestBadDatabasesAreLeftAlone(t *testing.T) {
	g := startGateway(t, "")
	g.post("/v1/chat/completions", strings.NewReader(hello))
	g.stop()
	good, err := os.ReadFile(g.db())
	if err != nil {
		t.Fatal(err)
	}
	checks := map[string]int{"newer": exitFailed, "foreign": exitFailed, "damaged": exitCheck, "cut": exitCheck, "text": exitCheck}
	for name, path := range badDatabases(t, good) {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for command, want := range map[string]int{"db check": checks[name], "logs": exitFailed, "show last": exitFailed, "serve --listen 127.0.0.1:0": exitFailed} {
			c := exec.Command(g.bin, append(strings.Fields(command), "--config", g.config(), "--db", path)...)
			c.Env = g.command().Env
			out, err := c.Output()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != want {
				t.Errorf("%s on a %s file: %v, want exit code %d\n%s", command, name, err, want, stderrOf(err))
				continue
			}
			said := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
			if len(out) > 0 || len(said) != 2 || !strings.HasPrefix(said[0], "llmgw: error: ") || !strings.HasPrefix(said[1], "llmgw: hint: ") {
				t.Errorf("%s on a %s file said %q, %q", command, name, out, said)
			}
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("the %s file was changed, %v", name, err)
		}
	}
}
