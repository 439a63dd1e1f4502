package dialect

import (
	"slices"

	"llmgw/providers/llm"
)

// choosable is the choice of tools as far as it can be made among those that
// are offered, nil where it cannot. Both protocols refuse a choice without
// tools; one that is left out is named.
func (e *encoder) choosable() *llm.ToolChoice {
	c := e.req.Choice
	switch {
	case c == nil || e.own:
		return c
	case c.Mode == llm.ToolRequired && e.offered == nil, c.Mode == llm.ToolNamed && !slices.Contains(e.offered, c.Name):
		e.change(Refused, "", llm.FieldToolChoice, "there is no such tool to choose")
	case e.offered == nil:
		e.change(Dropped, "", llm.FieldToolChoice, "there are no tools to choose from")
	default:
		return c
	}
	return nil
}

// parallel tells whether several tools may be called in a turn, nil where
// nothing is to be said of it, as where there are no tools.
func (e *encoder) parallel() *bool {
	if e.own || e.offered != nil || e.req.Parallel == nil {
		return e.req.Parallel
	}
	e.change(Dropped, "", llm.FieldParallel, "there are no tools to call")
	return nil
}
