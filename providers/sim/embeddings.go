package sim

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"

	"llmgw/providers/llm"
)

// embeddingsRequest is what matters of POST /v1/embeddings.
type embeddingsRequest struct {
	Model          string
	Input          embeddingsInput
	EncodingFormat string `json:"encoding_format"` // float (the default) or base64
	Dimensions     *int
}

// embeddingsInput is a text, a list of texts, a list of tokens or a list of
// those; each is kept as it stood.
type embeddingsInput []json.RawMessage

func (e *embeddingsInput) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		*e = embeddingsInput{data}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if len(list) > 0 && list[0][0] != '"' && list[0][0] != '[' {
		list = []json.RawMessage{data}
	}
	*e = list
	return nil
}

func (c *call) readEmbeddings() (*ask, *problem) {
	var in embeddingsRequest
	if p := c.decode(&in); p != nil {
		return nil, p
	}
	switch {
	case in.Model == "":
		return nil, openAIBadRequest("you must provide a model parameter", "", "")
	case len(in.Input) == 0:
		return nil, openAIBadRequest("Missing required parameter: 'input'.", "input", "missing_required_parameter")
	case in.Dimensions != nil && (*in.Dimensions < 1 || *in.Dimensions > 3072):
		return nil, openAIBadRequest("Invalid value for 'dimensions'.", "dimensions", "")
	}
	q := &ask{model: in.Model, dimensions: value(in.Dimensions, 1536), base64: in.EncodingFormat == "base64"}
	for _, raw := range in.Input {
		text := string(raw)
		_ = json.Unmarshal(raw, &text) // a list of tokens stays as written
		q.inputs = append(q.inputs, text)
		q.add("user", content{{Type: "text", Text: text}})
	}
	return q, c.ready(q)
}

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"`
}

func (c *call) writeEmbeddings() answer {
	data := []embedding{}
	for i, text := range c.q.inputs {
		data = append(data, embedding{"embedding", i, c.q.vector(c.sim.opt.Seed, text)})
	}
	u := llm.Usage{Input: c.q.usage(0, 0).Input}
	if c.fault.Kind == ZeroUsage {
		u = zeroed(u)
	}
	c.row.Usage = u
	a := c.ok(marshal(struct {
		Object string          `json:"object"`
		Data   []embedding     `json:"data"`
		Model  string          `json:"model"`
		Usage  json.RawMessage `json:"usage,omitempty"`
	}{"list", data, c.servedModel(), c.embeddingsUsage(u)}))
	a.usage = c.fault.Kind != NoUsage && c.fault.Kind != NullUsage
	return a
}

func (c *call) embeddingsUsage(u llm.Usage) json.RawMessage {
	switch c.fault.Kind {
	case NoUsage:
		return nil
	case NullUsage:
		return null
	}
	return marshal(struct {
		Prompt int64 `json:"prompt_tokens"`
		Total  int64 `json:"total_tokens"`
	}{u.Input.N, u.Input.N})
}

func (c *call) servedModel() string {
	if c.fault.Kind == ServedModel {
		return c.fault.Model
	}
	return c.q.model
}

// vector is a unit vector, a function of model and text; base64 is of
// little-endian float32, as OpenAI encodes it.
func (q *ask) vector(seed uint64, text string) any {
	r := rng(mix(seed, hashOf(q.model, text)))
	out := make([]float32, q.dimensions)
	sum := 0.0
	for i := range out {
		out[i] = float32(r.below(2001)-1000) / 1000
		sum += float64(out[i]) * float64(out[i])
	}
	for i := range out {
		out[i] = float32(float64(out[i]) / math.Sqrt(max(sum, 1e-9)))
	}
	if !q.base64 {
		return out
	}
	raw := make([]byte, 0, 4*len(out))
	for _, f := range out {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
