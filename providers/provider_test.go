package providers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

func TestOwner(t *testing.T) {
	for model, want := range map[string]string{
		"gpt-4o": "openai", "GPT-5.2-pro": "openai", "chatgpt-4o-latest": "openai", "o1": "openai", "o3-mini": "openai", "o4-mini-2025-04-16": "openai",
		"text-embedding-3-small": "openai", "text-embedding-ada-002": "openai", "dall-e-3": "openai", "ft:gpt-4o-mini-2024-07-18:org::id": "openai",
		"gpt-oss-120b": "", "o2o-model": "", "o": "", "omni": "", "opus": "", "o10": "",
		"claude-sonnet-4-5": "anthropic", "claude-fable-5": "anthropic",
		"gemini-2.5-pro": "gemini", "models/gemini-2.5-pro": "gemini", "text-embedding-004": "gemini", "gemma-3-27b-it": "",
		"mistral-large-latest": "mistral", "codestral-2508": "mistral", "ministral-8b": "mistral", "magistral-medium": "mistral", "open-mistral-nemo": "mistral",
		"mistral": "", "mistral-nemo:12b": "",
		"deepseek-chat": "deepseek", "deepseek-r1-distill-llama-70b": "", "deepseek-r1:7b": "",
		"grok-4-fast": "xai", "command-r-plus": "cohere", "embed-v4.0": "cohere", "sonar": "perplexity", "sonar-pro": "perplexity",
		"llama-3.3-70b": "", "openai/gpt-4o": "", "anthropic/claude-sonnet-4.5": "", "qwen3": "", "": "",
	} {
		if got := Owner(model); got != want {
			t.Errorf("Owner(%q) = %q, want %q", model, got, want)
		}
	}
}

func TestOwnersAndFormatsAreOfPresets(t *testing.T) {
	for _, f := range families {
		if _, ok := presetNamed(f.owner); f.owner != "" && !ok {
			t.Errorf("%s* belongs to %q, which is no preset", f.prefix, f.owner)
		}
	}
	for i, f := range formats {
		if _, ok := presetNamed(f.company); !ok {
			t.Errorf("%s* is a key of %q, which is no preset", f.prefix, f.company)
		}
		for _, earlier := range formats[:i] {
			if strings.HasPrefix(f.prefix, earlier.prefix) {
				t.Errorf("%s is hidden behind %s", f.prefix, earlier.prefix)
			}
		}
	}
}

func TestPresetsWork(t *testing.T) {
	for _, preset := range Presets() {
		p, err := New(Config{Name: preset.Name}, noEnv)
		if err != nil {
			t.Errorf("%s: %v", preset.Name, err)
			continue
		}
		if p.Base.String() != preset.BaseURL || p.Kind != preset.Kind || preset.Source == "" {
			t.Errorf("%s became %s %s", preset.Name, p.Kind, p.Base)
		}
		if p.Free != preset.Local || p.Private() != preset.Local || (len(preset.Env) == 0) != preset.Local {
			t.Errorf("%s: free %v, private %v", preset.Name, p.Free, p.Private())
		}
	}
}

func vars(set map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := set[name]; return v, ok }
}

func TestFromEnv(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  map[string]string
		want string // names, a key's presence as +
	}{
		{"nothing set", nil, "openai anthropic gemini"},
		{"some keys", map[string]string{"OPENAI_API_KEY": "a", "GROQ_API_KEY": " b\n"}, "openai+ anthropic gemini groq+"},
		{"an empty variable is none", map[string]string{"OPENAI_API_KEY": "", "MISTRAL_API_KEY": " "}, "openai anthropic gemini"},
		{"either of Google's", map[string]string{"GOOGLE_API_KEY": "a"}, "openai anthropic gemini+"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, err := FromEnv(vars(tc.env))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range all {
				mark := ""
				if len(p.Keys) > 0 {
					mark = "+"
				}
				got = append(got, p.Name+mark)
				if !p.Implicit {
					t.Errorf("%s is not implicit", p.Name)
				}
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("got %s, want %s", s, tc.want)
			}
		})
	}
}

// An exported OPENAI_BASE_URL points at llmgw itself: reading it would be a
// loop.
func TestBaseURLVariablesAreNotRead(t *testing.T) {
	all, err := FromEnv(func(name string) (string, bool) {
		if strings.Contains(name, "BASE") || strings.Contains(name, "URL") {
			t.Errorf("%s was read", name)
		}
		return "key", true
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if preset, _ := presetNamed(p.Name); p.Base.String() != preset.BaseURL {
			t.Errorf("%s is at %s", p.Name, p.Base)
		}
	}
}

func TestConfigErrorsNameTheirKey(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{Name: "mine"}, "kind"},
		{Config{Name: "mine", Kind: "openai"}, "base_url"},
		{Config{Name: "mine", Kind: "bedrock", BaseURL: "https://h"}, "kind"},
		{Config{Name: "openai", Key: "env:NOT_SET"}, "key"},
		{Config{Name: "openai", Keys: []string{"a", "env:EMPTY"}}, "keys"},
		{Config{Name: "openai", Key: "two\nlines"}, "key"},
		{Config{Name: "openai", Headers: map[string]string{"X-A": "env:NOT_SET"}}, "headers"},
	} {
		_, err := New(tc.cfg, vars(map[string]string{"EMPTY": ""}))
		if e, ok := errors.AsType[*ConfigError](err); !ok || e.Key != tc.want {
			t.Errorf("%+v: got %v, want an error at %s", tc.cfg, err, tc.want)
		}
	}
}

