package price

import (
	"encoding/json"
	"errors"
	"strings"

	"llmgw/providers/llm"
)

// items are how much of each kind an answer used, disjoint.
type items [kinds]int64

// extra is what only the provider's own usage object says.
type extra struct {
	cachedAudio, inputImage, cachedImage, inputVideo, cachedVideo, outputImage, citations int64

	iterations []iteration
	byok       bool
	upstream   Amount // what the caller's own key is charged, behind OpenRouter
	speed, geo string // Anthropic: "fast", "us"
	unread     bool   // it has members of types that nobody sends
}

// iteration is one pass of a model behind an answer of Anthropic's.
type iteration struct {
	Type          string `json:"type"`
	Model         string `json:"model"`
	Input         int64  `json:"input_tokens"`
	Output        int64  `json:"output_tokens"`
	CacheRead     int64  `json:"cache_read_input_tokens"`
	CacheCreation int64  `json:"cache_creation_input_tokens"`
	Creation      struct {
		OneHour int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
}

// usage is the pass in the common convention.
func (i *iteration) usage() llm.Usage {
	return llm.Usage{
		Input:        llm.Tokens(i.Input + i.CacheRead + i.CacheCreation),
		CachedInput:  llm.Tokens(i.CacheRead),
		CacheWrite:   llm.Tokens(i.CacheCreation),
		CacheWrite1h: llm.Tokens(i.Creation.OneHour),
		Output:       llm.Tokens(i.Output),
	}
}

// wire is what of providers' usage objects has no place in [llm.Usage]. Names
// are Anthropic's, OpenAI's, OpenRouter's, Perplexity's and Gemini's.
type wire struct {
	Iterations []iteration `json:"iterations"`
	Speed      string      `json:"speed"`
	Geo        string      `json:"inference_geo"`

	PromptDetails     wireDetails `json:"prompt_tokens_details"`
	InputDetails      wireDetails `json:"input_tokens_details"`
	CompletionDetails wireDetails `json:"completion_tokens_details"`
	OutputDetails     wireDetails `json:"output_tokens_details"`

	BYOK        bool `json:"is_byok"`
	CostDetails struct {
		Upstream json.Number `json:"upstream_inference_cost"`
	} `json:"cost_details"`

	Citations int64 `json:"citation_tokens"`

	PromptModes     []modality `json:"promptTokensDetails"`
	CacheModes      []modality `json:"cacheTokensDetails"`
	CandidatesModes []modality `json:"candidatesTokensDetails"`
}

type wireDetails struct {
	Image  int64 `json:"image_tokens"`
	Cached struct {
		Audio int64 `json:"audio_tokens"`
		Image int64 `json:"image_tokens"`
	} `json:"cached_tokens_details"`
}

type modality struct {
	Modality string `json:"modality"`
	Tokens   int64  `json:"tokenCount"`
}

func tokensOf(modes []modality, name string) (n int64) {
	for _, m := range modes {
		if strings.EqualFold(m.Modality, name) {
			n += max(m.Tokens, 0)
		}
	}
	return n
}

// readExtra reads the provider's own usage object.
func readExtra(raw []byte) extra {
	var w wire
	var bad *json.UnmarshalTypeError
	if len(raw) == 0 {
		return extra{}
	}
	err := json.Unmarshal(raw, &w)
	if err != nil && !errors.As(err, &bad) {
		return extra{unread: true}
	}
	e := extra{
		iterations: w.Iterations, speed: w.Speed, geo: w.Geo, byok: w.BYOK, citations: max(w.Citations, 0),
		cachedAudio: max(tokensOf(w.CacheModes, "AUDIO"), w.PromptDetails.Cached.Audio, w.InputDetails.Cached.Audio),
		inputImage:  max(tokensOf(w.PromptModes, "IMAGE"), w.PromptDetails.Image, w.InputDetails.Image),
		cachedImage: max(tokensOf(w.CacheModes, "IMAGE"), w.PromptDetails.Cached.Image, w.InputDetails.Cached.Image),
		inputVideo:  tokensOf(w.PromptModes, "VIDEO"),
		cachedVideo: tokensOf(w.CacheModes, "VIDEO"),
		outputImage: max(tokensOf(w.CandidatesModes, "IMAGE"), w.CompletionDetails.Image, w.OutputDetails.Image),
		unread:      err != nil,
	}
	if w.BYOK {
		if cost, err := decimal(w.CostDetails.Upstream.String(), 1); err == nil && cost >= 0 {
			e.upstream = Of(cost)
		}
	}
	return e
}

// itemsOf takes a usage apart into disjoint kinds. What providers report can
// contradict itself; then nothing becomes negative, no part that was named is
// charged less than in full, and consistent is false.
func itemsOf(u *llm.Usage, e *extra, r *rates) (it items, consistent bool) {
	consistent = it.prompt(u, e)
	return it, it.answer(u, e, r) && consistent && !e.unread
}

// prompt takes the input apart.
func (it *items) prompt(u *llm.Usage, e *extra) (consistent bool) {
	input, cached, written := max(u.Input.N, 0), max(u.CachedInput.N, 0), max(u.CacheWrite.N, 0)
	hour, audio := max(u.CacheWrite1h.N, 0), max(u.InputAudio.N, 0)
	consistent = min(u.Input.N, u.CachedInput.N, u.CacheWrite.N, u.CacheWrite1h.N, u.InputAudio.N) >= 0 && hour <= written
	it[CacheWrite1h], it[CacheWrite] = hour, max(written-hour, 0)

	it[CachedAudio] = min(e.cachedAudio, cached, audio)
	it[CachedImage] = min(e.cachedImage, cached-it[CachedAudio])
	it[CachedInput] = cached - it[CachedAudio] - it[CachedImage]
	it[InputAudio] = audio - it[CachedAudio]
	it[InputImage] = max(e.inputImage-e.cachedImage, 0)
	it[InputVideo] = max(e.inputVideo-e.cachedVideo, 0)

	taken := cached + max(written, hour)
	if taken > input && max(cached, written, hour) <= input {
		// OpenRouter says of one prompt that it was both read and written, and
		// charges both.
		taken, consistent = max(cached, written, hour), false
	}
	rest := input - taken - it[InputAudio] - it[InputImage] - it[InputVideo]
	if rest < 0 { // audio was cached, and nobody said so
		both := min(-rest, it[InputAudio], it[CachedInput])
		it[InputAudio], it[CachedInput], it[CachedAudio] = it[InputAudio]-both, it[CachedInput]-both, it[CachedAudio]+both
		rest += both
	}
	if rest < 0 { // so were images or video, which cost what text costs where they are cached
		both := min(-rest, it[InputImage])
		it[InputImage], rest = it[InputImage]-both, rest+both
		both = min(-rest, it[InputVideo])
		it[InputVideo], rest = it[InputVideo]-both, rest+both
	}
	if rest < 0 {
		it[Input] = input // the parts seem to be counted beside it
		return false
	}
	it[Input] = rest
	return consistent
}

// answer takes the output apart.
func (it *items) answer(u *llm.Usage, e *extra, r *rates) (consistent bool) {
	output := max(u.Output.N, 0)
	it[Reasoning], it[OutputAudio], it[OutputImage] = max(u.Reasoning.N, 0), max(u.OutputAudio.N, 0), e.outputImage
	it[Search] = max(u.WebSearches.N, 0)
	it[Request] = 1
	it[Citation] = e.citations
	parts := it[OutputAudio] + it[OutputImage]
	if it[Reasoning] <= output || !r.of[Reasoning].set {
		parts += it[Reasoning]
	} // else: Perplexity's deep research reports it outside the output and prices it apart
	it[Output] = max(output-parts, 0)
	return parts <= output && min(u.Output.N, u.Reasoning.N, u.OutputAudio.N, u.WebSearches.N) >= 0
}
