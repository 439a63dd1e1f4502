package price

// Kind is what is charged for. All kinds but [Search] and [Request] are tokens,
// priced per million; those two are priced each.
type Kind uint8

// The kinds. Those of one answer are disjoint: an audio token read from the
// cache is CachedAudio and neither InputAudio nor CachedInput.
const (
	Input        Kind = iota // prompt tokens that are nothing below
	CachedInput              // read from the provider's prompt cache
	CacheWrite               // written to it, for five minutes or as the provider sees fit
	CacheWrite1h             // written to it for an hour
	InputAudio
	CachedAudio
	InputImage
	CachedImage
	InputVideo
	Output    // generated tokens that are nothing below
	Reasoning // thinking
	OutputAudio
	OutputImage
	Citation // Perplexity's deep research: tokens of the sources it cites, outside the output
	Search   // a web search the provider ran
	Request  // a call
	kinds
)

// kindNames are the kinds in configuration, price book and frozen prices.
var kindNames = [kinds]string{
	"input", "cached_input", "cache_write", "cache_write_1h",
	"input_audio", "cached_audio", "input_image", "cached_image", "input_video",
	"output", "reasoning", "output_audio", "output_image", "citation", "search", "request",
}

// fallbacks are the kinds whose price holds, the first one that has any, where
// a kind has none of its own (genai-prices charges "at the parent kind").
var fallbacks = [kinds][]Kind{
	CachedInput:  {Input},
	CacheWrite:   {Input},
	CacheWrite1h: {CacheWrite, Input},
	InputAudio:   {Input},
	CachedAudio:  {CachedInput, InputAudio, Input},
	InputImage:   {Input},
	CachedImage:  {CachedInput, InputImage, Input},
	InputVideo:   {Input},
	Reasoning:    {Output},
	OutputAudio:  {Output},
	OutputImage:  {Output},
}

// String returns the kind's name as the price book has it.
func (k Kind) String() string { return kindNames[k] }

// each tells whether the kind is priced per piece, not per million tokens.
func (k Kind) each() bool { return k == Search || k == Request }

// inputKinds and outputKinds are what a prompt's and an answer's tokens can be.
var (
	inputKinds  = []Kind{Input, CachedInput, InputAudio, CachedAudio, InputImage, CachedImage, InputVideo}
	outputKinds = []Kind{Output, Reasoning, OutputAudio, OutputImage}
	mediaKinds  = []Kind{InputAudio, CachedAudio, InputImage, CachedImage, InputVideo, OutputAudio, OutputImage}
)

// kindNamed returns the kind of that name.
func kindNamed(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return 0, false
}
