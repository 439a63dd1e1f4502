package dialect

import (
	"reflect"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
)

const chatBase = `{"model": "test-model", "messages": [{"role": "user", "content": "Hello"}]}`

// turn is a request whose messages have one more, of that content.
func turn(message string) string {
	return `{"messages": [{"role": "user", "content": "Hello"}, ` + message + `]}`
}

// userPart is a request with a message that has a text and that part.
func userPart(part string) string {
	return turn(`{"role": "user", "content": [{"type": "text", "text": "Look:"}, ` + part + `]}`)
}

const (
	called = `{"role": "assistant", "content": null, "tool_calls": [
		{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Brest\"}"}}]},
		{"role": "tool", "tool_call_id": "call_1", "content": "Rain"}`
	calledCustom = `{"role": "assistant", "content": null, "tool_calls": [
		{"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}]},
		{"role": "tool", "tool_call_id": "call_1", "content": "x"}`
	calledFunction = `{"role": "assistant", "content": null, "function_call": {"name": "weather", "arguments": "{}"}},
		{"role": "function", "name": "weather", "content": "Rain"}`
	detailed = `{"role": "assistant", "content": "Hi", "reasoning_details": [{"type": "reasoning.text", "text": "hm",
		"signature": "c2ln", "format": "openai-responses-v1", "index": 0}]}`
	encrypted = `{"role": "assistant", "content": "Hi", "reasoning_details": [{"type": "reasoning.encrypted", "data": "eHg=",
		"format": "openai-responses-v1", "index": 0}]}`
	weatherTool = `{"tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it.", "strict": true,
		"parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false}}}]`
	customTool = `{"tools": [{"type": "custom", "custom": {"name": "shell", "description": "Runs.", "format": {"type": "text"}}}]`
	schema     = `{"response_format": {"type": "json_schema", "json_schema": {"name": "person", "description": "Who.", "strict": true,
		"schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false}}}}`
)

