package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// modelsDevKinds are models.dev's names, each US dollars per million tokens.
// https://models.dev/api.json
var modelsDevKinds = map[string]Kind{
	"input": Input, "cache_read": CachedInput, "cache_write": CacheWrite, "output": Output, "reasoning": Reasoning,
	"input_audio": InputAudio, "output_audio": OutputAudio,
}

type modelsDevModel struct {
	ID    string                     `json:"id"`
	Cost  map[string]json.RawMessage `json:"cost"`
	Limit struct {
		Context json.Number `json:"context"`
		Output  json.Number `json:"output"`
	} `json:"limit"`
}

// readModelsDev reads models.dev's table: models by provider.
func (f *Foreign) readModelsDev(table map[string]json.RawMessage) error {
	f.Format = "models.dev"
	for _, id := range slices.Sorted(maps.Keys(table)) {
		var provider struct {
			Models map[string]modelsDevModel `json:"models"`
		}
		if err := json.Unmarshal(table[id], &provider); err != nil {
			return fmt.Errorf("provider %q: %w", id, errors.Join(errFormat, err))
		}
		for _, name := range slices.Sorted(maps.Keys(provider.Models)) {
			m := provider.Models[name]
			e := &entry{Price: Price{Provider: serviceOf(id), Model: name}}
			e.window, e.maxOutput = limit(m.Limit.Context), limit(m.Limit.Output)
			var r rates
			err := r.modelsDev(m.Cost)
			e.rates = []rates{r}
			f.add(e, err)
		}
	}
	return nil
}

func (r *rates) modelsDev(cost map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(modelsDevKinds)) {
		k := modelsDevKinds[name]
		var n json.Number
		if raw := cost[name]; raw != nil && json.Unmarshal(raw, &n) != nil {
			return fmt.Errorf("%s: %s is no price", name, raw)
		}
		if err := r.set(k, n, 1); err != nil {
			return err
		}
	}
	var over map[string]json.Number
	if raw := cost["context_over_200k"]; raw != nil && json.Unmarshal(raw, &over) != nil {
		return fmt.Errorf("context_over_200k: %s is no price", raw)
	}
	for _, name := range slices.Sorted(maps.Keys(over)) {
		if k, ok := modelsDevKinds[name]; ok {
			if err := r.step(k, 200_000, over[name], 1); err != nil {
				return err
			}
		}
	}
	return nil
}
