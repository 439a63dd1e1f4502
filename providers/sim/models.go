package sim

import (
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// defaultModels are listed when Options.Models names none; any other model is
// answered then, too.
func defaultModels(d llm.Dialect) []string {
	if d == llm.Anthropic {
		return []string{"claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-5", echoModel}
	}
	return []string{"gpt-4o", "gpt-4o-mini", "gpt-5", "text-embedding-3-small", echoModel}
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

// model is one entry of the list, in the dialect.
func (c *call) modelEntry(id string) any {
	if c.dialect == llm.Anthropic {
		return anthropicModel{"model", id, strings.ReplaceAll(id, "-", " "), "2025-09-29T00:00:00Z"}
	}
	const created = 1_715_367_049 // gpt-4o's own
	return openAIModel{id, "model", created, "system"}
}

func (c *call) writeModels() answer {
	ids := c.sim.opt.Models
	if ids == nil {
		ids = defaultModels(c.dialect)
	}
	if id, one := strings.CutPrefix(c.r.URL.Path, "/v1/models/"); one {
		c.row.Model = id
		if !slices.Contains(ids, id) {
			return c.problem(c.modelNotFound())
		}
		return c.ok(marshal(c.modelEntry(id)))
	}
	data := []any{}
	for _, id := range ids {
		data = append(data, c.modelEntry(id))
	}
	if c.dialect == llm.Anthropic {
		return c.ok(marshal(struct {
			Data    []any   `json:"data"`
			HasMore bool    `json:"has_more"`
			FirstID *string `json:"first_id"`
			LastID  *string `json:"last_id"`
		}{data, false, end(ids, 0), end(ids, len(ids)-1)}))
	}
	return c.ok(marshal(struct {
		Object string `json:"object"`
		Data   []any  `json:"data"`
	}{"list", data}))
}

func end(ids []string, i int) *string {
	if len(ids) == 0 {
		return nil
	}
	return &ids[i]
}
