package llm

// Raw is JSON text exactly as the source had it: numbers of any size, the order
// of members, escapes. Nil means absent. It shares memory with the body that it
// was read from and must not be changed.
type Raw []byte

// Request is what a call asks for, in no dialect. What the neutral form has no
// name for travels beside it in the Extra of the nearest node, so that nothing
// is lost unseen: an encoder of the source's own dialect puts it back, every
// other one names it as dropped.
//
// A nil pointer, nil Raw or unknown Count is a member that was absent; one that
// was null is absent too, and stands in Extra as null, which asks for nothing.
// A member of a type that its dialect does not allow stands in Extra as well.
type Request struct {
	From   Dialect // it was read from
	Size   int     // bytes of the body it was read from
	Halves bool    // some text had half of a surrogate pair, which became U+FFFD
	Model  string

	Messages []Message // in order, instructions included
	Tools    []Tool
	Choice   *ToolChoice
	Parallel *bool // several tool calls in one turn

	MaxTokens Count    // of output, reasoning included, for each choice
	Stop      []string // nil when absent
	StopPlain bool     // the source's was one string, not a list
	N         Count    // choices
	Sampling  Sampling
	Format    *Format // of the answer's text
	Reasoning *Reasoning
	Verbosity *string // low, medium, high

	Stream       *bool
	IncludeUsage *bool // a stream's usage was asked for

	User        *string // an identifier of the end user
	SafetyID    *string // the same, meant for abuse detection only
	CacheKey    *string // requests with a common prompt
	Metadata    Raw     // a JSON object of strings, kept by the provider
	Store       *bool
	ServiceTier *string // in the source's words

	Modalities []string // of the answer: "text", "audio", "image"; nil when absent
	Voice      Raw      // how audio is to sound, in the source's dialect
	WebSearch  Raw      // the provider is to search the web, in the source's dialect

	Extra []Extra

	// Spelled has the member's name where the source used another than its
	// dialect's usual one: "max_tokens" for max_completion_tokens.
	Spelled map[Field]string
}

// Sampling is how tokens are drawn. Numbers are JSON numbers as the source
// wrote them.
type Sampling struct {
	Temperature, TopP, TopK           Raw
	FrequencyPenalty, PresencePenalty Raw
	Seed                              Raw
	LogitBias                         Raw // JSON object: token id to bias
	Logprobs                          *bool
	TopLogprobs                       Count
}

// Extra is a member of the source that the neutral form has no name for.
type Extra struct {
	In    string // dotted names of the objects between its node and it; "" when it is the node's own
	Name  string // decoded
	Value Raw
}

// Asks tells whether the member asks for anything: null, an empty text and an
// empty list do not.
func (e *Extra) Asks() bool {
	switch string(e.Value) {
	case "", "null", `""`, "[]":
		return false
	}
	return true
}

// Path is where the member stands below the node at path.
func (e *Extra) Path(path string) string { return Join(Join(path, e.In), e.Name) }

// Join appends a member's name to the path of its node; either may be "".
func Join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "." + name
}

// Role is who speaks. One that no dialect knows is kept in the source's words.
type Role string

// The roles. Instructions are System or Developer messages, wherever the source
// has them; Anthropic's "system" is one such message before all others.
const (
	System    Role = "system"
	Developer Role = "developer"
	User      Role = "user"
	Assistant Role = "assistant"
	ToolRole  Role = "tool" // its parts are results
)

// Message is one turn. Tool results are parts: of a User message where the
// source is Anthropic, one to a ToolRole message where it is OpenAI.
type Message struct {
	Path  string // in the source: "messages[3]", "system"
	Role  Role
	Name  *string
	Parts []Part
	Plain bool // the source's content was one string (or absent: no parts), not a list
	Extra []Extra
}

// PartKind says which members of a [Part] count.
type PartKind uint8

// The kinds of part.
const (
	Text     PartKind = iota // Text, Citations
	Refusal                  // Text: the model's own words for declining
	Thinking                 // Thought: reasoning
	Image                    // Media
	Audio                    // Media
	Video                    // Media
	Document                 // Media: a file; Text where the source is plain text
	Call                     // Call: the model calls one of the caller's tools
	Result                   // Result: what such a call gave
	Native                   // Native: something only the source's dialect has
)

// String names the kind.
func (k PartKind) String() string {
	return [...]string{"text", "refusal", "thinking", "image", "audio", "video", "document", "tool call", "tool result", "native"}[k]
}

// Part is a piece of a message's or an answer's content.
type Part struct {
	Kind PartKind
	Path string // in the source; "" in answers
	Text string // may be empty

	Citations []Citation
	Media     *Media
	Thought   *Thought
	Call      *ToolCall
	Result    *ToolResult
	Native    *NativePart

	Cache *CacheMark // the prompt up to this part is to be cached
	Extra []Extra
}

