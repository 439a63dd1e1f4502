package providers

import "testing"

// What a service does with thoughts in a history, by its preset; of others
// nothing is known.
func TestThoughtsInHistories(t *testing.T) {
	for name, want := range map[string]struct{ refuses, takes bool }{
		"groq": {refuses: true}, "mistral": {refuses: true}, "cerebras": {refuses: true},
		"openrouter": {takes: true}, "deepseek": {takes: true}, "openai": {}, "vllm": {},
	} {
		p := provider(t, Config{Name: name})
		if p.RefusesThoughts() != want.refuses || p.TakesForeignThoughts() != want.takes {
			t.Errorf("%s: refuses %v, takes %v", name, p.RefusesThoughts(), p.TakesForeignThoughts())
		}
	}
}
