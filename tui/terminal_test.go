package tui

import (
	"os"
	"testing"
)

func TestNeedsASCII(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, false},
		{map[string]string{"TERM": "linux", "LANG": "en_US.UTF-8"}, true},
		{map[string]string{"LANG": "C"}, true},
		{map[string]string{"LANG": "de_DE.ISO-8859-1"}, true},
		{map[string]string{"LC_ALL": "C.utf8", "LANG": "C"}, false},
		{map[string]string{"LC_CTYPE": "POSIX", "LANG": "en_US.UTF-8"}, true},
		{map[string]string{"LANG": "ja_JP.UTF-8"}, true},
		{map[string]string{"RUNEWIDTH_EASTASIAN": "1", "LANG": "en_US.UTF-8"}, true},
		{map[string]string{}, false},
	} {
		if got := NeedsASCII(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}

// What is asked for comes first, then what the environment says of colours.
func TestColoursOf(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		mode string
		env  map[string]string
		want Colours
	}{
		{"never", nil, Mono},
		{"never", map[string]string{"CLICOLOR_FORCE": "1"}, Mono},
		{"auto", nil, Mono}, // a file shows none
		{"always", nil, ANSI},
		{"always", map[string]string{"NO_COLOR": "1"}, ANSI},
		{"auto", map[string]string{"CLICOLOR_FORCE": "1"}, ANSI},
		{"auto", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, Mono},
		{"auto", map[string]string{"CLICOLOR": "0"}, Mono},
	} {
		for _, name := range []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"} {
			t.Setenv(name, c.env[name])
		}
		if got := ColoursOf(file, c.mode); got != c.want {
			t.Errorf("--color %s with %v: %d, want %d", c.mode, c.env, got, c.want)
		}
	}
}
