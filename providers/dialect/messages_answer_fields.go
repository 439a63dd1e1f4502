package dialect

import "llmgw/providers/llm"

// messagesAnswerFields are the members of an answer to POST /v1/messages
// (platform.claude.com/docs/en/api/messages and anthropic-sdk-go v1.84.0,
// 2026-11). A stream has the same in its events.
var messagesAnswerFields = []field{
	{"id", llm.FieldID},
	{"type", ""},
	{"role", ""},
	{"model", llm.FieldModel},
	{"container", ""},
	{"context_management", ""},
	{"diagnostics", ""},
	{"input_transformations", ""},
	{"stop_reason", llm.FieldFinish},
	{"stop_sequence", llm.FieldSequence},
	{"stop_details", ""},
	{"content[].text", llm.FieldText},
	{"content[].citations[].url", llm.FieldCitations},
	{"content[].thinking", llm.FieldThought},
	{"content[].signature", llm.FieldSignature},
	{"content[].data", llm.FieldEncrypted},
	{"content[].id", llm.FieldCallID},
	{"content[].name", llm.FieldCallName},
	{"content[].input", llm.FieldArgs},
	{"content[].caller", ""},
	{"content[].toolset_name", ""},
	{"content[]", llm.FieldNative}, // server_tool_use and every other
	{"usage.input_tokens", llm.FieldInput},
	{"usage.cache_read_input_tokens", llm.FieldCachedInput},
	{"usage.cache_creation_input_tokens", llm.FieldCacheWrite},
	{"usage.cache_creation.ephemeral_1h_input_tokens", llm.FieldCacheWrite1h},
	{"usage.cache_creation.ephemeral_5m_input_tokens", ""},
	{"usage.output_tokens", llm.FieldOutput},
	{"usage.output_tokens_details.thinking_tokens", llm.FieldThoughtCount},
	{"usage.server_tool_use.web_search_requests", llm.FieldSearches},
	{"usage.server_tool_use.web_fetch_requests", ""},
	{"usage.service_tier", llm.FieldServiceTier},
	{"usage.inference_geo", ""},
	{"usage.speed", ""},
	{"usage.fallback_credit", ""},
	{"usage.iterations", ""}, // counted by the meter
}

// messagesGives is what a field of an answer becomes in this protocol.
var messagesGives = map[llm.Field]string{
	llm.FieldID:           "id",
	llm.FieldModel:        "model",
	llm.FieldFinish:       "stop_reason",
	llm.FieldSequence:     "stop_sequence",
	llm.FieldText:         "content[].text",
	llm.FieldRefusal:      "content[].text",
	llm.FieldCitations:    "content[].citations[].url",
	llm.FieldThought:      "content[].thinking",
	llm.FieldSignature:    "content[].signature",
	llm.FieldEncrypted:    "content[].data",
	llm.FieldCallID:       "content[].id",
	llm.FieldCallName:     "content[].name",
	llm.FieldArgs:         "content[].input",
	llm.FieldCallCustom:   "content[].input.input",
	llm.FieldInput:        "usage.input_tokens",
	llm.FieldCachedInput:  "usage.cache_read_input_tokens",
	llm.FieldCacheWrite:   "usage.cache_creation_input_tokens",
	llm.FieldOutput:       "usage.output_tokens",
	llm.FieldThoughtCount: "usage.output_tokens_details.thinking_tokens",
	llm.FieldSearches:     "usage.server_tool_use.web_search_requests",
	llm.FieldServiceTier:  "usage.service_tier",
}
