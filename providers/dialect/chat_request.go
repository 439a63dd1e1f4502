package dialect

import (
	"iter"

	"llmgw/providers/llm"
)

// chatRequest reads the body of a call to /chat/completions (OpenAI's API
// reference and openai-go v3.96.0, and what compatible providers add to it).
type chatRequest struct {
	object
	*llm.Request
}

func decodeChat(body []byte) (*llm.Request, error) {
	c := chatRequest{Request: &llm.Request{From: llm.OpenAIChat, Size: len(body), Halves: hasHalf(body), Spelled: map[llm.Field]string{}}}
	var bad *BadJSON
	c.object, bad = readBody(trimMark(body), "messages", func(items iter.Seq2[int, object]) {
		c.Messages = nil
		for i, m := range items {
			c.Messages = append(c.Messages, chatMessage(m, at("messages", i)))
		}
	})
	if bad != nil {
		return nil, bad
	}
	if c.take("messages", "[") == nil {
		return nil, &BadJSON{Offset: len(body), Reason: `no list "messages" in the body`}
	}
	c.Model = c.string("model")
	c.members()
	c.limits()
	c.sampling()
	c.readTools()
	c.choice()
	c.format()
	c.reasoning()
	c.Extra = append(c.Extra, c.rest("")...)
	return c.Request, nil
}

// members reads what stands at the top and needs no reading.
func (c *chatRequest) members() {
	r := c.Request
	r.Parallel = c.flag("parallel_tool_calls")
	r.Verbosity = c.text("verbosity")
	r.User = c.text("user")
	r.SafetyID = c.text("safety_identifier")
	r.CacheKey = c.text("prompt_cache_key")
	r.Metadata = c.take("metadata", "{")
	r.Store = c.flag("store")
	r.ServiceTier = c.text("service_tier")
	r.Modalities = c.texts("modalities")
	r.Voice = c.take("audio", "{")
	r.WebSearch = c.take("web_search_options", "{")
	r.Stream = c.flag("stream")
	if options, found := c.inner("stream_options"); found {
		r.IncludeUsage = options.flag("include_usage")
		r.Extra = append(r.Extra, options.rest("stream_options")...)
	}
}

func (c *chatRequest) limits() {
	r := c.Request
	if r.MaxTokens = c.count("max_completion_tokens"); !r.MaxTokens.Known {
		if r.MaxTokens = c.count("max_tokens"); r.MaxTokens.Known {
			r.Spelled[llm.FieldMaxTokens] = "max_tokens"
		}
	}
	r.N = c.count("n")
	if stop := c.text("stop"); stop != nil {
		r.Stop, r.StopPlain = []string{*stop}, true
	} else {
		r.Stop = c.texts("stop")
	}
}

func (c *chatRequest) sampling() {
	c.Sampling = llm.Sampling{
		Temperature:      c.number("temperature"),
		TopP:             c.number("top_p"),
		TopK:             c.number("top_k"),
		FrequencyPenalty: c.number("frequency_penalty"),
		PresencePenalty:  c.number("presence_penalty"),
		Seed:             c.number("seed"),
		LogitBias:        c.take("logit_bias", "{"),
		Logprobs:         c.flag("logprobs"),
		TopLogprobs:      c.count("top_logprobs"),
	}
}

// readTools reads "tools", else the deprecated "functions".
func (c *chatRequest) readTools() {
	list := c.filled("tools")
	path, read := "tools", chatTool
	if list == nil {
		list, path, read = c.filled("functions"), "functions", chatFunction
	}
	if list == nil {
		return
	}
	if path == "functions" {
		c.Spelled[llm.FieldTools] = path
		c.Parallel = new(false) // the deprecated form has one call a turn
	}
	for i, tool := range list {
		c.Tools = append(c.Tools, read(tool, at(path, i)))
	}
}

func chatFunction(f object, path string) llm.Tool {
	t := llm.Tool{Path: path}
	defineFunction(&t, &f, "")
	return t
}

func chatTool(o object, path string) llm.Tool {
	t := llm.Tool{Path: path}
	kind := stringIn(o.peek("type"))
	def, found := o.inner(kind)
	switch {
	case kind == "function" && found:
		defineFunction(&t, &def, kind)
	case kind == "custom" && found:
		t.Custom = true
		t.Name, t.Description = def.string("name"), def.text("description")
		t.Grammar = def.take("format", "{")
		t.Extra = def.rest(kind)
	default:
		t.Native = &llm.NativePart{Type: kind, Raw: o.whole}
		return t
	}
	o.string("type")
	t.Cache = cacheMark(&o, "cache_control")
	t.Extra = append(t.Extra, o.rest("")...)
	return t
}

