// Package providers knows how to address, authenticate and judge each service
// that llmgw can call. It holds no connection and no state: a [Provider] builds
// requests, [Classify] and [ClassifyTransport] say what came of them, and a
// [Redactor] keeps credentials out of whatever is written down.
package providers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// Kind says which dialect a service speaks and how it is addressed.
type Kind string

// The kinds, as the configuration spells them.
const (
	OpenAI    Kind = "openai"
	Anthropic Kind = "anthropic"
	Gemini    Kind = "gemini"
	Azure     Kind = "azure"
	Vertex    Kind = "vertex"
	Bedrock   Kind = "bedrock"
)

// Provider is a configured account at a service, ready to be called. It is
// immutable once made.
type Provider struct {
	Name    string
	Kind    Kind
	Dialect llm.Dialect
	Base    *url.URL    // scheme, host and the path its API starts at, without a slash at the end; nothing else
	Keys    []Key       // configured credentials, in the order to try them
	Mode    string      // whose credential goes upstream: CredentialAuto, …
	Headers http.Header // added to every request, over the client's
	CAFile  string
	Free    bool

	// Implicit marks a provider that exists without configuration.
	Implicit bool

	preset  Preset // what is known about the service; zero for one llmgw doesn't know
	company string // the preset name of the company whose credentials belong here, "" for unknown
}

// ConfigError is a [[provider]] table that cannot work.
type ConfigError struct {
	Provider string // its name
	Key      string // the TOML key at fault
	Problem  string
	Remedy   string // what to do about it, "" when the problem says so
}

// Error names the provider, the TOML key and the problem.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("provider %q: %s: %s", e.Provider, e.Key, e.Problem)
}

// Hint says what to do about it.
func (e *ConfigError) Hint() string { return e.Remedy }

