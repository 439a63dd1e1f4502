package dialect

import (
	"time"

	"llmgw/providers/llm"
)

// ModelInfo is one model that can be asked for.
type ModelInfo struct {
	ID       string
	Provider string
	Created  time.Time // zero: unknown, shown as the epoch (the SDKs need a date)
}

type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
}

type geminiModel struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// ModelsList is the body of GET /v1/models in the dialect's shape, all models
// on one page.
func ModelsList(d llm.Dialect, models []ModelInfo) []byte {
	switch d {
	case llm.Anthropic:
		return anthropicList(models)
	case llm.Gemini:
		list := make([]geminiModel, 0, len(models))
		for _, m := range models {
			list = append(list, geminiModel{Name: "models/" + m.ID, DisplayName: m.ID})
		}
		return marshal(map[string]any{"models": list})
	}
	list := make([]openAIModel, 0, len(models))
	for _, m := range models {
		list = append(list, openAIModel{m.ID, "model", created(m).Unix(), m.Provider})
	}
	return marshal(map[string]any{"object": "list", "data": list})
}

// OneModel is the body of GET /v1/models/{id} in the dialect's shape.
func OneModel(d llm.Dialect, m ModelInfo) []byte {
	switch d {
	case llm.Anthropic:
		return marshal(anthropicModel{"model", m.ID, m.ID, created(m).Format(time.RFC3339)})
	case llm.Gemini:
		return marshal(geminiModel{Name: "models/" + m.ID, DisplayName: m.ID})
	}
	return marshal(openAIModel{m.ID, "model", created(m).Unix(), m.Provider})
}

func anthropicList(models []ModelInfo) []byte {
	list := make([]anthropicModel, 0, len(models))
	for _, m := range models {
		list = append(list, anthropicModel{"model", m.ID, m.ID, created(m).Format(time.RFC3339)})
	}
	page := map[string]any{"data": list, "has_more": false, "first_id": nil, "last_id": nil}
	if len(list) > 0 {
		page["first_id"], page["last_id"] = list[0].ID, list[len(list)-1].ID
	}
	return marshal(page)
}

// created is when a model was made; Anthropic documents the epoch for models
// whose date is unknown (docs.anthropic.com/en/api/models-list).
func created(m ModelInfo) time.Time {
	if m.Created.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return m.Created.UTC()
}
