package cmd

import (
	"strings"
	"testing"

	"llmgw/providers"
)

// Readers learn where keys come from, never what they are.
func TestKeySource(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-secret-of-the-environment")
	f := defaultFile()
	f.Providers = append(f.Providers, []fileProvider{
		{Config: providers.Config{Name: "literal", Key: "sk-secret:written-out"}},
		{Config: providers.Config{Name: "run", Key: "cmd:pass show secret"}},
		{Config: providers.Config{Name: "many", Keys: []string{"env:A", "file:/etc/key", "sk-secret"}}},
		{Config: providers.Config{Name: "bare"}},
	}...)
	keys := []providers.Key{providers.NewKey("sk-secret")}
	for name, want := range map[string]string{
		"literal": "configured", "run": "cmd:…", "many": "env:A, file:/etc/key, configured",
		"bare": "configured", "openai": "env:OPENAI_API_KEY",
	} {
		got := f.keySource(&providers.Provider{Name: name, Keys: keys})
		if got != want || strings.Contains(got, "secret") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := f.keySource(&providers.Provider{Name: "openai"}); got != "" {
		t.Errorf("without a key: %q", got)
	}
}
