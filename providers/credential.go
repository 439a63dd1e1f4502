package providers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"llmgw/providers/llm"
)

// Key is a configured credential. Printing it shows its id.
type Key struct{ secret string }

// NewKey returns the key with that secret.
func NewKey(secret string) Key { return Key{secret} }

// ID is what the key is called wherever it is shown: k_ and eight hex digits of
// its hash.
func (k Key) ID() string { return secretID(k.secret) }

// String returns the id, so that no format verb shows the secret.
func (k Key) String() string { return k.ID() }

// GoString returns the id, for %#v.
func (k Key) GoString() string { return k.ID() }

func secretID(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return "k_" + hex.EncodeToString(sum[:4])
}

// Credential is what one attempt authenticates with, or what a client brought.
// Printing it shows its id.
type Credential struct {
	ID     string // k_ and eight hex digits, "" for none
	Client bool   // the client's own: a 401 is its business and no strike
	Plan   bool   // a subscription or OAuth token: its calls cost 0
	For    string // the company it is meant for, by its format, else by the path's dialect; "" for unknown

	// Gateway is the key of llmgw's own that the client presented, "" without
	// one. It is never sent upstream.
	Gateway string

	secret     string
	header     string // the header it came in, canonical; "" when it came in the URL
	scheme     string // of Authorization, as the client spelt it
	recognised bool   // For is certain, by the format
}

// String returns the id, so that no format verb shows the secret.
func (c Credential) String() string { return c.ID }

// GoString returns the id, for %#v.
func (c Credential) GoString() string { return c.ID }

