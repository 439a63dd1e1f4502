package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"llmgw/providers/price"
)

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	home := t.TempDir()
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "deep", "er", "llmgw.db")
	s := openStoreAt(t, path, Options{})
	record(t, s, 1)
	for name, want := range map[string]fs.FileMode{
		home:                        0o755, // the user's own: not ours to change
		filepath.Join(home, "deep"): 0o700,
		filepath.Dir(path):          0o700,
		path:                        0o600,
		path + "-wal":               0o600,
		path + "-shm":               0o600,
		lockPath(path):              0o600,
		ownerPath(path):             0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// TestReadableFileIsTightened covers a file that came out of a backup or an
// older umask.
func TestReadableFileIsTightened(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	path := filepath.Join(t.TempDir(), "llmgw.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	openStoreAt(t, path, Options{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestOpenRefusesWithAHint(t *testing.T) {
	// corrupt makes a good database and spoils it.
	corrupt := func(spoil func(t *testing.T, path string)) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			s, err := Open(path, Options{Version: "0.9"})
			if err != nil {
				t.Fatal(err)
			}
			record(t, s, 300)
			closeStore(t, s)
			spoil(t, path)
		}
	}
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, path string)
		says    string
		hints   string
	}{
		"not a database": {func(t *testing.T, path string) {
			write(t, path, bytes.Repeat([]byte("plain text\n"), 1000))
		}, "not a database", "--db"},
		"truncated": {corrupt(func(t *testing.T, path string) {
			if err := os.Truncate(path, 3*pageSize); err != nil {
				t.Fatal(err)
			}
		}), "malformed", "db backup"},
		"emptied beside its write-ahead log": {func(t *testing.T, path string) {
			write(t, path, nil)
			write(t, path+"-wal", []byte("rows"))
		}, "its -wal is not", "-wal"},
		"newer": {corrupt(func(t *testing.T, path string) {
			execRaw(t, path, "PRAGMA user_version = 999")
		}), "llmgw 0.9 (schema 999)", "update llmgw"},
		"of another program": {func(t *testing.T, path string) {
			execRaw(t, path, "CREATE TABLE bookmarks (url TEXT)")
		}, "another program", "--db"},
		"below a file": {func(t *testing.T, path string) {
			write(t, filepath.Dir(path), nil)
		}, "not a directory", ""},
		"a folder": {func(t *testing.T, path string) {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a directory", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "llmgw.db")
			if name != "below a file" {
				if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			tc.prepare(t, path)
			_, err := Open(path, Options{})
			var hinted interface{ Hint() string }
			if err == nil || !strings.Contains(err.Error(), tc.says) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), tc.hints) {
				t.Fatalf("Open: %v; want %q with hint %q", err, tc.says, tc.hints)
			}
			if _, err := os.Stat(ownerPath(path)); err == nil {
				t.Error("a failed Open left its owner file")
			}
		})
	}
}

// TestRefusedFilesAreNotChanged keeps a wrong --db from damaging what is there.
func TestRefusedFilesAreNotChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	execRaw(t, path, "CREATE TABLE bookmarks (url TEXT)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil {
		t.Fatal("another program's database was opened")
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	s := openStore(t, Options{Owner: Instance{PID: 4711, Listen: "127.0.0.1:4747"}})
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(s.Path(), link); err != nil {
		t.Skip("no symbolic links:", err)
	}
	for _, path := range []string{s.Path(), link} {
		_, err := Open(path, Options{})
		locked, ok := errors.AsType[*LockedError](err)
		if !ok || locked.Owner.PID != 4711 || !strings.Contains(err.Error(), "127.0.0.1:4747") || locked.Hint() == "" {
			t.Errorf("Open(%s): %v; want a refusal that names the owner", path, err)
		}
	}
	closeStore(t, s)
	again := openStoreAt(t, s.Path(), Options{})
	record(t, again, 1)
}

// TestDeadServersCallsAreInterrupted copies the files of a running store, as a
// crash would leave them.
func TestDeadServersCallsAreInterrupted(t *testing.T) {
	s := openStore(t, Options{})
	done, a := begun(0)
	commit(t, s, Change{Call: done, Attempts: []*Attempt{a}})
	done, a = ended(done, a)
	commit(t, s, Change{Call: done, Attempts: []*Attempt{a}, Final: true})

	held, a := begun(1) // one attempt failed and was billed, the next was out
	failed, out := *a, *a
	failed.Outcome, failed.Duration, failed.Cost, failed.CostSource = "timeout", 1, price.Of(5), CostReported
	out.N, out.Held = 2, price.Of(100)
	commit(t, s, Change{Call: held, Attempts: []*Attempt{&failed, &out}})

	free, b := begun(2) // nothing was held for it
	b.Held = price.Amount{}
	commit(t, s, Change{Call: free, Attempts: []*Attempt{b}})

	path := copyFiles(t, s.Path())
	openStoreAt(t, path, Options{})
	r := openReader(t, path)
	for _, want := range []struct {
		id, outcome, source string
		status              Status
		cost                price.Amount
	}{
		{done.ID, OutcomeOK, CostReported, StatusOK, price.Of(12_300_000_000)},
		{held.ID, OutcomeInterrupted, CostEstimated, StatusInterrupted, price.Of(105)},
		{free.ID, OutcomeInterrupted, CostUnpriced, StatusInterrupted, price.Amount{}},
	} {
		got, err := r.Find(t.Context(), want.id)
		if err != nil {
			t.Fatal(err)
		}
		last := got.Attempts[len(got.Attempts)-1]
		if got.Status != want.status || last.Outcome != want.outcome || got.Cost != want.cost || got.CostSource != want.source {
			t.Errorf("got %s %s %v %q, want %+v", got.Status, last.Outcome, got.Cost, got.CostSource, want)
		}
	}
	if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %q, %v", problems, err)
	}
}

func TestOpenReaderRefuses(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	write(t, empty, nil)
	for _, path := range []string{filepath.Join(dir, "none.db"), empty} {
		if _, err := OpenReader(path); !errors.Is(err, ErrNoDatabase) {
			t.Errorf("OpenReader(%s): %v; want ErrNoDatabase", path, err)
		}
	}
	text := filepath.Join(dir, "text.db")
	write(t, text, bytes.Repeat([]byte("plain text\n"), 1000))
	_, err := OpenReader(text)
	if bad, ok := errors.AsType[*FileError](err); !ok || bad.Hint() == "" {
		t.Errorf("OpenReader of a text file: %v", err)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func execRaw(t *testing.T, path, query string) {
	t.Helper()
	c, err := openConn(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.exec(query), c.close()); err != nil {
		t.Fatal(err)
	}
}

// copyFiles copies a database and its -wal as they are on disk right now.
func copyFiles(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		write(t, to+suffix, data)
	}
	return to
}
