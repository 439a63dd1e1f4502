package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Instance is a running server, as it tells others where to find it.
type Instance struct {
	PID       int       `json:"pid"`
	Listen    string    `json:"listen"`
	DB        string    `json:"db"`
	Demo      bool      `json:"demo"`
	StartedAt time.Time `json:"started_at"`
}

// instanceSuffix ends the names of instance files.
const instanceSuffix = ".instance.json"

// RegisterInstance leaves word of a running server in dir (see [RuntimeDir]),
// which is made private when it does not exist. remove takes it back.
func RegisterInstance(dir string, i Instance) (remove func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("registering the running instance: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%d-%d%s", i.PID, i.StartedAt.UnixMicro(), instanceSuffix))
	if err := writePrivate(path, i); err != nil {
		return nil, fmt.Errorf("registering the running instance: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

// Instances returns the servers that live, newest first and demos last. Files
// of dead ones are removed.
func Instances(dir string) ([]Instance, error) {
	files, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+instanceSuffix))
	if err != nil {
		return nil, fmt.Errorf("looking for running instances: %w", err)
	}
	var list []Instance
	for _, path := range files {
		i, alive, err := readInstance(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("looking for running instances: %w", err)
		case alive:
			list = append(list, i)
		default:
			os.Remove(path) // another reader may have been quicker
		}
	}
	slices.SortFunc(list, func(a, b Instance) int {
		if a.Demo != b.Demo {
			return int(bit(a.Demo) - bit(b.Demo))
		}
		return b.StartedAt.Compare(a.StartedAt)
	})
	return list, nil
}

// readInstance reads an instance file and tells whether its server lives: its
// process does, and the lock of its database is held (a pid may be reused).
func readInstance(path string) (Instance, bool, error) {
	var i Instance
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return i, false, nil
	}
	if err != nil {
		return i, false, err
	}
	if json.Unmarshal(text, &i) != nil || !processAlive(i.PID) {
		return i, false, nil
	}
	alive, err := owned(i.DB)
	return i, alive, err
}

func processAlive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	if runtime.GOOS == "windows" {
		return true // FindProcess has opened it
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}

// escapeGlob makes a folder's name match itself only.
func escapeGlob(dir string) string {
	if runtime.GOOS == "windows" {
		return dir // there is no escape, nor a need: * and ? cannot be in names
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
