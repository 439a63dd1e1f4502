package store

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// DefaultPath is where the record lives when nobody says otherwise:
// llmgw/llmgw.db in the user's data folder ($XDG_DATA_HOME or ~/.local/share,
// ~/Library/Application Support, %LocalAppData%).
func DefaultPath() (string, error) {
	dir, err := dataFolder()
	if err != nil {
		return "", fmt.Errorf("finding the user's data folder: %w", err)
	}
	return filepath.Join(dir, "llmgw", "llmgw.db"), nil
}

func dataFolder() (string, error) {
	switch runtime.GOOS {
	case "windows":
		return os.UserCacheDir() // %LocalAppData%
	case "darwin":
		return os.UserConfigDir() // ~/Library/Application Support
	}
	// The base directory specification says to ignore a relative value.
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "share"), nil
}

// RuntimeDir is the private folder in which running instances leave their
// addresses: $XDG_RUNTIME_DIR/llmgw, else one in the user's cache folder.
func RuntimeDir() (string, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "llmgw"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w", err)
	}
	return filepath.Join(dir, "llmgw", "run"), nil
}

// dsn is the URI under which SQLite opens path. Going through a URI is what
// makes names with a question mark, a hash or a percent sign safe.
func dsn(path, query string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/data must become /C:/data
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query}).String()
}

// realPath is path, absolute and without symbolic links.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return path, err
	}
	return filepath.EvalSymlinks(path)
}
