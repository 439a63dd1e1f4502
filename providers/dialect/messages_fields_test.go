package dialect

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
)

const messagesBase = `{"model": "test-model", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}`

// said is a request whose user says that block too.
func said(block string) string {
	return `{"messages": [{"role": "user", "content": [{"type": "text", "text": "Look:"}, ` + block + `]}]}`
}

// thought is a request in which the model said that block in an earlier turn.
func thought(block string) string {
	return `{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": [` + block + `, {"type": "text", "text": "Hi"}]},
		{"role": "user", "content": "More"}]}`
}

// used is a request with a call and that content of its result.
func used(call, result string) string {
	return `{"messages": [{"role": "user", "content": "Hello"},
		{"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Brest"}` + call + `}]},
		{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", ` + result + `}]}]}`
}

const (
	rain    = `"content": "Rain"`
	seaTool = `{"tools": [{"name": "weather", "description": "Tells it.", "strict": true,
		"input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false}`
	aPicture  = `{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}`
	aDocument = `{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}`
	aSchema   = `{"type": "json_schema", "schema": {"type": "object", "properties": {"name": {"type": "string"}}}}`
)

var messagesExamples = map[string]string{
	"model":                     `{}`,
	"messages":                  `{}`,
	"messages[].role":           `{}`,
	"messages[role=system]":     `{"messages": [{"role": "user", "content": "Hello"}, {"role": "system", "content": "Be brief."}]}`,
	"messages[].clear_at":       `{"messages": [{"role": "user", "content": "Hello"}, {"role": "system", "content": "Be brief.", "clear_at": "next_user_message"}]}`,
	"messages[].output_config":  `{"messages": [{"role": "user", "content": "Hello"}, {"role": "system", "content": "Be brief.", "output_config": {"effort": "low"}}]}`,
	"system":                    `{"system": "Be brief."}`,
	"system[].text":             `{"system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]}`,
	"system[].cache_control":    `{"system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}`,
	"messages[].content":        `{}`,
	"messages[].content[].text": said(`{"type": "text", "text": "a rope"}`),
	"messages[].content[].citations": thought(`{"type": "text", "text": "It rains.", "citations": [{"type": "char_location", "cited_text": "Rain",
		"document_index": 0, "document_title": "T", "start_char_index": 0, "end_char_index": 4}]}`),
	"messages[].content[][type=image].source.data":       said(aPicture),
	"messages[].content[][type=image].source.url":        said(`{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}`),
	"messages[].content[][type=image].source.file_id":    said(`{"type": "image", "source": {"type": "file", "file_id": "file_1"}}`),
	"messages[].content[].transformations":               said(`{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}, "transformations": {"oversized_image": "error"}}`),
	"messages[].content[][type=document].source.data":    said(aDocument + `}`),
	"messages[].content[][type=document].source.url":     said(`{"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}`),
	"messages[].content[][source=text].source.data":      said(`{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "The sea"}}`),
	"messages[].content[][type=document].source.file_id": said(`{"type": "document", "source": {"type": "file", "file_id": "file_1"}}`),
	"messages[].content[][source=content]":               said(`{"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "The sea"}]}}`),
	"messages[].content[].title":                         said(aDocument + `, "title": "The sea"}`),
	"messages[].content[].context":                       said(aDocument + `, "context": "From the harbour"}`),
	"messages[].content[].citations.enabled":             said(aDocument + `, "citations": {"enabled": true}}`),
	"messages[].content[][type=tool_use]":                used("", rain),
	"messages[].content[].id":                            used("", rain),
	"messages[].content[].name":                          used("", rain),
	"messages[].content[].input":                         used("", rain),
	"messages[].content[].caller":                        used(`, "caller": {"type": "direct"}`, rain),
	"messages[].content[].toolset_name":                  used(`, "toolset_name": "browser"`, rain),
	"messages[].content[].tool_use_id":                   used("", rain),
	"messages[].content[].content":                       used("", rain),
	"messages[].content[].content[][type=image]":         used("", `"content": [{"type": "text", "text": "Here:"}, `+aPicture+`]`),
	"messages[].content[].is_error":                      used("", rain+`, "is_error": true`),
	"messages[].content[].thinking":                      thought(`{"type": "thinking", "thinking": "hm", "signature": "c2ln"}`),
	"messages[].content[].signature":                     thought(`{"type": "thinking", "thinking": "hm", "signature": "c2ln"}`),
	"messages[].content[].data":                          thought(`{"type": "redacted_thinking", "data": "eHg="}`),
	"messages[].content[].cache_control":                 said(`{"type": "text", "text": "a rope", "cache_control": {"type": "ephemeral"}}`),
	"messages[].content[]":                               said(`{"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}`),
	"max_tokens":                                         `{}`,
	"stop_sequences":                                     `{"stop_sequences": ["END"]}`,
	"temperature":                                        `{"temperature": 0.5}`,
	"top_p":                                              `{"top_p": 0.5}`,
	"top_k":                                              `{"top_k": 40}`,
	"stream":                                             `{"stream": true}`,
	"thinking.type":                                      `{"thinking": {"type": "adaptive"}}`,
	"thinking.budget_tokens":                             `{"thinking": {"type": "enabled", "budget_tokens": 2000}}`,
	"thinking.display":                                   `{"thinking": {"type": "adaptive", "display": "omitted"}}`,
	"thinking.block_binding":                             `{"thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop"}}}`,
	"output_config.effort":                               `{"output_config": {"effort": "high"}}`,
	"output_config.format.schema":                        `{"output_config": {"format": ` + aSchema + `}}`,
	"output_config.task_budget":                          `{"output_config": {"task_budget": {"type": "tokens", "total": 50000}}}`,
	"output_format.schema":                               `{"output_format": ` + aSchema + `}`,
	"metadata.user_id":                                   `{"metadata": {"user_id": "u1"}}`,
	"service_tier":                                       `{"service_tier": "standard_only"}`,
	"tools":                                              seaTool + `}]}`,
	"tools[].name":                                       seaTool + `}]}`,
	"tools[].description":                                seaTool + `}]}`,
	"tools[].input_schema":                               seaTool + `}]}`,
	"tools[].strict":                                     seaTool + `}]}`,
	"tools[].cache_control":                              seaTool + `, "type": "custom", "cache_control": {"type": "ephemeral"}}]}`,
	"tools[].defer_loading":                              seaTool + `, "defer_loading": true}]}`,
	"tools[].eager_input_streaming":                      seaTool + `, "eager_input_streaming": true}]}`,
	"tools[].allowed_callers":                            seaTool + `, "allowed_callers": ["direct"]}]}`,
	"tools[].input_examples":                             seaTool + `, "input_examples": [{"city": "Brest"}]}]}`,
	"tools[]":                                            `{"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]}`,
	"mcp_servers[]":                                      `{"mcp_servers": [{"type": "url", "url": "https://example.com/mcp", "name": "m"}]}`,
	"tool_choice":                                        seaTool + `}], "tool_choice": {"type": "tool", "name": "weather"}}`,
	"tool_choice.disable_parallel_tool_use":              seaTool + `}], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}`,
	"cache_control":                                      `{"cache_control": {"type": "ephemeral"}}`,
	"compaction":                                         `{"compaction": {"type": "auto"}}`,
	"container":                                          `{"container": "container_1"}`,
	"context_management":                                 `{"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}`,
	"diagnostics":                                        `{"diagnostics": {"previous_message_id": "msg_1"}}`,
	"fallback_credit_token":                              `{"fallback_credit_token": "t"}`,
	"fallbacks":                                          `{"fallbacks": [{"model": "other"}]}`,
	"inference_geo":                                      `{"inference_geo": "us"}`,
	"speed":                                              `{"speed": "fast"}`,
}

