package providers

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

const (
	digest = "4f8a1c9e0b7d2f6a5c3e1d9b8a7f6e5d4c3b2a19"
	pemKey = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
)

var canaries = []string{
	"sk-" + digest,
	"sk-ant-api03-" + digest + "-AA",
	"sk-ant-oat01-" + digest,
	"sk-proj-a_b-c" + digest,
	"sk-or-v1-" + digest,
	"AIzaSyA1234567890abcdefghijklmnopqrstuv",
	"gsk_" + digest,
	"xai-" + digest + digest,
	"AKIAIOSFODNN7EXAMPLE",
	"ASIAY34FZKBOKMUTVV7A",
	"ghp_" + digest[:36],
	"gho_" + digest[:36],
	"github_pat_11ABCDEFG0_" + digest,
	"xoxb-123456789012-1234567890123-" + digest[:24],
	"hf_" + digest[:34],
	"r8_" + digest[:37],
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
	"llmgw_" + digest[:32],
}

func TestKnownFormats(t *testing.T) {
	r := NewRedactor(nil)
	for _, canary := range canaries {
		for _, around := range []string{"%s", "key: %s.", "\"%s\"", "Bearer %s\r\n", "\\n%s\\n", "\\u000a%s\\\"", "a=%s&b", "Bearer%%20%s", strings.Repeat("x ", 30) + "%s", "\\\\%s"} {
			text := strings.ReplaceAll(strings.Replace(around, "%s", canary, 1), "%%", "%")
			got, n := r.Redact([]byte(text))
			if n != 1 || bytes.Contains(got, []byte(canary[4:])) || !bytes.Contains(got, []byte(secretID(canary))) {
				t.Errorf("Redact(%q) = %q, %d", text, got, n)
			}
		}
	}
}

func TestPrivateKeys(t *testing.T) {
	r := NewRedactor(nil)
	for _, text := range []string{
		"-----BEGIN PRIVATE KEY-----\n" + pemKey + "\n-----END PRIVATE KEY-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\n" + pemKey + "\r\n-----END RSA PRIVATE KEY-----",
		`{"pem":"-----BEGIN EC PRIVATE KEY-----\n` + pemKey + `\n-----END EC PRIVATE KEY-----\n","a":1}`,
		`{"pem":"-----BEGIN PRIVATE KEY-----\n` + pemKey + `","cut":"off"}`,
	} {
		got, n := r.Redact([]byte(text))
		if n != 1 || bytes.Contains(got, []byte(pemKey)) {
			t.Errorf("Redact(%q) = %q, %d", text, got, n)
		}
		if text[0] == '{' && !json.Valid(got) {
			t.Errorf("no longer JSON: %s", got)
		}
	}
}

func TestOrdinaryTextStays(t *testing.T) {
	r := NewRedactor(nil)
	for _, text := range []string{
		"", "sk-", "an sk-... key", "sk-your-api-key-goes-here-now", "risk-assessment-of-the-whole-operation-2024",
		"sk-spinner-container-large-animated", "task-1234567890abcdef1234567890", "the hf_transformers_model_directory_name",
		"-----BEGIN CERTIFICATE-----\n" + pemKey, "-----BEGIN PRIVATE KEY----- and then words",
		"550e8400-e29b-41d4-a716-446655440000", digest, "eyJhbGciOiJIUzI1NiJ9 alone", "AKIA is a prefix", "AKIAIOSFODNN7EXAMPLEANDMORE",
		"llmgw_request_duration_seconds_bucket", "xai-grok-code-fast-one-two-three-four-five", strings.Repeat("A", 5000),
		"https://example.com/a/very/long/path-with-hyphens/and_underscores/that-goes-on-and-on", "k_12345678",
	} {
		got, n := r.Redact([]byte(text))
		if n != 0 || string(got) != text {
			t.Errorf("Redact(%q) = %q, %d", text, got, n)
		}
	}
}

