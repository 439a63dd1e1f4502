package llm

// Field names a piece of what a request can ask for. Each dialect has a table
// of its members that says which field each is, and a table of what it does
// with every field; so the fate of a member in another dialect follows from
// the two, and an encoder that loses something names it by its field.
type Field string

// The fields of the request itself.
const (
	FieldModel            Field = "model"
	FieldMessages         Field = "messages"
	FieldMaxTokens        Field = "max_tokens"
	FieldStop             Field = "stop"
	FieldN                Field = "n"
	FieldTemperature      Field = "temperature"
	FieldTopP             Field = "top_p"
	FieldTopK             Field = "top_k"
	FieldFrequencyPenalty Field = "frequency_penalty"
	FieldPresencePenalty  Field = "presence_penalty"
	FieldSeed             Field = "seed"
	FieldLogitBias        Field = "logit_bias"
	FieldLogprobs         Field = "logprobs"
	FieldTopLogprobs      Field = "top_logprobs"
	FieldEffort           Field = "effort"
	FieldThinking         Field = "thinking_mode"
	FieldBudget           Field = "thinking_budget"
	FieldDisplay          Field = "thinking_display"
	FieldVerbosity        Field = "verbosity"
	FieldStream           Field = "stream"
	FieldIncludeUsage     Field = "include_usage"
	FieldUser             Field = "user"
	FieldSafetyID         Field = "safety_id"
	FieldCacheKey         Field = "cache_key"
	FieldMetadata         Field = "metadata"
	FieldStore            Field = "store"
	FieldServiceTier      Field = "service_tier"
	FieldModalities       Field = "modalities"
	FieldVoice            Field = "voice"
	FieldWebSearch        Field = "web_search"
	FieldFormatText       Field = "format:text"
	FieldFormatJSON       Field = "format:json_object"
	FieldFormatSchema     Field = "format:json_schema"
	FieldFormatName       Field = "format.name"
	FieldFormatAbout      Field = "format.description"
	FieldFormatStrict     Field = "format.strict"
)

// The fields of tools and their choice.
const (
	FieldTools        Field = "tools"
	FieldToolName     Field = "tool.name"
	FieldToolAbout    Field = "tool.description"
	FieldToolSchema   Field = "tool.schema"
	FieldToolStrict   Field = "tool.strict"
	FieldToolCustom   Field = "tool:custom"
	FieldToolNative   Field = "tool:native" // one that the provider runs or describes
	FieldToolCache    Field = "tool.cache"
	FieldToolChoice   Field = "tool_choice"
	FieldChoiceCustom Field = "tool_choice:custom"
	FieldAllowedTools Field = "tool_choice.allowed"
	FieldParallel     Field = "parallel_tool_calls"
)

// The fields of messages and their parts.
const (
	FieldRole        Field = "role"
	FieldSystem      Field = "role:system"
	FieldDeveloper   Field = "role:developer"
	FieldName        Field = "name"
	FieldContent     Field = "content"
	FieldText        Field = "text"
	FieldCitations   Field = "text.citations"
	FieldRefusal     Field = "refusal"
	FieldThought     Field = "thought"
	FieldSignature   Field = "thought.signature"
	FieldEncrypted   Field = "thought.encrypted"
	FieldImage       Field = "image"
	FieldImageFile   Field = "image.file_id"
	FieldDetail      Field = "image.detail"
	FieldAudio       Field = "audio"
	FieldAudioID     Field = "audio.id" // audio that the model made earlier
	FieldVideo       Field = "video"
	FieldDocument    Field = "document"
	FieldDocURL      Field = "document.url"
	FieldDocText     Field = "document.text"
	FieldDocFile     Field = "document.file_id"
	FieldDocName     Field = "document.name"
	FieldDocContext  Field = "document.context"
	FieldCall        Field = "call"
	FieldCallID      Field = "call.id"
	FieldCallName    Field = "call.name"
	FieldArgs        Field = "call.arguments"
	FieldCallCustom  Field = "call:custom"
	FieldResult      Field = "result"
	FieldResultID    Field = "result.call_id"
	FieldResultImage Field = "result.image" // anything but text in a result
	FieldResultError Field = "result.error"
	FieldCache       Field = "cache"
	FieldNative      Field = "native" // a part that only its own dialect has
)

// The fields of answers that requests have not.
const (
	FieldID           Field = "id"
	FieldCreated      Field = "created"
	FieldFinish       Field = "finish"
	FieldSequence     Field = "finish.sequence"
	FieldInput        Field = "usage.input"
	FieldCachedInput  Field = "usage.cached"
	FieldCacheWrite   Field = "usage.written"
	FieldCacheWrite1h Field = "usage.written_1h"
	FieldOutput       Field = "usage.output"
	FieldThoughtCount Field = "usage.reasoning"
	FieldInputAudio   Field = "usage.input_audio"
	FieldOutputAudio  Field = "usage.output_audio"
	FieldSearches     Field = "usage.searches"
)