// messagesOpaque are the members whose members are the client's own business,
// and those that are taken or lost as a whole.
var messagesOpaque = []string{
	"messages[].content[].cache_control", "system[].cache_control", "tools[].cache_control", "messages[].content[].citations[]",
	"messages[].content[].input", "messages[].content[].caller", "messages[].output_config", "messages[].content[].transformations",
	"tools[].input_schema", "tool_choice", "thinking.block_binding", "output_config.format.schema", "output_format.schema", "output_config.task_budget",
	"compaction", "context_management", "diagnostics", "fallbacks[]", "cache_control",
}

// messagesWholeAnswer has every member of an answer that means something
// elsewhere.
const messagesWholeAnswer = `{"id":"msg_1","type":"message","role":"assistant","model":"m","stop_reason":"stop_sequence","stop_sequence":"END","content":[
	{"type":"thinking","thinking":"hm","signature":"c2ln"},
	{"type":"redacted_thinking","data":"eHg="},
	{"type":"text","text":"The sea","citations":[{"type":"web_search_result_location","url":"https://example.com","title":"T","cited_text":"sea","encrypted_index":"e"}]},
	{"type":"tool_use","id":"toolu_1","name":"f","input":{"n":12345678901234567890}}],
	"usage":{"input_tokens":5,"cache_read_input_tokens":3,"cache_creation_input_tokens":2,
	"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":1},"output_tokens":20,
	"output_tokens_details":{"thinking_tokens":5},"server_tool_use":{"web_search_requests":1},"service_tier":"standard"}}`

// Every member of Anthropic's own SDK is in the tables, its betas too: a new
// version that knows more fails here.
func TestMessagesTablesHaveAllOfTheSDK(t *testing.T) {
	requests := append(sdkPaths(reflect.TypeFor[anthropic.MessageNewParams](), "", 0), sdkPaths(reflect.TypeFor[anthropic.BetaMessageNewParams](), "", 0)...)
	// Of the tools, those that the provider runs are passed over as a whole.
	requests = slices.DeleteFunc(requests, func(path string) bool { return strings.HasPrefix(path, "tools[].") })
	requests = append(requests, sdkPaths(reflect.TypeFor[anthropic.BetaToolParam](), "tools[]", 0)...)
	answers := append(sdkPaths(reflect.TypeFor[anthropic.Message](), "", 0), sdkPaths(reflect.TypeFor[anthropic.BetaMessage](), "", 0)...)
	for _, c := range []struct {
		name  string
		paths []string
		rows  []field
	}{{"requests", requests, messagesFields}, {"answers", answers, messagesAnswerFields}} {
		for _, path := range c.paths {
			if !inMessagesTable(c.rows, path) {
				t.Errorf("%s is not in the table of %s", path, c.name)
			}
		}
	}
}

// inMessagesTable is inTable for a table that says of which block a member is.
func inMessagesTable(rows []field, path string) bool {
	plain := make([]field, len(rows))
	for i, row := range rows {
		plain[i] = field{path: strings.TrimSuffix(unselected(row.path), "[]")}
	}
	return inTable(plain, path)
}