var chatExamples = map[string]string{
	"model":                                        `{}`,
	"messages":                                     `{}`,
	"messages[].role":                              `{}`,
	"messages[role=system]":                        `{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]}`,
	"messages[role=developer]":                     `{"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"}]}`,
	"messages[].name":                              turn(`{"role": "user", "name": "ada", "content": "Hi"}`),
	"messages[].content":                           `{}`,
	"messages[].content[].text":                    userPart(`{"type": "text", "text": "a rope"}`),
	"messages[].content[].refusal":                 turn(`{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}`),
	"messages[].content[].image_url.url":           userPart(`{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}`),
	"messages[].content[].image_url.detail":        userPart(`{"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}`),
	"messages[].content[].input_audio":             userPart(`{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}`),
	"messages[].content[].file.file_data":          userPart(`{"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}}`),
	"messages[].content[].file.file_id":            userPart(`{"type": "file", "file": {"file_id": "file-1"}}`),
	"messages[].content[].file.filename":           userPart(`{"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}}`),
	"messages[].content[].prompt_cache_breakpoint": userPart(`{"type": "text", "text": "a rope", "prompt_cache_breakpoint": {"mode": "explicit"}}`),
	"messages[].refusal":                           turn(`{"role": "assistant", "refusal": "No."}`),
	"messages[].audio.id":                          turn(`{"role": "assistant", "audio": {"id": "audio_1"}}`),
	"messages[].tool_calls[]":                      turn(called),
	"messages[].tool_calls[].id":                   turn(called),
	"messages[].tool_calls[].function.name":        turn(called),
	"messages[].tool_calls[].function.arguments":   turn(called),
	"messages[].tool_calls[].custom":               turn(calledCustom),
	"messages[].function_call":                     turn(calledFunction),
	"messages[role=tool]":                          turn(called),
	"messages[].tool_call_id":                      turn(called),
	"messages[role=function]":                      turn(calledFunction),
	"max_completion_tokens":                        `{"max_completion_tokens": 100}`,
	"max_tokens":                                   `{"max_tokens": 100}`,
	"stop":                                         `{"stop": ["END"]}`,
	"n":                                            `{"n": 2}`,
	"temperature":                                  `{"temperature": 0.5}`,
	"top_p":                                        `{"top_p": 0.5}`,
	"frequency_penalty":                            `{"frequency_penalty": 0.5}`,
	"presence_penalty":                             `{"presence_penalty": 0.5}`,
	"seed":                                         `{"seed": 7}`,
	"logit_bias":                                   `{"logit_bias": {"50256": -100}}`,
	"logprobs":                                     `{"logprobs": true}`,
	"top_logprobs":                                 `{"logprobs": true, "top_logprobs": 2}`,
	"reasoning_effort":                             `{"reasoning_effort": "high"}`,
	"verbosity":                                    `{"verbosity": "low"}`,
	"stream":                                       `{"stream": true}`,
	"stream_options.include_usage":                 `{"stream": true, "stream_options": {"include_usage": true}}`,
	"stream_options.include_obfuscation":           `{"stream": true, "stream_options": {"include_obfuscation": true}}`,
	"user":                                         `{"user": "u1"}`,
	"safety_identifier":                            `{"safety_identifier": "s1"}`,
	"prompt_cache_key":                             `{"prompt_cache_key": "k"}`,
	"prompt_cache_retention":                       `{"prompt_cache_retention": "24h"}`,
	"prompt_cache_options":                         `{"prompt_cache_options": {"mode": "explicit"}}`,
	"metadata":                                     `{"metadata": {"a": "b"}}`,
	"store":                                        `{"store": true}`,
	"service_tier":                                 `{"service_tier": "flex"}`,
	"moderation":                                   `{"moderation": {"model": "omni-moderation-latest"}}`,
	"prediction":                                   `{"prediction": {"type": "content", "content": "x"}}`,
	"modalities":                                   `{"modalities": ["text", "audio"]}`,
	"audio":                                        `{"audio": {"voice": "ash", "format": "wav"}}`,
	"web_search_options":                           `{"web_search_options": {}}`,
	"response_format[type=text]":                   `{"response_format": {"type": "text"}}`,
	"response_format[type=json_object]":            `{"response_format": {"type": "json_object"}}`,
	"response_format.json_schema.schema":           schema,
	"response_format.json_schema.name":             schema,
	"response_format.json_schema.description":      schema,
	"response_format.json_schema.strict":           schema,
	"tools":                                        weatherTool + `}`,
	"tools[].function.name":                        weatherTool + `}`,
	"tools[].function.description":                 weatherTool + `}`,
	"tools[].function.parameters":                  weatherTool + `}`,
	"tools[].function.strict":                      weatherTool + `}`,
	"tools[].custom":                               customTool + `}`,
	"functions":                                    `{"functions": [{"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {}}}]}`,
	"tool_choice":                                  weatherTool + `, "tool_choice": {"type": "function", "function": {"name": "weather"}}}`,
	"tool_choice.custom":                           customTool + `, "tool_choice": {"type": "custom", "custom": {"name": "shell"}}}`,
	"tool_choice.allowed_tools": weatherTool + `, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto",
		"tools": [{"type": "function", "function": {"name": "weather"}}]}}}`,
	"function_call":                            `{"functions": [{"name": "weather", "parameters": {"type": "object"}}], "function_call": {"name": "weather"}}`,
	"parallel_tool_calls":                      weatherTool + `, "parallel_tool_calls": false}`,
	"top_k":                                    `{"top_k": 40}`,
	"reasoning.effort":                         `{"reasoning": {"effort": "high"}}`,
	"reasoning.max_tokens":                     `{"reasoning": {"max_tokens": 2000}}`,
	"thinking.type":                            `{"thinking": {"type": "disabled"}}`,
	"messages[].reasoning_content":             turn(`{"role": "assistant", "content": "Hi", "reasoning_content": "hm"}`),
	"messages[].reasoning_details[].text":      turn(detailed),
	"messages[].reasoning_details[].signature": turn(detailed),
	"messages[].reasoning_details[].data":      turn(encrypted),
	"messages[].content[].cache_control":       userPart(`{"type": "text", "text": "a rope", "cache_control": {"type": "ephemeral", "ttl": "1h"}}`),
	"messages[].content[].video_url.url":       userPart(`{"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}`),
	"tools[].cache_control": `{"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}},
		"cache_control": {"type": "ephemeral"}}]}`,
	"tools[]":              `{"tools": [{"type": "openrouter:web_search", "parameters": {"max_uses": 1}}]}`,
	"messages[].content[]": userPart(`{"type": "hologram", "hologram": {"id": "h"}}`),
}

