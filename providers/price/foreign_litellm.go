package price

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// litellmKinds are LiteLLM's names, each US dollars per token.
// https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json
var litellmKinds = map[string]Kind{
	"input_cost_per_token": Input, "cache_read_input_token_cost": CachedInput, "cache_creation_input_token_cost": CacheWrite,
	"cache_creation_input_token_cost_above_1hr": CacheWrite1h, "input_cost_per_audio_token": InputAudio,
	"cache_read_input_audio_token_cost": CachedAudio, "input_cost_per_image_token": InputImage,
	"output_cost_per_token": Output, "output_cost_per_reasoning_token": Reasoning, "output_cost_per_audio_token": OutputAudio,
	"output_cost_per_image_token": OutputImage,
}

var litellmStep = regexp.MustCompile(`^(.*)_above_(\d+)k_tokens$`)

// litellmServices are providers by LiteLLM's names that are not the book's.
var litellmServices = map[string]string{
	"bedrock_converse": "bedrock", "text-completion-openai": "openai", "cohere_chat": "cohere", "azure_text": "azure",
	"vertex_ai-language-models": "vertex", "vertex_ai-anthropic_models": "vertex", "vertex_ai-text-models": "vertex",
	"vertex_ai-chat-models": "vertex", "vertex_ai-embedding-models": "vertex", "fireworks_ai-embedding-models": "fireworks",
}

// readLiteLLM reads LiteLLM's table: models by name.
func (f *Foreign) readLiteLLM(table map[string]json.RawMessage) error {
	f.Format = "LiteLLM"
	for _, name := range slices.Sorted(maps.Keys(table)) {
		var fields map[string]any
		dec := json.NewDecoder(strings.NewReader(string(table[name])))
		dec.UseNumber()
		provider := ""
		if dec.Decode(&fields) == nil {
			provider, _ = fields["litellm_provider"].(string)
		}
		if provider == "" || name == "sample_spec" {
			continue
		}
		e := &entry{Price: Price{Provider: litellmService(provider), Model: litellmName(name, provider)}}
		e.window, e.maxOutput = limit(number(fields, "max_input_tokens")), limit(number(fields, "max_output_tokens"))
		var r rates
		err := r.litellm(fields)
		e.rates = []rates{r}
		f.add(e, err)
	}
	return nil
}

func litellmService(provider string) string {
	if s := litellmServices[provider]; s != "" {
		return s
	}
	return serviceOf(provider)
}

// litellmName is the name without the provider's, which LiteLLM puts before
// those that it could mistake for another's.
func litellmName(name, provider string) string {
	first, rest, ok := strings.Cut(name, "/")
	if ok && (first == provider || litellmService(first) == litellmService(provider)) {
		return rest
	}
	return name
}

func number(fields map[string]any, key string) json.Number {
	n, _ := fields[key].(json.Number)
	return n
}

// litellm reads the prices, the steps after what they are steps of.
func (r *rates) litellm(fields map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(litellmKinds)) {
		if err := r.set(litellmKinds[name], number(fields, name), perMillion); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		m := litellmStep.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		k, ok := litellmKinds[m[1]]
		thousands, err := strconv.ParseInt(m[2], 10, 32)
		if !ok || err != nil {
			continue
		}
		if err := r.step(k, thousands*1000, number(fields, name), perMillion); err != nil {
			return err
		}
	}
	return r.set(Request, number(fields, "input_cost_per_request"), 1)
}
