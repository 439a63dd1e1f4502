package sim

import (
	"encoding/json"
	"strings"
)

// sampler makes a minimal document that fits a JSON schema, as structured
// output and tool arguments need. Patterns and formats of strings beyond the
// usual ones are not met.
type sampler struct {
	root map[string]any
	rng  *rng
}

// sample returns the document's JSON, keys sorted. A schema that is absent or
// no object gives {}.
func sample(schema json.RawMessage, r *rng) string {
	s := sampler{rng: r}
	if json.Unmarshal(schema, &s.root) != nil || s.root == nil {
		return "{}"
	}
	return string(marshal(s.value(s.root, 0)))
}

func (s *sampler) value(schema map[string]any, depth int) any {
	const deepest = 16 // a recursive schema ends here
	if depth > deepest {
		return nil
	}
	if c, ok := schema["const"]; ok {
		return c
	}
	if list, _ := schema["enum"].([]any); len(list) > 0 {
		return list[0]
	}
	if sub := s.resolve(schema); sub != nil {
		return s.value(sub, depth+1)
	}
	switch typeOf(schema) {
	case "object":
		return s.object(schema, depth)
	case "array":
		return s.array(schema, depth)
	case "string":
		return s.text(schema)
	case "integer", "number":
		if low, ok := schema["minimum"].(float64); ok {
			return low
		}
		return s.rng.below(100)
	case "boolean":
		return s.rng.below(2) == 0
	}
	return nil
}

// resolve follows $ref and takes the first alternative.
func (s *sampler) resolve(schema map[string]any) map[string]any {
	if ref, ok := schema["$ref"].(string); ok {
		return s.lookup(ref)
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		if list, _ := schema[key].([]any); len(list) > 0 {
			sub, _ := list[0].(map[string]any)
			return sub
		}
	}
	return nil
}

func (s *sampler) lookup(ref string) map[string]any {
	at := s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(ref, "#"), "/"), "/") {
		if name != "" {
			at, _ = at[name].(map[string]any)
		}
	}
	return at
}

func typeOf(schema map[string]any) string {
	switch t := schema["type"].(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			name, _ := t[0].(string)
			return name
		}
	}
	if schema["properties"] != nil {
		return "object"
	}
	return ""
}

func (s *sampler) object(schema map[string]any, depth int) any {
	out := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		key, _ := name.(string)
		sub, _ := properties[key].(map[string]any)
		out[key] = s.value(sub, depth+1)
	}
	return out
}

func (s *sampler) array(schema map[string]any, depth int) any {
	least, _ := schema["minItems"].(float64)
	items, _ := schema["items"].(map[string]any)
	out := make([]any, min(int(least), 64))
	for i := range out {
		out[i] = s.value(items, depth+1)
	}
	return out
}

func (s *sampler) text(schema map[string]any) string {
	switch schema["format"] {
	case "date":
		return "2025-02-28"
	case "date-time":
		return "2025-02-28T12:00:00Z"
	case "email":
		return "someone@example.com"
	case "uri":
		return "https://example.com/"
	}
	out := strings.Join(s.rng.words(2), "")
	if least, ok := schema["minLength"].(float64); ok && int(least) > len([]rune(out)) {
		out += strings.Repeat("x", min(int(least), 1<<16)-len([]rune(out)))
	}
	return out
}
