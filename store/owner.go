package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	// lockTries and lockPause cover the instant in which a reader that wonders
	// whether the owner lives holds the lock itself.
	lockTries = 10
	lockPause = 20 * time.Millisecond
)

// ownerLock makes one server the owner of a database. The lock is on a file
// beside it, and who the owner is stands in yet another: on Windows the locked
// bytes could not be read.
type ownerLock struct {
	path string // of the database
	lock *flock.Flock
}

func lockPath(path string) string  { return path + ".lock" }
func ownerPath(path string) string { return path + ".owner" }

// takeOwnership fails with a [*LockedError] while another server lives.
func takeOwnership(path string, who Instance) (*ownerLock, error) {
	o := &ownerLock{path: path, lock: flock.New(lockPath(path), flock.SetPermissions(0o600))}
	for try := 1; ; try++ {
		got, err := o.lock.TryLock()
		if err != nil {
			return nil, &FileError{Op: "locking", Path: path, Err: err}
		}
		if got {
			break
		}
		if try == lockTries {
			return nil, &LockedError{Path: path, Owner: readOwner(path)}
		}
		time.Sleep(lockPause)
	}
	if err := o.describe(who); err != nil {
		return nil, errors.Join(err, o.lock.Unlock())
	}
	return o, nil
}

// describe leaves word of who the owner is.
func (o *ownerLock) describe(who Instance) error {
	if who.PID == 0 {
		who.PID = os.Getpid()
	}
	if err := writePrivate(ownerPath(o.path), who); err != nil {
		return fmt.Errorf("naming the owner of %s: %w", o.path, err)
	}
	return nil
}

func (o *ownerLock) release() error {
	err := os.Remove(ownerPath(o.path))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, o.lock.Close())
}

// readOwner returns who said to own the database; zero when nobody legible.
func readOwner(path string) Instance {
	var i Instance
	text, err := os.ReadFile(ownerPath(path))
	if err != nil || json.Unmarshal(text, &i) != nil {
		return Instance{}
	}
	return i
}

// owned tells whether a living server owns the database at path.
func owned(path string) (bool, error) {
	if _, err := os.Stat(lockPath(path)); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	probe := flock.New(lockPath(path), flock.SetPermissions(0o600))
	free, err := probe.TryRLock()
	return !free && err == nil, errors.Join(err, probe.Close())
}

// writePrivate writes v as JSON to a file of mode 0600, whole or not at all.
func writePrivate(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".llmgw-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