// Media is an image, a sound or a file: exactly one of Data, URL, FileID and
// (for documents) Text is set.
type Media struct {
	Type   string // the media type; "" when the source does not say
	Data   []byte // base64 as the source has it, never decoded; shares memory with the body
	URL    string
	FileID string // stored at the provider that the source's dialect belongs to
	Text   *string

	Name    *string // file name or title
	Context *string // Anthropic: what the document is about, for the model
	Detail  *string // images: low, high, auto, …
	ID      string  // audio that the model made earlier
}

// Thought is a piece of reasoning. Providers check that what they signed comes
// back unchanged, and refuse what another one signed.
type Thought struct {
	Text      string  // what may be read of it; "" when all is encrypted
	Signature string  // "" when there is none
	Encrypted string  // reasoning that only the provider can read
	Summary   bool    // Text is a summary
	Hidden    bool    // the provider shows no text of it: "" is all there is
	Origin    Dialect // who signed or encrypted it; "" when unknown
	ID        string
	Raw       Raw // all of it in the source's dialect, where that is more than a text
}

// Signed tells whether only its provider may be given it back.
func (t *Thought) Signed() bool { return t.Signature != "" || t.Encrypted != "" }

// ToolCall is the model's call of one of the caller's tools.
type ToolCall struct {
	ID   string // "" where the source has none (OpenAI's deprecated function_call)
	Name string
	// Args are the arguments as the model wrote them: JSON text that need not be
	// well-formed, or any text when Custom. Empty is not "{}".
	Args   Raw
	Custom bool // of a tool that takes free text
}

// ToolResult is what the caller's tool gave.
type ToolResult struct {
	CallID string // "" where the source has none
	Name   string // of the tool, where the source says
	Parts  []Part
	Plain  bool // the source's content was one string, not a list
	Error  *bool
}

// NativePart is a part or tool that only the source's dialect has.
type NativePart struct {
	Type string // "server_tool_use"
	Raw  Raw    // all of it, in the source's dialect
}

// Citation is a source that a text rests on.
type Citation struct {
	URL, Title, Quote string
	Start, End        Count // of the characters of the text that it supports
	Raw               Raw   // all of it, in the dialect of the answer
}

// CacheMark asks that the prompt be cached up to where it stands.
type CacheMark struct {
	Name string // of the member in the source: "cache_control"
	TTL  string // "5m", "1h"; "" is the provider's default
	Raw  Raw    // as the source has it
}

// Tool is something the model may call.
type Tool struct {
	Path        string // in the source: "tools[2]"
	Name        string
	Description *string
	Schema      Raw // JSON schema of the arguments; nil when absent
	Strict      *bool
	Typed       bool        // the source names its type, which it need not
	Custom      bool        // takes free text instead of JSON
	Grammar     Raw         // of a custom tool's text, in the source's dialect
	Native      *NativePart // a tool that the provider runs or describes; nothing else is set then
	Cache       *CacheMark
	Extra       []Extra
}

// ToolMode is what a [ToolChoice] allows.
type ToolMode string

// The modes.
const (
	ToolAuto     ToolMode = "auto"
	ToolNone     ToolMode = "none"
	ToolRequired ToolMode = "required" // some tool, any
	ToolNamed    ToolMode = "named"    // the one in Name
)

// ToolChoice is which tools the model may or must call.
type ToolChoice struct {
	Mode    ToolMode
	Name    string   // of ToolNamed
	Custom  bool     // Name takes free text
	Allowed []string // names the only ones that may be called; nil: all. Mode is Auto or Required then
	Raw     Raw      // where the neutral form is not all of it
}

// FormatKind is the shape that the answer's text must have.
type FormatKind string

// The shapes.
const (
	FormatText   FormatKind = "text"
	FormatJSON   FormatKind = "json_object" // any JSON object
	FormatSchema FormatKind = "json_schema"
)

// Format is what the answer's text must look like.
type Format struct {
	Kind        FormatKind
	Name        *string
	Description *string
	Schema      Raw
	Strict      *bool
}

// Reasoning is how much the model may think before it answers. Dialects say it
// as an effort, as a budget of tokens, or both.
type Reasoning struct {
	Effort  *string // none, minimal, low, medium, high, xhigh, max
	Mode    string  // "enabled", "disabled", "adaptive" (the model decides); "" when not said
	Budget  Count   // tokens
	Display *string // "summarized", "omitted": how it is shown; OpenAI's summary setting
	Source  []Extra // the source's members that say so, where they are not its dialect's usual ones
}
