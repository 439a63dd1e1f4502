package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A reader notices that its file was replaced or deleted, through a link too,
// and while it waits.
func TestPresent(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "rec.db"), filepath.Join(dir, "link.db")
	make := func(path string) {
		s, err := Open(path, Options{})
		if err == nil {
			err = s.Close(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	make(path)
	make(filepath.Join(dir, "other.db"))
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no links here:", err)
	}
	r := openReader(t, link)
	if err := r.Present(); err != nil {
		t.Errorf("untouched: %v", err)
	}
	if err := errors.Join(os.Remove(link), os.Symlink(filepath.Join(dir, "other.db"), link)); err != nil {
		t.Fatal(err)
	}
	if err := r.Present(); !errors.Is(err, ErrReplaced) {
		t.Errorf("linked elsewhere: %v", err)
	}
	change, err := r.Changed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(context.WithoutCancel(t.Context()), change); !errors.Is(err, ErrReplaced) {
		t.Errorf("waiting: %v", err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := r.Present(); !errors.Is(err, ErrGone) {
		t.Errorf("deleted: %v", err)
	}
}
