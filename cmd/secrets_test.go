package cmd

import (
	"context"
	"errors"
	"fmt"
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
		got, err := resolveSecret(t.Context(), ref, config)
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
		got, err := resolveSecret(t.Context(), "cmd:echo ran", config)
		if refused != (err != nil) || refused == (got == "ran") {
			t.Errorf("mode %04o: %q, %v, want refused: %v", mode, got, err, refused)
		}
	}
}

// What would be sent to a provider as it stands is no misspelled reference; each
// mistake is named with its line.
func TestUnusableSecretsAreNamed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "no.pem"), []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string]string{
		`key = "sk-real"`:                "",
		`key = "id:secret"`:              "",
		`key = "evn:OPENAI_API_KEY"`:     `3: provider.key: "evn:" is no kind of reference; did you mean "env:…"?`,
		`keys = ["a", "flie:x"]`:         `3: provider.keys: "flie:" is no kind of reference; did you mean "file:…"?`,
		`key = ""`:                       "3: provider.key: is empty; leave it out",
		`ca_file = "no.pem"`:             "3: provider.ca_file: " + filepath.Join(dir, "no.pem") + " holds no certificate in PEM form",
		`key = "cmd:exit 3"`:             "3: provider.key: reading the secret cmd:exit 3: exit status 3",
		`headers = {x = "keyring:gone"}`: "3: provider.headers.x: reading the secret keyring:gone",
	} {
		f, err := parseFile(filepath.Join(dir, "llmgw.toml"), "[[provider]]\nname = \"openai\"\n"+set, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err = f.checkSecrets(); err == nil {
			_, err = f.resolveProviders(t.Context())
		}
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", set, got, want)
		}
	}
}

// A secret that somebody has to be asked for does not hold up the end.
func TestWaitingForASecretEnds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	config := filepath.Join(t.TempDir(), "llmgw.toml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := filepath.Join(filepath.Dir(config), "asked")
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(asked); err == nil {
				cancel()
			}
			runtime.Gosched()
		}
	}()
	if _, err := resolveSecret(ctx, "cmd:touch '"+asked+"'; exec sleep 30", config); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
