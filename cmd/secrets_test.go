package cmd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

func TestResolveSecret(t *testing.T) {
	keyring.MockInit()
	if err := keyring.Set(keyringService, "openai", "from-keyring"); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	config := filepath.Join(folder, "llmgw.toml")
	for name, text := range map[string]string{"llmgw.toml": "", "key": "from-file\n", "void": " \n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LLMGW_TEST_KEY", "from-env")
	t.Setenv("LLMGW_TEST_VOID", "")

	for ref, want := range map[string]string{
		"env:LLMGW_TEST_KEY":             "from-env",
		"file:key":                       "from-file", // beside the configuration
		"file:" + folder + "/key":        "from-file",
		"keyring:openai":                 "from-keyring",
		"cmd:echo from-cmd":              "from-cmd",
		"sk-literal":                     "sk-literal",
		"sk-with:colon":                  "sk-with:colon",
		"env:":                           "error: names nothing",
		"env:LLMGW_TEST_VOID":            "error: not set or empty",
		"env:LLMGW_TEST_UNSET":           "error: not set or empty",
		"file:void":                      "error: is empty",
		"file:missing":                   "error: reading the secret file:missing",
		"keyring:missing":                "error: reading the secret keyring:missing",
		"cmd:exit 3":                     "error: exit status 3",
		"cmd:printf ''":                  "error: is empty",
		"cmd:echo leaked-secret; exit 1": "error: exit status 1",
	} {
		got, err := resolveSecret(ref, config)
		if wantErr, bad := strings.CutPrefix(want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), wantErr) {
				t.Errorf("%s: %q, %v, want an error with %q", ref, got, err, wantErr)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", ref, got, err, want)
		}
	}
}

// Whoever can write the file could run commands as this user.
func TestCommandSecretOfASharedFileIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes there say nothing about others")
	}
	config := filepath.Join(t.TempDir(), "llmgw.toml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, refused := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o664: true, 0o646: true} {
		if err := os.Chmod(config, mode); err != nil {
			t.Fatal(err)
		}
		got, err := resolveSecret("cmd:echo ran", config)
		if refused != (err != nil) || refused == (got == "ran") {
			t.Errorf("mode %04o: %q, %v, want refused: %v", mode, got, err, refused)
		}
	}
}
