package providers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

const (
	oat = "sk-ant-oat01-subscription"
	jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
)

func bearer(v string) http.Header { return http.Header{"Authorization": {"Bearer " + v}} }

func TestClientCredential(t *testing.T) {
	for _, tc := range []struct {
		name    string
		header  http.Header
		query   string
		dialect llm.Dialect
		secret  string
		meant   string
		plan    bool
		gateway string
	}{
		{"none", nil, "", llm.OpenAIChat, "", "", false, ""},
		{"an OpenAI key", bearer("sk-proj-abc"), "", llm.OpenAIChat, "sk-proj-abc", "openai", false, ""},
		{"a key of no known format", bearer("sk-0123"), "", llm.OpenAIChat, "sk-0123", "openai", false, ""},
		{"the same on a Responses path", bearer("sk-0123"), "", llm.OpenAIResponses, "sk-0123", "openai", false, ""},
		{"the same where the path names the provider", bearer("sk-0123"), "", "", "sk-0123", "", false, ""},
		{"an Anthropic key as bearer", bearer("sk-ant-api03-x"), "", llm.Anthropic, "sk-ant-api03-x", "anthropic", false, ""},
		{"an Anthropic key on an OpenAI path", bearer("sk-ant-api03-x"), "", llm.OpenAIChat, "sk-ant-api03-x", "anthropic", false, ""},
		{"a subscription", bearer(oat), "", llm.Anthropic, oat, "anthropic", true, ""},
		{"a JWT", bearer(jwt), "", llm.OpenAIResponses, jwt, "openai", true, ""},
		{"a lower-case scheme", http.Header{"Authorization": {"bearer " + jwt}}, "", llm.OpenAIResponses, jwt, "openai", true, ""},
		{"x-api-key", http.Header{"X-Api-Key": {"sk-ant-x"}}, "", llm.Anthropic, "sk-ant-x", "anthropic", false, ""},
		{"x-goog-api-key", http.Header{"X-Goog-Api-Key": {"AIzaX"}}, "", llm.Gemini, "AIzaX", "gemini", false, ""},
		{"api-key", http.Header{"Api-Key": {"azure-key"}}, "", llm.OpenAIChat, "azure-key", "openai", false, ""},
		{"?key=", nil, "alt=sse&key=AIzaX", llm.Gemini, "AIzaX", "gemini", false, ""},
		{"a gateway key alone", bearer("llmgw_abc"), "", llm.OpenAIChat, "", "", false, "llmgw_abc"},
		{"a gateway key in ?key=", nil, "key=llmgw_abc", llm.Gemini, "", "", false, "llmgw_abc"},
		{"x-llmgw-key beside the client's own", http.Header{"X-Llmgw-Key": {"llmgw_abc"}, "X-Api-Key": {"sk-ant-x"}}, "", llm.Anthropic, "sk-ant-x", "anthropic", false, "llmgw_abc"},
		{"a gateway key beside the client's own", http.Header{"Authorization": {"Bearer llmgw_abc"}, "X-Api-Key": {"sk-ant-x"}}, "", llm.Anthropic, "sk-ant-x", "anthropic", false, "llmgw_abc"},
		{"a dummy beside a key of a known format", http.Header{"Authorization": {"Bearer dummy"}, "X-Api-Key": {"sk-ant-x"}}, "", llm.Anthropic, "sk-ant-x", "anthropic", false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			query, err := url.ParseQuery(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			c := ClientCredential(tc.header, query, tc.dialect)
			if c.secret != tc.secret || c.For != tc.meant || c.Plan != tc.plan || c.Gateway != tc.gateway {
				t.Errorf("got secret %q for %q, plan %v, gateway %q", c.secret, c.For, c.Plan, c.Gateway)
			}
			if c.Client != (tc.secret != "") || c.ID != secretID(tc.secret) {
				t.Errorf("got client %v, id %q", c.Client, c.ID)
			}
		})
	}
}

// sent returns what would go to p, as "Header: value", "none", or "refused".
func sent(t *testing.T, p *Provider, client Credential) string {
	t.Helper()
	creds, err := p.Credentials(client)
	if err != nil {
		if _, ok := errors.AsType[*NoCredentialError](err); !ok {
			t.Fatalf("unexpected error %v", err)
		}
		return "refused"
	}
	if creds[0].secret == "" {
		return "none"
	}
	name, value := p.header(creds[0])
	return name + ": " + value
}