// New resolves a [[provider]] table: a preset's name fills in what is not set,
// and env:NAME references are read with env. References of the other forms must
// have been replaced by what they refer to. Errors are *[ConfigError], joined.
func New(cfg Config, env func(string) (string, bool)) (*Provider, error) {
	preset, known := presetNamed(cfg.Name)
	if cfg.Kind != "" && known && Kind(cfg.Kind) != preset.Kind {
		preset, known = Preset{}, false // the name alone makes it no such service
	}
	p := &Provider{
		Name: cfg.Name, Kind: preset.Kind, Mode: cfg.Credential, Headers: http.Header{},
		CAFile: cfg.CAFile, Free: cfg.Free, preset: preset,
	}
	if cfg.Kind != "" {
		p.Kind = Kind(cfg.Kind)
	}
	if p.Mode == "" {
		p.Mode = CredentialAuto
	}
	var errs []error
	refuse := func(key, problem, remedy string) {
		errs = append(errs, &ConfigError{Provider: cfg.Name, Key: key, Problem: problem, Remedy: remedy})
	}
	p.address(cfg, refuse)
	p.identify(known)
	p.readSecrets(cfg, env, refuse)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// address sets the dialect and the base URL.
func (p *Provider) address(cfg Config, refuse func(key, problem, remedy string)) {
	switch p.Kind {
	case OpenAI:
		p.Dialect = llm.OpenAIChat
	case Anthropic:
		p.Dialect = llm.Anthropic
	case Gemini:
		p.Dialect = llm.Gemini
	case "":
		refuse("kind", "is missing and the name is none llmgw knows", `set kind = "openai" for anything OpenAI-compatible`)
	default:
		refuse("kind", fmt.Sprintf("%q is not built yet", p.Kind), "use a provider of kind openai, anthropic or gemini")
	}
	base := cfg.BaseURL
	if base == "" {
		base = p.preset.BaseURL
	}
	if base == "" {
		refuse("base_url", "is missing", "give the address its API starts at, such as https://api.example.com/v1")
		return
	}
	if err := checkBaseURL(base); err != nil {
		refuse("base_url", err.Error(), "")
		return
	}
	u, err := url.Parse(base)
	if err != nil {
		refuse("base_url", "is no URL", "")
		return
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if err := checkPath(path); err != nil {
		refuse("base_url", err.Error(), "")
		return
	}
	p.Base = &url.URL{Scheme: u.Scheme, Host: u.Host}
	setEscapedPath(p.Base, path)
}

// identify finds the company the account is at. The host decides, the name only
// where the host is unknown: a provider called openai at api.groq.com must not
// be sent OpenAI's keys.
func (p *Provider) identify(named bool) {
	if p.Base == nil {
		return
	}
	if at, ok := presetAt(p.Base); ok {
		p.company = at.Name
		if !named || at.Name != p.Name {
			p.preset = at
		}
		return
	}
	if named {
		p.company = p.Name
		p.Free = p.Free || (p.preset.Local && p.Private())
	}
}

// readSecrets sets the keys and headers.
func (p *Provider) readSecrets(cfg Config, env func(string) (string, bool), refuse func(key, problem, remedy string)) {
	refs, key := cfg.Keys, "keys"
	if cfg.Key != "" {
		refs, key = []string{cfg.Key}, "key"
	}
	for _, ref := range refs {
		secret, err := readSecret(ref, env)
		if err != nil {
			refuse(key, err.Error(), "")
			continue
		}
		p.Keys = append(p.Keys, NewKey(secret))
	}
	if preset, known := presetNamed(cfg.Name); len(refs) == 0 && known && p.company == preset.Name {
		if secret, ok := preset.key(env); ok {
			p.Keys = []Key{NewKey(secret)}
		}
	}
	for name, ref := range cfg.Headers {
		value, err := readSecret(ref, env)
		if err != nil {
			refuse("headers", name+": "+err.Error(), "")
			continue
		}
		p.Headers.Set(name, value)
	}
}

// readSecret returns what an env:NAME reference refers to, or ref itself.
func readSecret(ref string, env func(string) (string, bool)) (string, error) {
	name, ok := strings.CutPrefix(ref, "env:")
	value := strings.TrimSpace(ref)
	if ok {
		v, set := env(name)
		value = strings.TrimSpace(v)
		switch {
		case !set:
			return "", fmt.Errorf("the variable %s is not set", name)
		case value == "":
			return "", fmt.Errorf("the variable %s is empty", name)
		}
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errors.New("has a line break or control character in it")
	}
	return value, nil
}

// Speaks tells whether calls of dialect d can be passed through.
func (p *Provider) Speaks(d llm.Dialect) bool {
	return d == p.Dialect || (d == llm.OpenAIResponses && p.Kind == OpenAI && !p.preset.ChatOnly)
}

// SupportsIncludeUsage tells whether a chat stream may be asked for its usage
// with stream_options.include_usage. An unknown service of the dialect is taken
// to; it says 400 if not.
func (p *Provider) SupportsIncludeUsage() bool {
	return p.Kind == OpenAI && !p.preset.NoIncludeUsage
}

// TakesCacheControl tells whether a chat body may hold Anthropic's cache markers.
// OpenRouter documents them (https://openrouter.ai/docs/features/prompt-caching,
// 2026-11); others refuse members that they do not know.
func (p *Provider) TakesCacheControl() bool { return p.preset.Name == "openrouter" }

// TakesThoughts tells whether a chat body may give back what the model thought
// in earlier turns as reasoning_content, as DeepSeek documents for its tool
// loops (https://api-docs.deepseek.com/guides/thinking_mode, 2026-11).
func (p *Provider) TakesThoughts() bool { return p.preset.Name == "deepseek" }

// RefusesThoughts tells whether a service is known to refuse a chat body whose
// history has reasoning_content or reasoning_details: Mistral (422
// extra_forbidden), Groq ("property 'reasoning_content' is unsupported",
// janhq/jan#8136), Cerebras (the same, QwenLM/qwen-code#11045; 2026-09).
func (p *Provider) RefusesThoughts() bool {
	return slices.Contains([]string{"mistral", "groq", "cerebras"}, p.preset.Name)
}

// TakesForeignThoughts tells whether a service is known to take thoughts of
// other services' models in a chat body's history: OpenRouter passes on those
// of whom it asks, DeepSeek reads the text
// (https://openrouter.ai/docs/use-cases/reasoning-tokens, 2026-11).
func (p *Provider) TakesForeignThoughts() bool {
	return p.TakesThoughts() || p.preset.Name == "openrouter"
}

// TakesModels tells whether the service has a chain of its own in the body's
// models, as OpenRouter documents
// (https://openrouter.ai/docs/features/model-routing, 2026-11).
func (p *Provider) TakesModels() bool { return p.preset.Name == "openrouter" }

// Private tells whether the service is on this machine or in a private network,
// as far as its address shows: names are not resolved.
func (p *Provider) Private() bool {
	host := strings.TrimSuffix(strings.ToLower(p.Base.Hostname()), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
	}
	if !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".localhost", ".local", ".internal", ".lan", ".home.arpa"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// TLS returns how to verify the service: as the system does, with the
// authorities of ca_file besides. It is nil without a ca_file.
func (p *Provider) TLS() (*tls.Config, error) {
	if p.CAFile == "" {
		return nil, nil
	}
	fail := func(problem string) error {
		return &ConfigError{Provider: p.Name, Key: "ca_file", Problem: problem, Remedy: "give a PEM file of certificate authorities"}
	}
	pem, err := os.ReadFile(p.CAFile)
	if err != nil {
		return nil, fail(err.Error())
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fail(fmt.Sprintf("%s holds no certificate", p.CAFile))
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