// defineFunction reads what a function is; in is where that stands in the tool.
func defineFunction(t *llm.Tool, f *object, in string) {
	t.Name, t.Description = f.string("name"), f.text("description")
	t.Schema = f.take("parameters", "{")
	t.Strict = f.flag("strict")
	t.Extra = f.rest(in)
}

// cacheMark takes a cache marker.
func cacheMark(o *object, name string) *llm.CacheMark {
	value := o.take(name, "{")
	if value == nil {
		return nil
	}
	return &llm.CacheMark{Name: name, TTL: stringIn(memberOf(value, "ttl")), Raw: value}
}

// choice reads "tool_choice", else the deprecated "function_call". One that is
// not understood is left over.
func (c *chatRequest) choice() {
	name := "tool_choice"
	value := c.peek(name)
	if value == nil {
		name = "function_call"
		value = c.peek(name)
	}
	choice := chatChoice(value)
	if choice == nil {
		return
	}
	c.Choice = choice
	c.take(name, `"{`)
	if name != "tool_choice" {
		c.Spelled[llm.FieldToolChoice] = name
	}
}

func chatChoice(value []byte) *llm.ToolChoice {
	choice := llm.ToolChoice{Raw: value}
	switch stringIn(value) {
	case "auto":
		choice.Mode = llm.ToolAuto
	case "none":
		choice.Mode = llm.ToolNone
	case "required", "any": // Mistral's word
		choice.Mode = llm.ToolRequired
	default:
		o := readObject(value)
		if !namedChoice(&choice, &o) {
			return nil
		}
	}
	return &choice
}

// namedChoice reads a choice that names tools; false when it is not understood.
func namedChoice(choice *llm.ToolChoice, o *object) bool {
	kind := o.string("type")
	if kind == "allowed_tools" {
		return allowedTools(choice, readObject(o.peek(kind)))
	}
	choice.Mode, choice.Custom = llm.ToolNamed, kind == "custom"
	if kind == "function" || kind == "custom" {
		inner := readObject(o.peek(kind))
		o = &inner
	}
	choice.Name = o.string("name")
	return choice.Name != ""
}

func allowedTools(choice *llm.ToolChoice, o object) bool {
	choice.Mode = llm.ToolMode(o.string("mode"))
	choice.Allowed = []string{}
	for _, tool := range o.items("tools") {
		inner := readObject(tool.peek(tool.string("type")))
		name := inner.string("name")
		if name == "" {
			return false
		}
		choice.Allowed = append(choice.Allowed, name)
	}
	return choice.Mode == llm.ToolAuto || choice.Mode == llm.ToolRequired
}

// format reads "response_format"; a kind that nobody else has is left over.
func (c *chatRequest) format() {
	const name = "response_format"
	kind := llm.FormatKind(stringIn(memberOf(c.peek(name), "type")))
	if kind != llm.FormatText && kind != llm.FormatJSON && kind != llm.FormatSchema {
		return
	}
	o, _ := c.inner(name)
	o.string("type")
	f := llm.Format{Kind: kind}
	if schema, found := o.inner("json_schema"); found {
		f.Name, f.Description = schema.text("name"), schema.text("description")
		f.Schema, f.Strict = schema.take("schema", "{"), schema.flag("strict")
		c.Extra = append(c.Extra, schema.rest(name+".json_schema")...)
	}
	c.Format = &f
	c.Extra = append(c.Extra, o.rest(name)...)
}

// reasoning reads OpenAI's "reasoning_effort", OpenRouter's "reasoning" object
// and the "thinking" object of Z.ai and DeepSeek; the first that says a thing
// counts.
func (c *chatRequest) reasoning() {
	r := llm.Reasoning{Effort: c.text("reasoning_effort")}
	c.thinks(&r, "reasoning", "max_tokens")
	c.thinks(&r, "thinking", "budget_tokens")
	if r.Effort != nil || r.Source != nil {
		c.Reasoning = &r
	}
}

// thinks reads an object that says how much to think.
func (c *chatRequest) thinks(r *llm.Reasoning, name, budget string) {
	o, found := c.inner(name)
	if !found {
		return
	}
	r.Source = append(r.Source, llm.Extra{Name: name, Value: o.whole})
	if r.Effort == nil {
		if r.Effort = o.text("effort"); r.Effort != nil {
			c.Spelled[llm.FieldEffort] = name + ".effort"
		}
	}
	if !r.Budget.Known {
		r.Budget = o.count(budget)
		c.Spelled[llm.FieldBudget] = name + "." + budget
	}
	switch on := o.flag("enabled"); {
	case on != nil && *on:
		r.Mode = "enabled"
	case on != nil:
		r.Mode = "disabled"
	case r.Mode == "":
		r.Mode = o.string("type")
	}
	c.Spelled[llm.FieldThinking] = name
	c.Extra = append(c.Extra, o.rest(name)...)
}
