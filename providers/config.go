package providers

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Config is one [[provider]] table: an account at a service.
type Config struct {
	// Name is what routes, targets, records and filters call it: letters,
	// digits, ".", "_" and "-". A preset's name fills in what is not set.
	Name string `toml:"name"`

	// Kind says which dialect it speaks and how it is addressed: openai,
	// anthropic, gemini, azure, vertex, bedrock. Default: the preset's.
	Kind string `toml:"kind"`

	// BaseURL is the service's address with the path its API starts at, such
	// as "https://api.openai.com/v1". Default: the preset's.
	BaseURL string `toml:"base_url"`

	// Key is a reference to the credential: env:NAME, file:PATH, keyring:NAME,
	// cmd:COMMAND, or the key itself. Default: the preset's usual variable when
	// that is set, else none.
	Key string `toml:"key"`

	// Keys are several credentials of one account, tried in this order; instead
	// of Key.
	Keys []string `toml:"keys"`

	// Credential says whose credential goes upstream: auto, configured, client.
	// Default auto: the configured one, but a subscription's token that the
	// client brings goes to its company, or to a server of that dialect on the
	// user's own network, and is replaced nowhere of that dialect. Set
	// configured to send the key whatever the client brings, client to send
	// the client's own or nothing.
	Credential string `toml:"credential"`

	// Headers are added to every request to this provider, over the client's
	// own of the same name (then a declared edit); values may be references as
	// in Key. Default none.
	Headers map[string]string `toml:"headers"`

	// CAFile is a PEM file of certificate authorities to trust besides the
	// system's. Default "". For services behind a company's own authority.
	CAFile string `toml:"ca_file"`

	// Free prices every model at 0 and keeps caps from blocking it. Default
	// false. For models on hardware that is paid for already.
	Free bool `toml:"free"`
}

// The values of Config.Credential.
const (
	CredentialAuto       = "auto"
	CredentialConfigured = "configured"
	CredentialClient     = "client"
)

// DefaultConfig returns the values of a [[provider]] that sets none.
func DefaultConfig() Config {
	return Config{Credential: CredentialAuto}
}

// Validate returns every value that cannot work whatever a preset fills in,
// joined. The text of each error begins with its TOML key and ": ".
func (c Config) Validate() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Name == "", "name: is missing")
	refuse(strings.ContainsFunc(c.Name, badInName), "name: %q has characters other than letters, digits, \".\", \"_\", \"-\"", c.Name)
	switch c.Kind {
	case "", "openai", "anthropic", "gemini", "azure", "vertex", "bedrock":
	default:
		refuse(true, "kind: %q is none of openai, anthropic, gemini, azure, vertex, bedrock", c.Kind)
	}
	if c.BaseURL != "" {
		if err := checkBaseURL(c.BaseURL); err != nil {
			errs = append(errs, fmt.Errorf("base_url: %w", err))
		}
	}
	refuse(c.Key != "" && len(c.Keys) > 0, "keys: set together with key; list them all here")
	for i, k := range c.Keys {
		refuse(k == "", "keys: number %d is empty", i+1)
	}
	switch c.Credential {
	case CredentialAuto, CredentialConfigured, CredentialClient:
	default:
		refuse(true, "credential: %q is none of auto, configured, client", c.Credential)
	}
	for name := range c.Headers {
		refuse(!validHeaderName(name), "headers: %q is no header name", name)
	}
	return errors.Join(errs...)
}

func badInName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("._-", r)
}

// validHeaderName tells whether name is a token of RFC 9110, section 5.6.2.
func validHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return badInName(r) && !strings.ContainsRune("!#$%&'*+^`|~", r)
	})
}

// checkBaseURL refuses what could send a credential to another host than the
// one the file seems to name, and what joining a path would lose.
func checkBaseURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no URL", s)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("%q must begin with http:// or https:// and a host", s)
	case u.User != nil:
		return errors.New("must not hold a user or password; use key or headers")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		return fmt.Errorf("%q must end with the path, without \"?\" or \"#\"", s)
	}
	return nil
}
