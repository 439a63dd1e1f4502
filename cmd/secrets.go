package cmd

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/zalando/go-keyring"
)

// keyringService is the service under which keyring:NAME is looked up.
const keyringService = "llmgw"

// commandLimit bounds a cmd: secret: long enough to unlock a password manager
// by hand, short enough that a start never hangs for good.
const commandLimit = time.Minute

// resolveSecret returns what a reference in the configuration at configPath
// stands for: env:NAME, file:PATH, keyring:NAME, cmd:COMMAND, or itself. An
// empty secret is an error, never "no key": a call without a key would fail
// far from here. Errors name the reference, not what it stands for.
func resolveSecret(ctx context.Context, ref, configPath string) (string, error) {
	kind, name := splitReference(ref)
	if kind != "" && name == "" {
		return "", fmt.Errorf("%q names nothing", ref)
	}
	var secret string
	var err error
	switch kind {
	case "env":
		secret = os.Getenv(name)
	case "file":
		secret, err = readSecret(besideConfig(name, configPath))
	case "keyring":
		secret, err = keyring.Get(keyringService, name)
	case "cmd":
		secret, err = runSecret(ctx, name, configPath)
	default:
		secret = ref
	}
	if err != nil {
		return "", fmt.Errorf("reading the secret %s: %w", ref, err)
	}
	if secret == "" && kind == "env" {
		return "", fmt.Errorf("the variable %s is not set or empty", name)
	}
	if secret == "" {
		return "", fmt.Errorf("the secret %s is empty", ref)
	}
	return secret, nil
}

// splitReference tells a reference from a literal, whose kind is "".
func splitReference(ref string) (kind, name string) {
	kind, name, _ = strings.Cut(ref, ":")
	switch kind {
	case "env", "file", "keyring", "cmd":
		return kind, name
	}
	return "", ref
}

func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}

// runSecret runs a command of the configuration and takes what it prints.
func runSecret(ctx context.Context, command, configPath string) (string, error) {
	if err := checkCommandAllowed(configPath); err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	c := exec.CommandContext(limited, shell[0], shell[1], command)
	c.Stderr = os.Stderr // a password manager asks there
	c.Stdin = os.Stdin
	c.WaitDelay = time.Second
	out, err := c.Output()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("no answer within %s", commandLimit)
	}
	return strings.TrimSpace(string(out)), err
}

// checkCommandAllowed refuses to run commands out of a file that others can
// write: they could run what they like as this user.
func checkCommandAllowed(configPath string) error {
	if runtime.GOOS == "windows" {
		return nil // modes there say nothing about others
	}
	info, err := os.Stat(configPath)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("cmd: is refused because %s is writable by others (mode %04o); run: chmod go-w %s",
			configPath, info.Mode().Perm(), configPath)
	}
	return nil
}

// besideConfig is a path of the configuration: "~/" is the user's home, and a
// relative one begins at the configuration's folder.
func besideConfig(path, configPath string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if path == "" || filepath.IsAbs(path) || configPath == "" {
		return path
	}
	return filepath.Join(filepath.Dir(configPath), path)
}

// checkSecrets refuses references that cannot be resolved, as far as that can
// be told without asking anyone: no keyring is unlocked and no command is run.
func (f *file) checkSecrets() error {
	var d decoder
	for i, p := range f.Providers {
		path := indexKey("provider", i)
		if f.sets(joinKey(path, "key")) {
			d.refuseSecret(joinKey(path, "key"), p.Key, f.path)
		}
		for n, key := range p.Keys {
			d.refuseSecret(indexKey(joinKey(path, "keys"), n), key, f.path)
		}
		for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
			d.refuseSecret(joinKey(joinKey(path, "headers"), name), p.Headers[name], f.path)
		}
		if p.CAFile != "" {
			if err := checkCertificates(p.CAFile); err != nil {
				d.refuse(joinKey(path, "ca_file"), "%v", err)
			}
		}
	}
	return f.wrong(d.problems)
}

// checkLiteral refuses a key that is no key: an empty one, and a reference that is
// misspelled, which would be sent to the provider as it stands.
func checkLiteral(key string) error {
	if key == "" {
		return errors.New("is empty; leave it out, or name where the key is, as in \"env:NAME\"")
	}
	if kind, name, found := strings.Cut(key, ":"); found && name != "" {
		if near := nearestWord(kind, []string{"env", "file", "keyring", "cmd"}); near != "" {
			return fmt.Errorf("%q is no kind of reference; did you mean \"%s:…\"?", kind+":", near)
		}
	}
	return nil
}

// checkCertificates tells why a ca_file cannot be used.
func checkCertificates(path string) error {
	pem, err := os.ReadFile(path)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return err
}

func (d *decoder) refuseSecret(path, ref, configPath string) {
	var err error
	switch kind, name := splitReference(ref); kind {
	case "env", "file":
		_, err = resolveSecret(context.Background(), ref, configPath) // waits for nothing
	case "cmd":
		err = checkCommandAllowed(configPath)
	case "keyring":
		if name == "" {
			err = errors.New("keyring: names nothing")
		}
	case "":
		err = checkLiteral(ref)
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr
	}
	if err != nil {
		d.refuse(path, "%v", err)
	}
}