func TestWhoseCredential(t *testing.T) {
	configured := func(c Config) Config { c.Key = "configured"; return c }
	mode := func(c Config, m string) Config { c.Credential = m; return c }
	openai, anthropic, gemini, groq := Config{Name: "openai"}, Config{Name: "anthropic"}, Config{Name: "gemini"}, Config{Name: "groq"}
	local := Config{Name: "local", Kind: "openai", BaseURL: "http://192.168.1.5:8000/v1"}
	localAnthropic := Config{Name: "la", Kind: "anthropic", BaseURL: "http://localhost:9000"}
	corp := Config{Name: "corp", Kind: "openai", BaseURL: "https://llm.corp.example/v1"}
	movedAnthropic := Config{Name: "anthropic", BaseURL: "http://127.0.0.1:9000"}
	zai := Config{Name: "zai", Kind: "anthropic", BaseURL: "https://api.z.ai/api/anthropic"}
	lookalike := Config{Name: "la2", Kind: "anthropic", BaseURL: "https://api.notanthropic.com"}
	regional := Config{Name: "eu", Kind: "openai", BaseURL: "https://eu.api.openai.com/v1"}
	secondAnthropic := Config{Name: "second", Kind: "anthropic", BaseURL: "https://api.anthropic.com"}
	disguised := Config{Name: "openai", BaseURL: "https://api.groq.com/openai/v1"}

	for _, tc := range []struct {
		name   string
		cfg    Config
		header http.Header
		d      llm.Dialect
		want   string
	}{
		{"configured wins", configured(openai), bearer("sk-0123"), llm.OpenAIChat, "Authorization: Bearer configured"},
		{"configured, in the provider's own header", configured(anthropic), bearer("sk-0123"), llm.OpenAIChat, "X-Api-Key: configured"},
		{"configured, Gemini", configured(gemini), nil, llm.Gemini, "X-Goog-Api-Key: configured"},
		{"a subscription is not replaced", configured(anthropic), bearer(oat), llm.Anthropic, "Authorization: Bearer " + oat},
		{"a subscription keeps its spelling", configured(openai), http.Header{"Authorization": {"bearer " + jwt}}, llm.OpenAIResponses, "Authorization: bearer " + jwt},
		{"a subscription is for nobody else", openai, bearer(oat), llm.OpenAIChat, "refused"},
		{"a subscription falls over to a paid key", configured(openai), bearer(oat), llm.OpenAIChat, "Authorization: Bearer configured"},
		{"a subscription and the user's own relay", localAnthropic, bearer(oat), llm.Anthropic, "Authorization: Bearer " + oat},
		{"a relay's configured key does not replace it", configured(localAnthropic), bearer(oat), llm.Anthropic, "Authorization: Bearer " + oat},
		{"unless it is told to", mode(configured(localAnthropic), CredentialConfigured), bearer(oat), llm.Anthropic, "X-Api-Key: configured"},
		{"a subscription in x-api-key stays there", localAnthropic, http.Header{"X-Api-Key": {oat}}, llm.Anthropic, "X-Api-Key: " + oat},
		{"a relay in client mode", mode(configured(localAnthropic), CredentialClient), bearer(oat), llm.Anthropic, "Authorization: Bearer " + oat},
		{"a JWT and the user's own relay", configured(local), bearer(jwt), llm.OpenAIChat, "Authorization: Bearer " + jwt},
		{"a subscription and a relay of another dialect", local, bearer(oat), llm.OpenAIChat, "none"},
		{"a subscription and a known local server", Config{Name: "ollama"}, bearer(jwt), llm.OpenAIChat, "none"},
		{"a subscription at the company's other host", configured(regional), bearer(jwt), llm.OpenAIChat, "Authorization: Bearer " + jwt},
		{"a subscription at the company, by another name", configured(secondAnthropic), bearer(oat), llm.Anthropic, "Authorization: Bearer " + oat},
		{"a host that only looks like the company's", configured(lookalike), bearer(oat), llm.Anthropic, "refused"},
		{"another company of the dialect", zai, bearer(oat), llm.Anthropic, "refused"},
		{"the same with a key", configured(zai), bearer(oat), llm.Anthropic, "refused"},
		{"the same with a key that is to be used", mode(configured(zai), CredentialConfigured), bearer(oat), llm.Anthropic, "X-Api-Key: configured"},
		{"the same in client mode", mode(configured(zai), CredentialClient), bearer(oat), llm.Anthropic, "Authorization: Bearer " + oat},
		{"the same, named by the path", configured(zai), bearer(oat), "", "refused"},
		{"a JWT and another company of the dialect", configured(groq), bearer(jwt), llm.OpenAIChat, "refused"},
		{"a JWT and a company of another dialect", configured(anthropic), bearer(jwt), llm.OpenAIChat, "X-Api-Key: configured"},
		{"an ordinary key and another company", configured(zai), bearer("sk-ant-api03-x"), llm.Anthropic, "X-Api-Key: configured"},
		{"a subscription where the user moved anthropic to", movedAnthropic, bearer(oat), llm.Anthropic, "Authorization: Bearer " + oat},
		{"configured mode replaces a subscription", mode(configured(anthropic), CredentialConfigured), bearer(oat), llm.Anthropic, "X-Api-Key: configured"},

		{"the client's key to its dialect's provider", openai, bearer("sk-0123"), llm.OpenAIChat, "Authorization: Bearer sk-0123"},
		{"the client's Anthropic key as it came", anthropic, http.Header{"X-Api-Key": {"sk-ant-x"}}, llm.Anthropic, "X-Api-Key: sk-ant-x"},
		{"the client's Anthropic key as bearer", anthropic, bearer("sk-ant-x"), llm.Anthropic, "Authorization: Bearer sk-ant-x"},
		{"the client's Gemini key from anywhere", gemini, bearer("AIzaX"), llm.Gemini, "X-Goog-Api-Key: AIzaX"},
		{"an Anthropic key never goes to OpenAI", openai, bearer("sk-ant-x"), llm.OpenAIChat, "refused"},
		{"an Anthropic key never goes to OpenAI, client mode or not", mode(openai, CredentialClient), bearer("sk-ant-x"), llm.OpenAIChat, "refused"},
		{"an OpenAI key does not go to Groq", groq, bearer("sk-0123"), llm.OpenAIChat, "refused"},
		{"an OpenAI key does not go to Groq called openai", disguised, bearer("sk-proj-x"), llm.OpenAIChat, "refused"},
		{"a Groq key goes to Groq", groq, bearer("gsk_x"), llm.OpenAIChat, "Authorization: Bearer gsk_x"},
		{"an OpenAI key does not go to Anthropic", anthropic, bearer("sk-0123"), llm.OpenAIChat, "refused"},
		{"nothing brought, nothing configured", openai, nil, llm.OpenAIChat, "refused"},
		{"a gateway key is no credential", openai, bearer("llmgw_abc"), llm.OpenAIChat, "refused"},
		{"a gateway key with a configured one", configured(openai), bearer("llmgw_abc"), llm.OpenAIChat, "Authorization: Bearer configured"},

		{"a local server gets the key of its dialect", local, bearer("sk-0123"), llm.OpenAIChat, "Authorization: Bearer sk-0123"},
		{"a local server gets no other company's key", local, bearer("sk-ant-x"), llm.OpenAIChat, "none"},
		{"an unknown service gets none", corp, bearer("sk-0123"), llm.OpenAIChat, "none"},
		{"an unknown service in client mode", mode(corp, CredentialClient), bearer("sk-0123"), llm.OpenAIChat, "Authorization: Bearer sk-0123"},
		{"an unknown service named by the path", corp, bearer("sk-0123"), "", "Authorization: Bearer sk-0123"},
		{"a known one named by the path", groq, bearer("sk-0123"), "", "Authorization: Bearer sk-0123"},
		{"a known one named by the path, another's key", groq, bearer("sk-ant-x"), "", "refused"},
		{"client mode ignores a configured key", mode(configured(openai), CredentialClient), bearer("sk-0123"), llm.OpenAIChat, "Authorization: Bearer sk-0123"},
		{"client mode without a client key", mode(configured(openai), CredentialClient), nil, llm.OpenAIChat, "refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := sent(t, provider(t, tc.cfg), ClientCredential(tc.header, nil, tc.d))
			if got != tc.want {
				t.Errorf("sent %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSeveralKeysInOrder(t *testing.T) {
	p := provider(t, Config{Name: "openai", Keys: []string{"first", "second"}})
	creds, err := p.Credentials(Credential{})
	if err != nil || len(creds) != 2 || creds[0].ID != NewKey("first").ID() || creds[1].ID != NewKey("second").ID() {
		t.Errorf("got %v, %v", creds, err)
	}
}

func TestNoCredentialErrorSaysWhatToDo(t *testing.T) {
	_, err := provider(t, Config{Name: "groq"}).Credentials(ClientCredential(bearer("sk-0123"), nil, llm.OpenAIChat))
	e, ok := errors.AsType[*NoCredentialError](err)
	if !ok || !strings.Contains(e.Error(), "is for openai") || !strings.Contains(e.Hint(), "GROQ_API_KEY") {
		t.Errorf("got %v, hint %q", err, e.Hint())
	}
}

// TestSubscriptionIsNotReplacedUnasked: the error says what would be.
func TestSubscriptionIsNotReplacedUnasked(t *testing.T) {
	cfg := Config{Name: "zai", Kind: "anthropic", BaseURL: "https://api.z.ai/api/anthropic"}
	client := ClientCredential(bearer(oat), nil, llm.Anthropic)
	_, err := provider(t, cfg).Credentials(client)
	if e, ok := errors.AsType[*NoCredentialError](err); !ok || e.Kept || !strings.Contains(e.Error(), "is for anthropic and is not sent anywhere else") {
		t.Errorf("without a key: %v", err)
	}
	cfg.Key = "configured"
	_, err = provider(t, cfg).Credentials(client)
	e, ok := errors.AsType[*NoCredentialError](err)
	if !ok || !e.Kept || !strings.Contains(e.Error(), "anthropic") || !strings.Contains(e.Error(), `credential = "configured"`) || !strings.Contains(e.Hint(), "zai") {
		t.Errorf("with a key: %v", err)
	}
}

// TestCredentialEdit: what becomes of the client's credential is named where it
// is not the rule.
func TestCredentialEdit(t *testing.T) {
	anthropic, openai := Config{Name: "anthropic"}, Config{Name: "openai", Key: "configured"}
	local := Config{Name: "ollama"}
	for _, tc := range []struct {
		name   string
		cfg    Config
		header http.Header
		d      llm.Dialect
		want   string
	}{
		{"none brought", openai, nil, llm.OpenAIChat, ""},
		{"an ordinary key, replaced", openai, bearer("sk-0123"), llm.OpenAIChat, ""},
		{"a subscription, replaced", openai, bearer(oat), llm.Anthropic, EditCredentialConfigured},
		{"a subscription, passed", anthropic, bearer(oat), llm.Anthropic, ""},
		{"in x-api-key", anthropic, http.Header{"X-Api-Key": {oat}}, llm.Anthropic, ""},
		{"a key, passed", anthropic, http.Header{"X-Api-Key": {"sk-ant-x"}}, llm.Anthropic, ""},
		{"without a scheme", Config{Name: "openai"}, http.Header{"Authorization": {"sk-0123"}}, llm.OpenAIChat, EditCredentialMoved},
		{"a bearer where another header is read", Config{Name: "gemini"}, bearer("AIzaX"), llm.Gemini, EditCredentialMoved},
		{"sent nowhere", local, bearer("sk-ant-x"), llm.Anthropic, EditCredentialNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := provider(t, tc.cfg)
			client := ClientCredential(tc.header, nil, tc.d)
			creds, err := p.Credentials(client)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.CredentialEdit(client, creds[0]); got != tc.want {
				t.Errorf("named %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPrintingShowsNoSecret(t *testing.T) {
	key := NewKey("sk-very-secret")
	c := ClientCredential(bearer("sk-very-secret"), nil, llm.OpenAIChat)
	p := provider(t, Config{Name: "openai", Key: "sk-very-secret"})
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, x := range []any{key, c, &c, []Credential{c}, p.Keys} {
			if got := fmt.Sprintf(format, x); strings.Contains(got, "very-secret") {
				t.Errorf("%s of %T shows %s", format, x, got)
			}
		}
	}
	if key.ID() != c.ID || len(key.ID()) != len("k_00000000") {
		t.Errorf("ids %s and %s", key.ID(), c.ID)
	}
}