func TestNameAndHostTogetherSayWhoItIs(t *testing.T) {
	env := vars(map[string]string{"OPENAI_API_KEY": "o", "DEEPSEEK_API_KEY": "d"})
	for _, tc := range []struct {
		cfg     Config
		company string
		keys    int
	}{
		{Config{Name: "openai"}, "openai", 1},
		{Config{Name: "openai", BaseURL: "http://127.0.0.1:1/v1"}, "openai", 1},
		{Config{Name: "openai", BaseURL: "https://api.groq.com/openai/v1"}, "groq", 0},
		{Config{Name: "work", Kind: "openai", BaseURL: "https://api.openai.com/v1"}, "openai", 0},
		{Config{Name: "deepseek", Kind: "anthropic", BaseURL: "https://api.deepseek.com/anthropic"}, "deepseek", 1},
		{Config{Name: "other", Kind: "openai", BaseURL: "https://x.example/v1"}, "", 0},
	} {
		p, err := New(tc.cfg, env)
		if err != nil {
			t.Fatal(err)
		}
		if p.company != tc.company || len(p.Keys) != tc.keys {
			t.Errorf("%+v: company %q with %d keys, want %q with %d", tc.cfg, p.company, len(p.Keys), tc.company, tc.keys)
		}
	}
}

func TestSpeaks(t *testing.T) {
	for _, tc := range []struct {
		cfg      Config
		speaks   []llm.Dialect
		included bool
	}{
		{Config{Name: "openai"}, []llm.Dialect{llm.OpenAIChat, llm.OpenAIResponses}, true},
		{Config{Name: "mistral"}, []llm.Dialect{llm.OpenAIChat}, false},
		{Config{Name: "anthropic"}, []llm.Dialect{llm.Anthropic}, false},
		{Config{Name: "gemini"}, []llm.Dialect{llm.Gemini}, false},
		{Config{Name: "x", Kind: "openai", BaseURL: "http://h/v1"}, []llm.Dialect{llm.OpenAIChat, llm.OpenAIResponses}, true},
	} {
		p := provider(t, tc.cfg)
		for _, d := range []llm.Dialect{llm.OpenAIChat, llm.OpenAIResponses, llm.Anthropic, llm.Gemini, llm.Bedrock, ""} {
			if got := p.Speaks(d); got != slices.Contains(tc.speaks, d) {
				t.Errorf("%s speaks %q: %v", p.Name, d, got)
			}
		}
		if p.SupportsIncludeUsage() != tc.included {
			t.Errorf("%s include_usage: %v", p.Name, p.SupportsIncludeUsage())
		}
	}
}

func TestPrivate(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9:80": true, "[::1]:80": true, "localhost": true, "LOCALHOST.": true, "10.1.2.3": true, "192.168.0.9": true,
		"172.16.0.1": true, "[fd00::1]": true, "169.254.1.1": true, "[::ffff:10.0.0.1]": true, "gpu-box": true, "nas.local": true, "llm.internal": true, "a.localhost": true,
		"api.openai.com": false, "8.8.8.8": false, "172.32.0.1": false, "[2606:4700::1]": false, "127.0.0.1.example.com": false, "local.example": false,
	} {
		p := provider(t, Config{Name: "p", Kind: "openai", BaseURL: "http://" + host + "/v1"})
		if p.Private() != want {
			t.Errorf("%s private: %v", host, p.Private())
		}
	}
}

func TestProbeLocal(t *testing.T) {
	answers := map[string]string{
		"ollama":   `{"object":"list","data":[{"id":"qwen3:8b"},{"id":"llama3"}]}`,
		"vllm":     `{"hello":"I am another program"}`,
		"llamacpp": `<html>`,
	}
	var all []Preset
	for name, answer := range answers {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/models" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s was asked %s with %v", name, r.URL, r.Header)
			}
			_, _ = w.Write([]byte(answer))
		}))
		defer srv.Close()
		all = append(all, Preset{Name: name, BaseURL: srv.URL + "/v1"})
	}
	closed := httptest.NewServer(nil)
	all = append(all, Preset{Name: "lmstudio", BaseURL: closed.URL + "/v1"})
	closed.Close()

	found := probe(t.Context(), http.DefaultClient, all)
	if len(found) != 1 || found[0].Provider.Name != "ollama" || !slices.Equal(found[0].Models, []string{"qwen3:8b", "llama3"}) {
		t.Fatalf("found %+v, want ollama with two models", found)
	}
	if !found[0].Provider.Free || !found[0].Provider.Implicit {
		t.Errorf("not free or not implicit: %+v", found[0].Provider)
	}
}

func TestTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.pem")
	if err := os.WriteFile(broken, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, wantErr := range map[string]bool{"": false, broken: true, filepath.Join(dir, "missing.pem"): true} {
		_, err := provider(t, Config{Name: "openai", CAFile: file}).TLS()
		if (err != nil) != wantErr {
			t.Errorf("ca_file %q: %v", file, err)
		}
	}
}