func provider(t *testing.T, cfg Config) *Provider {
	t.Helper()
	p, err := New(cfg, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func noEnv(string) (string, bool) { return "", false }

func TestConfiguredAndPresentedSecrets(t *testing.T) {
	a := provider(t, Config{Name: "openai", Key: "configured-secret-one"})
	b := provider(t, Config{Name: "b", Kind: "openai", BaseURL: "http://127.0.0.1/v1", Keys: []string{"second/secret+two", "third one \"quoted\""}, Headers: map[string]string{"X-Auth": "Token header-secret", "X-Title": "An ordinary-title"}})
	r := NewRedactor([]*Provider{a, b}, "another-secret")
	client := ClientCredential(http.Header{"Authorization": {"Bearer presented by hand"}, "X-Api-Key": {"llmgw_short"}}, nil, llm.OpenAIChat)
	for text, want := range map[string]int{
		"configured-secret-one":                    1,
		"xconfigured-secret-onex":                  1,
		"second/secret+two second%2Fsecret%2Btwo":  2,
		`{"k":"third one \"quoted\""}`:             1,
		"X-Auth: Token header-secret":              1,
		"another-secret/another-secret":            2,
		"presented by hand, presented+by+hand":     2,
		"llmgw_short":                              1,
		"configured-secret-on":                     0,
		"An ordinary-title":                        0,
		`{"a":"configured-secret-one","b":[1,2]}`:  1,
		"another-secretanother-secret third-quote": 2,
	} {
		got, n := r.Redact([]byte(text), client)
		if n != want {
			t.Errorf("Redact(%q) = %q, %d, want %d", text, got, n, want)
		}
		if strings.HasPrefix(text, "{") && !json.Valid(got) {
			t.Errorf("no longer JSON: %s", got)
		}
	}
}

// A secret made of digits may stand in a body as a number.
func TestJSONStaysJSON(t *testing.T) {
	r := NewRedactor(nil, "1234567890", `true,"a":1`)
	for _, text := range []string{`{"n":1234567890}`, `[0.1234567890,"x"]`, `{"b":true,"a":1}`, `"1234567890"`} {
		got, n := r.Redact([]byte(text))
		if n == 0 || !json.Valid(got) || bytes.Contains(got, []byte("1234567890")) {
			t.Errorf("Redact(%s) = %s, %d", text, got, n)
		}
	}
}

func TestOverlappingSecretsLeaveNothing(t *testing.T) {
	r := NewRedactor(nil, "abcabcabc", "bcabcabcX")
	got, n := r.Redact([]byte("-abcabcabcabcabcX-"))
	if n != 1 || string(got) != "-"+secretID("abcabcabc")+"-" {
		t.Errorf("got %q, %d", got, n)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("configured-secret", `{"a":"configured-secret\n"}`)
	f.Add("napoleon-1", `{"a":"\napoleon-1"}`)
	f.Add("12345678", `{"a":12345678}`)
	f.Add(`back\slash"quote`, `"back\\slash\"quote"`)
	f.Add("sk-"+digest, `["\u000ask-`+digest+`"]`)
	f.Fuzz(func(t *testing.T, secret, body string) {
		r := NewRedactor(nil, secret)
		for _, text := range []string{body, body + secret, jsonString(body + secret)} {
			got, n := r.Redact([]byte(text))
			if n == 0 && string(got) != text {
				t.Fatalf("changed without a hit: %q to %q", text, got)
			}
			if len(secret) >= minSecret && bytes.Contains(got, []byte(secret)) {
				t.Fatalf("%q survives in %q", secret, got)
			}
			if json.Valid([]byte(text)) && !json.Valid(got) {
				t.Fatalf("%q is JSON, %q is not", text, got)
			}
		}
	})
}

func jsonString(s string) string {
	b, _ := json.Marshal(map[string]any{"text": s, "n": 1})
	return string(b)
}

// TestCanaryNeverSurvives puts credentials at random places of random JSON.
func TestCanaryNeverSurvives(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	known := NewRedactor(nil, canaries...)
	formats := NewRedactor(nil)
	fillers := []string{" ", "\n", "\"", "\\", "{", "word ", "=", ":", "é", "\x00", "ab ", "https://x/y?z=", strings.Repeat("q", 25) + " ", "/"}
	for range 3000 {
		var text strings.Builder
		canary := canaries[g.IntN(len(canaries))]
		for range g.IntN(40) {
			text.WriteString(fillers[g.IntN(len(fillers))])
		}
		text.WriteString(" " + canary + " ")
		for range g.IntN(10) {
			text.WriteString(fillers[g.IntN(len(fillers))])
		}
		for _, body := range []string{text.String(), jsonString(text.String())} {
			for name, r := range map[string]*Redactor{"known": known, "by format": formats} {
				got, n := r.Redact([]byte(body))
				if n == 0 || bytes.Contains(got, []byte(canary)) {
					t.Fatalf("%s: %q survives in %q", name, canary, got)
				}
				if json.Valid([]byte(body)) && !json.Valid(got) {
					t.Fatalf("%s: no longer JSON: %q", name, got)
				}
			}
		}
	}
}

func prose(n int) []byte {
	text := `{"role":"user","content":"The quick brown fox — so the story goes — jumps over 13 lazy dogs; see https://example.com/a-b_c?d=e.\n"},`
	return bytes.Repeat([]byte(text), n/len(text)+1)[:n]
}

func benchRedactor() (*Redactor, Credential) {
	var secrets []string
	for i := range 10 {
		secrets = append(secrets, secretID(digest[i:])+digest)
	}
	client := ClientCredential(nil, url.Values{"key": {"sk-ant-api03-" + digest + digest}}, llm.Anthropic)
	return NewRedactor(nil, secrets...), client
}

func TestNothingFoundCostsNothing(t *testing.T) {
	r, client := benchRedactor()
	body := prose(10_000)
	if n := testing.AllocsPerRun(100, func() { r.Redact(body, client) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if got, _ := r.Redact(body, client); &got[0] != &body[0] {
		t.Error("another slice came back")
	}
}

func BenchmarkRedact(b *testing.B) {
	r, client := benchRedactor()
	base64 := bytes.Repeat([]byte("iVBORw0KGgoAAAANSUhEUgAABVYAAAMACAIAAABuOvLgAAAgAElEQVR4nOzdd3xU+/8"), 20_000)
	for name, body := range map[string][]byte{"prose": prose(1 << 20), "base64": base64} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r.Redact(body, client)
			}
		})
	}
}