// chatOpaque are the members whose members are the client's own business, and
// those that are taken or lost as a whole.
var chatOpaque = []string{
	"metadata", "logit_bias", "audio", "web_search_options", "prediction", "moderation", "prompt_cache_options",
	"response_format.json_schema.schema", "tools[].function.parameters", "functions[].parameters", "tools[].custom.format",
	"tool_choice", "function_call", "messages[].content[].cache_control", "messages[].content[].prompt_cache_breakpoint",
	"tools[].cache_control",
}

// Every member of OpenAI's own SDK is in the tables: a new version that knows
// more fails here.
func TestChatTablesHaveAllOfTheSDK(t *testing.T) {
	for _, path := range sdkPaths(reflect.TypeFor[openai.ChatCompletionNewParams](), "", 0) {
		if !inTable(chatFields, path) {
			t.Errorf("%s is not in the table of requests", path)
		}
	}
	for _, path := range sdkPaths(reflect.TypeFor[openai.ChatCompletion](), "", 0) {
		if !inTable(chatAnswerFields, path) {
			t.Errorf("%s is not in the table of answers", path)
		}
	}
}

// chatWholeAnswer has every member of an answer that means something elsewhere.
const chatWholeAnswer = `{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m","service_tier":"default","system_fingerprint":"fp",
	"choices":[{"index":0,"finish_reason":"tool_calls","logprobs":{"content":[]},"message":{"role":"assistant","content":"The sea","refusal":"No",
	"annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com","title":"T","start_index":0,"end_index":3}}],
	"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"c2ln","format":"anthropic-claude-v1"},
		{"type":"reasoning.encrypted","data":"eHg=","format":"anthropic-claude-v1"}],
	"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"n\":12345678901234567890}"}},
		{"id":"d","type":"custom","custom":{"name":"g","input":"ls"}}]}}],
	"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,
	"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":2,"audio_tokens":0},
	"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":0}}}`

// inTable tells whether a table has the path, a part of it, or something that
// it is a part of.
func inTable(rows []field, path string) bool {
	if strings.HasSuffix(path, ".type") || strings.HasSuffix(path, ".role") {
		return true // what tells variants apart
	}
	for _, row := range rows {
		if row.path == path || strings.HasPrefix(path, row.path+".") || strings.HasPrefix(path, row.path+"[") && row.path != "messages" && row.path != "tools" {
			return true
		}
	}
	return false
}

// sdkPaths are the paths of the leaves of an SDK's type.
func sdkPaths(typ reflect.Type, path string, depth int) []string {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case depth > 16:
		return nil
	case typ.Kind() == reflect.Slice:
		return sdkPaths(typ.Elem(), path+"[]", depth+1)
	case typ.Kind() != reflect.Struct || strings.HasPrefix(typ.Name(), "Opt["):
		return []string{path}
	}
	var all []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(f.Tag.Get("json"), "inline"):
			all = append(all, sdkPaths(f.Type, path, depth+1)...)
		case name != "":
			all = append(all, sdkPaths(f.Type, strings.TrimPrefix(path+"."+name, "."), depth+1)...)
		}
	}
	return all
}