// Fingerprint tells credentials apart where ID is too short to: nobody can make
// a second one that has the same. It covers how the credential is sent and the
// key of llmgw's own beside it, is different for none at all, and is not shown
// to anyone.
func (c Credential) Fingerprint() [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{c.secret, c.header, c.scheme, c.Gateway} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// gatewayPrefix begins the keys that llmgw itself gives out.
const gatewayPrefix = "llmgw_"

// credentialHeaders are where clients put credentials. All of them are removed
// from what goes upstream.
var credentialHeaders = []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key"}

// credentialParams are the URL parameters clients put credentials in.
var credentialParams = []string{"key", "access_token"}

// ClientCredential returns what a client authenticated with, in a header or the
// URL's query. d is the dialect of the path; "" says that the path names the
// provider. Of several credentials the first whose format is known wins.
func ClientCredential(h http.Header, query url.Values, d llm.Dialect) Credential {
	var found Credential
	gateway := strings.TrimSpace(h.Get("X-Llmgw-Key"))
	consider := func(header, value string) {
		c := readCredential(header, value)
		switch {
		case c.secret == "":
		case strings.HasPrefix(c.secret, gatewayPrefix):
			gateway = c.secret
		case found.secret == "", c.recognised && !found.recognised:
			found = c
		}
	}
	for _, name := range credentialHeaders {
		for _, value := range h[name] {
			consider(name, value)
		}
	}
	for _, name := range credentialParams {
		for _, value := range query[name] {
			consider("", value)
		}
	}
	if found.secret != "" {
		found.Client = true
		found.ID = secretID(found.secret)
		if !found.recognised {
			found.For = firstParty(d)
		}
	}
	found.Gateway = gateway
	return found
}

// readCredential takes a header's value apart.
func readCredential(header, value string) Credential {
	c := Credential{header: header, secret: strings.TrimSpace(value)}
	if scheme, rest, ok := strings.Cut(c.secret, " "); ok && header == "Authorization" {
		c.scheme, c.secret = scheme, strings.TrimSpace(rest)
	}
	c.For, c.Plan = recognise(c.secret)
	c.recognised = c.For != ""
	if isJWT(c.secret) && strings.EqualFold(c.scheme, "bearer") {
		c.Plan = true
	}
	return c
}

// formats are the beginnings of the keys that show whose they are (the
// services' own key formats, 2026-11). The longest stands first.
var formats = []struct {
	prefix, company string
	plan            bool
}{
	{"sk-ant-oat", "anthropic", true}, // Claude Code with a subscription
	{"sk-ant-", "anthropic", false},
	{"sk-or-", "openrouter", false},
	{"sk-proj-", "openai", false},
	{"sk-svcacct-", "openai", false},
	{"sk-admin-", "openai", false},
	{"AIza", "gemini", false},
	{"ya29.", "gemini", true}, // Google OAuth
	{"gsk_", "groq", false},
	{"xai-", "xai", false},
	{"pplx-", "perplexity", false},
	{"csk-", "cerebras", false},
	{"tgp_v1_", "together", false},
	{"fw_", "fireworks", false},
}

// recognise returns the company whose keys look like that, and whether it is a
// subscription's token.
func recognise(secret string) (company string, plan bool) {
	for _, f := range formats {
		if strings.HasPrefix(secret, f.prefix) {
			return f.company, f.plan
		}
	}
	return "", false
}

// isJWT tells whether secret is a JSON Web Token: three base64url parts, the
// first one a JSON object (which always begins "eyJ").
func isJWT(secret string) bool {
	return strings.HasPrefix(secret, "eyJ") && strings.Count(secret, ".") == 2
}

// NoCredentialError is a provider that cannot be called because there is no
// credential that may be sent to it.
type NoCredentialError struct {
	Provider string
	Brought  string // the company the client's credential is meant for, "" when it brought none
	Kept     bool   // a key is configured, but the client's subscription is not replaced by it unasked
	env      []string
}

// Error says whose key is missing, and why the client's will not do.
func (e *NoCredentialError) Error() string {
	if e.Kept {
		return fmt.Sprintf("%s is another company than the client's subscription token is for (%s): the token is not sent there, and the configured key, which is paid, does not replace it unasked; credential = \"configured\" in the [[provider]] table of %s asks for that", e.Provider, e.Brought, e.Provider)
	}
	if e.Brought != "" {
		return fmt.Sprintf("no key for %s: the client's own credential is for %s and is not sent anywhere else", e.Provider, e.Brought)
	}
	return fmt.Sprintf("no key for %s: none is configured and the client brought none", e.Provider)
}

// Hint says where a key would be looked for.
func (e *NoCredentialError) Hint() string {
	if e.Kept {
		return fmt.Sprintf("set credential = \"configured\" in the [[provider]] table of %s to use its key for such calls", e.Provider)
	}
	if len(e.env) == 0 {
		return fmt.Sprintf("set key in the [[provider]] table of %s", e.Provider)
	}
	return fmt.Sprintf("set %s, or key in the [[provider]] table of %s", e.env[0], e.Provider)
}

// Credentials decides whose credential goes upstream and returns the
// ones to try, in order. A provider on a private network, one that is free and
// one llmgw doesn't know may be called without any: then it is one empty
// Credential. A subscription's token stays with its company: another company
// that speaks the same dialect is not called for it, with whatever key, unless
// credential = "configured" says so; a provider of another dialect is, which is
// what falling over to a paid key means. The error is a *[NoCredentialError].
func (p *Provider) Credentials(client Credential) ([]Credential, error) {
	own := client.secret != "" && p.accepts(client)
	switch {
	case p.Mode == CredentialClient && own, p.Mode == CredentialAuto && own && client.Plan:
		return []Credential{client}, nil
	case p.Mode == CredentialAuto && p.rivals(client):
		return nil, &NoCredentialError{Provider: p.Name, Brought: client.For, Kept: len(p.Keys) > 0, env: p.preset.Env}
	case p.Mode != CredentialClient && len(p.Keys) > 0:
		return p.configured(), nil
	case p.Mode == CredentialAuto && own:
		return []Credential{client}, nil
	case p.Private(), p.Free, p.company == "":
		return []Credential{{}}, nil
	}
	e := &NoCredentialError{Provider: p.Name, env: p.preset.Env}
	if client.secret != "" {
		e.Brought = client.For
	}
	return nil, e
}

func (p *Provider) configured() []Credential {
	all := make([]Credential, len(p.Keys))
	for i, k := range p.Keys {
		all[i] = Credential{ID: k.ID(), For: p.company, secret: k.secret}
	}
	return all
}

// rivals tells whether p is another company that speaks the dialect of the one
// that a subscription's token is for.
func (p *Provider) rivals(c Credential) bool {
	return c.Plan && c.For != "" && c.For == firstParty(p.Dialect) && !p.accepts(c) && !p.Private()
}

// accepts tells whether a client's credential may be sent to p. A key whose
// format names a company goes to that company alone. Beyond that, credential =
// "client" is the user's word for it; without it, a key goes to the company it
// is meant for, and to servers of the same dialect on the user's own network:
// those are the user's own relays.
func (p *Provider) accepts(c Credential) bool {
	if p.company != "" {
		named := c.For == "" // the path named the provider, not just a dialect
		return c.For == p.company || (!c.recognised && (named || p.Mode == CredentialClient))
	}
	if p.Mode == CredentialClient || c.For == "" {
		return true
	}
	return c.For == firstParty(p.Dialect) && p.Private()
}

// header returns the header that carries c to p, and its value.
func (p *Provider) header(c Credential) (name, value string) {
	asSent := c.Client && c.header == "Authorization" && c.scheme != ""
	switch {
	case asSent && (p.Kind == OpenAI || p.Kind == Anthropic || c.Plan):
		return "Authorization", c.scheme + " " + c.secret
	case p.Kind == Anthropic && c.Plan && c.header != "X-Api-Key":
		return "Authorization", "Bearer " + c.secret
	case p.Kind == Anthropic:
		return "X-Api-Key", c.secret
	case p.Kind == Gemini && c.Plan:
		return "Authorization", "Bearer " + c.secret
	case p.Kind == Gemini:
		return "X-Goog-Api-Key", c.secret
	case p.Kind == Azure:
		return "Api-Key", c.secret
	}
	return "Authorization", "Bearer " + c.secret
}

// The edits of a call's credential. A configured key in the place of an
// ordinary one that the client brought is the rule and no edit.
const (
	EditCredentialNone       = "credential:none"       // the client's is sent nowhere, and nothing in its place
	EditCredentialConfigured = "credential:configured" // a configured key, which is paid, in the place of its subscription
	EditCredentialMoved      = "credential:moved"      // the client's, in another header or spelling than it came in
)

// CredentialEdit names what becomes of the credential that the client brought
// where sent goes upstream, "" for nothing out of the ordinary.
func (p *Provider) CredentialEdit(brought, sent Credential) string {
	switch {
	case brought.secret == "":
		return ""
	case sent.secret == "":
		return EditCredentialNone
	case !sent.Client && brought.Plan:
		return EditCredentialConfigured
	case !sent.Client:
		return ""
	}
	came := sent.secret
	if sent.scheme != "" {
		came = sent.scheme + " " + sent.secret
	}
	if name, value := p.header(sent); name != sent.header || value != came {
		return EditCredentialMoved
	}
	return ""
}
