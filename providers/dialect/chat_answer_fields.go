package dialect

import "llmgw/providers/llm"

// chatAnswerFields are the members of an answer to POST /v1/chat/completions
// (platform.openai.com/docs/api-reference/chat/object and openai-go v3.96.0,
// 2026-11), then those that compatible providers add and that other dialects
// have too. A stream has the same in "delta" instead of "message".
var chatAnswerFields = []field{
	{"id", llm.FieldID},
	{"object", ""},
	{"created", llm.FieldCreated},
	{"model", llm.FieldModel},
	{"service_tier", llm.FieldServiceTier},
	{"system_fingerprint", ""},
	{"metadata", ""},
	{"moderation", ""},
	{"choices[].index", ""},
	{"choices[].finish_reason", llm.FieldFinish},
	{"choices[].logprobs", llm.FieldLogprobs},
	{"choices[].message.role", ""},
	{"choices[].message.content", llm.FieldText},
	{"choices[].message.refusal", llm.FieldRefusal},
	{"choices[].message.annotations[].url_citation", llm.FieldCitations},
	{"choices[].message.annotations[].type", ""},
	{"choices[].message.audio", llm.FieldAudio},
	{"choices[].message.tool_calls[].id", llm.FieldCallID},
	{"choices[].message.tool_calls[].type", ""},
	{"choices[].message.tool_calls[].function.name", llm.FieldCallName},
	{"choices[].message.tool_calls[].function.arguments", llm.FieldArgs},
	{"choices[].message.tool_calls[].custom", llm.FieldCallCustom},
	{"choices[].message.function_call.name", llm.FieldCallName},
	{"choices[].message.function_call.arguments", llm.FieldArgs},
	{"usage.prompt_tokens", llm.FieldInput},
	{"usage.prompt_tokens_details.cached_tokens", llm.FieldCachedInput},
	{"usage.prompt_tokens_details.cache_write_tokens", llm.FieldCacheWrite},
	{"usage.prompt_tokens_details.audio_tokens", llm.FieldInputAudio},
	{"usage.prompt_tokens_details.image_tokens", ""},
	{"usage.prompt_tokens_details.text_tokens", ""},
	{"usage.completion_tokens", llm.FieldOutput},
	{"usage.completion_tokens_details.reasoning_tokens", llm.FieldThoughtCount},
	{"usage.completion_tokens_details.audio_tokens", llm.FieldOutputAudio},
	{"usage.completion_tokens_details.accepted_prediction_tokens", ""},
	{"usage.completion_tokens_details.rejected_prediction_tokens", ""},
	{"usage.completion_tokens_details.text_tokens", ""},
	{"usage.total_tokens", ""},

	{"choices[].message.reasoning_content", llm.FieldThought},               // DeepSeek, vLLM
	{"choices[].message.reasoning", llm.FieldThought},                       // OpenRouter, Groq
	{"choices[].message.reasoning_details[].text", llm.FieldThought},        // OpenRouter
	{"choices[].message.reasoning_details[].signature", llm.FieldSignature}, // OpenRouter
	{"choices[].message.reasoning_details[].data", llm.FieldEncrypted},      // OpenRouter
	{"choices[].message.images[].image_url.url", llm.FieldImage},            // OpenRouter
}

// chatGives is what the fields of an answer become for a client of the chat
// protocol.
var chatGives = map[llm.Field]string{
	llm.FieldID:           "id",
	llm.FieldCreated:      "created",
	llm.FieldModel:        "model",
	llm.FieldServiceTier:  "service_tier",
	llm.FieldFinish:       "choices[].finish_reason",
	llm.FieldText:         "choices[].message.content",
	llm.FieldRefusal:      "choices[].message.refusal",
	llm.FieldCitations:    "choices[].message.annotations[].url_citation",
	llm.FieldThought:      "choices[].message.reasoning_content",
	llm.FieldSignature:    "choices[].message.reasoning_details[].signature",
	llm.FieldEncrypted:    "choices[].message.reasoning_details[].data",
	llm.FieldCallID:       "choices[].message.tool_calls[].id",
	llm.FieldCallName:     "choices[].message.tool_calls[].function.name",
	llm.FieldArgs:         "choices[].message.tool_calls[].function.arguments",
	llm.FieldCallCustom:   "choices[].message.tool_calls[].custom",
	llm.FieldInput:        "usage.prompt_tokens",
	llm.FieldCachedInput:  "usage.prompt_tokens_details.cached_tokens",
	llm.FieldCacheWrite:   "usage.prompt_tokens_details.cache_write_tokens",
	llm.FieldInputAudio:   "usage.prompt_tokens_details.audio_tokens",
	llm.FieldOutput:       "usage.completion_tokens",
	llm.FieldThoughtCount: "usage.completion_tokens_details.reasoning_tokens",
	llm.FieldOutputAudio:  "usage.completion_tokens_details.audio_tokens",
}
