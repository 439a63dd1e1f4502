package dialect

import (
	"encoding/json"
	"slices"
)

// Edit replaces a span of a body; an empty span inserts.
type Edit struct {
	Span
	New  []byte // nothing: the span is cut out
	Name string // for the record: "model", "stream_options.include_usage", "fallbacks", "max_tokens"
}

// Splice returns the body with the edits made and every other byte untouched.
// Edits must not overlap; their order does not matter. An edit that changes
// nothing may be passed.
func Splice(body []byte, edits ...Edit) []byte {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return a.End - b.End
	})
	size := len(body)
	for _, e := range sorted {
		size += len(e.New) - (e.End - e.Start)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, e := range sorted {
		out = append(out, body[at:e.Start]...)
		out = append(out, e.New...)
		at = e.End
	}
	return append(out, body[at:]...)
}

// SetModel is the edit that asks for another model; a body without one gets
// one as its first member.
func (f *Facts) SetModel(name string) Edit {
	if f.ModelSpan.End > 0 {
		return Edit{Span: f.ModelSpan, New: quote(name), Name: "model"}
	}
	member := append([]byte(`"model":`), quote(name)...)
	if f.members > 0 {
		member = append(member, ',')
	}
	return Edit{Span: Span{f.openEnd, f.openEnd}, New: member, Name: "model"}
}

// includeUsageMember is what a stream is asked for so that its usage is known.
const includeUsageMember = `"include_usage":true`

// AddIncludeUsage is the edit that makes stream_options.include_usage true in
// body, wherever that takes it. It changes nothing where that is so already, or
// where no stream is asked for: OpenAI refuses stream_options then.
func (f *Facts) AddIncludeUsage(body []byte) Edit {
	const name = "stream_options.include_usage"
	options := f.StreamOptions.of(body)
	switch {
	case f.IncludeUsage || !f.Stream:
		return Edit{Name: name}
	case f.HasIncludeUsage:
		return Edit{Span: f.includeUsage, New: []byte("true"), Name: name}
	case len(options) == 0:
		// Behind "stream" it stays well-formed whatever else is cut.
		member := `,"stream_options":{` + includeUsageMember + "}"
		return Edit{Span: Span{f.streamEnd, f.streamEnd}, New: []byte(member), Name: name}
	case isNull(options):
		return Edit{Span: f.StreamOptions, New: []byte("{" + includeUsageMember + "}"), Name: name}
	}
	at, member := f.StreamOptions.Start+1, includeUsageMember
	if body[skipSpace(body, at)] != '}' {
		member += ","
	}
	return Edit{Span: Span{at, at}, New: []byte(member), Name: name}
}

// quote writes a string as JSON; no string fails to.
func quote(s string) []byte {
	literal, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return literal
}

// CutChains are the edits that take the caller's own chain out of body: its
// fallbacks, and its models unless ModelsSpan was emptied to leave them alone.
func (f *Facts) CutChains(body []byte) []Edit {
	var edits []Edit
	if f.Fallbacks != nil {
		edits = append(edits, Edit{Span: f.FallbacksSpan, Name: "fallbacks"})
	}
	if f.ModelsSpan.End > 0 {
		edits = append(edits, Edit{Span: f.ModelsSpan, Name: "models"})
	}
	if len(edits) == 2 {
		first, second := &edits[0].Span, &edits[1].Span
		if second.Start < first.Start {
			first, second = second, first
		}
		if second.Start < first.End { // the body's first two members share their comma
			*first = cutSpan(body, Span{first.Start, second.End}, 0)
			*second = Span{first.End, first.End}
		}
	}
	return edits
}
