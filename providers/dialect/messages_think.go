package dialect

import (
	"llmgw/providers/llm"
)

// thinking writes how much the model is to think, and the shape of its answer,
// which share an object.
func (m *messagesOut) thinking() {
	r := m.req
	if m.own {
		m.ownThinking()
		return
	}
	var t thinkingOut
	if r.Reasoning != nil {
		t = m.thinkingOf(r.Reasoning)
	}
	m.thought = t.mode == "adaptive" || t.mode == "enabled"
	if t.mode != "" {
		m.open("thinking", '{')
		m.word("type", t.mode)
		m.maybeCount("budget_tokens", t.budget)
		if m.thought {
			m.maybeText("display", t.display)
		}
		m.close('{')
	}
	formats := m.takesFormat()
	if t.effort == "" && !formats {
		return
	}
	m.open("output_config", '{')
	if t.effort != "" {
		m.text("effort", t.effort)
	}
	if formats {
		m.format("format", "output_config")
	}
	m.close('{')
}

// ownThinking puts back what the client wrote.
func (m *messagesOut) ownThinking() {
	r := m.req
	think := llm.Reasoning{}
	if r.Reasoning != nil {
		think = *r.Reasoning
	}
	if think.Mode != "" || think.Budget.Known || think.Display != nil || hasExtra("thinking", r.Extra) {
		m.open("thinking", '{')
		if think.Mode != "" {
			m.text("type", think.Mode)
		}
		m.maybeCount("budget_tokens", think.Budget)
		m.maybeText("display", think.Display)
		m.putBack("thinking", r.Extra)
		m.close('{')
	}
	old := r.Spelled[llm.FieldFormatSchema] != ""
	if r.Format != nil && old {
		m.format("output_format", "")
	}
	if think.Effort != nil || r.Format != nil && !old || hasExtra("output_config", r.Extra) {
		m.open("output_config", '{')
		m.maybeText("effort", think.Effort)
		if r.Format != nil && !old {
			m.format("format", "output_config")
		}
		m.putBack("output_config", r.Extra)
		m.close('{')
	}
}

// format writes the schema of the answer; in is the object that it stands in.
func (m *messagesOut) format(name, in string) {
	f := m.req.Format
	schema := f.Schema
	if !m.own {
		schema = m.adapted("", llm.FieldFormatSchema, m.grammar.format)
	}
	m.open(name, '{')
	m.word("type", string(llm.FormatSchema))
	m.maybeRaw("schema", schema)
	m.putBack(llm.Join(in, name), m.req.Extra)
	m.close('{')
}

// takesFormat tells whether the shape of the answer is to be written. The
// output is Anthropic's way of keeping to a schema strictly, so a strict one
// needs no more.
func (m *messagesOut) takesFormat() bool {
	f := m.req.Format
	switch {
	case f == nil || f.Kind == llm.FormatText:
		return false
	case f.Kind == llm.FormatJSON:
		m.lose("", llm.FieldFormatJSON)
		return false
	case f.Schema == nil || !m.model.formats():
		m.change(Refused, "", llm.FieldFormatSchema, "the model cannot be held to a schema")
		return false
	case m.held().misfit != nil:
		m.change(Refused, "", llm.FieldFormatSchema, m.grammar.misfit.String())
		return false
	}
	if f.Name != nil {
		m.lose("", llm.FieldFormatName)
	}
	if f.Description != nil {
		m.lose("", llm.FieldFormatAbout)
	}
	if f.Strict == nil || !*f.Strict {
		m.change(Approximated, "", llm.FieldFormatStrict, "Anthropic always keeps to the schema strictly")
	}
	return true
}

// thinkingOut is how thinking is asked for; the zero value leaves it to the
// model's default.
type thinkingOut struct {
	mode    string
	budget  llm.Count
	effort  string
	display *string
}

// thinkingOf is what asks a Claude model to think as much as r says.
func (m *messagesOut) thinkingOf(r *llm.Reasoning) thinkingOut {
	off := r.Effort != nil && *r.Effort == "none" || r.Effort == nil && r.Mode == "disabled"
	switch {
	case off:
		return m.thinkNot()
	case !m.model.reasons():
		m.nameThinking(r, Dropped, "the model does not think")
		return thinkingOut{}
	case m.forced:
		m.nameThinking(r, Approximated, "a model that must call a tool cannot think before it")
		t := m.unthinking()
		if m.model.adapts() {
			t.effort = m.effort(r)
		}
		return t
	}
	t := thinkingOut{display: m.display(r.Display)}
	if m.model.adapts() && !(r.Budget.Known && m.model.budgets()) {
		t.mode, t.effort = "adaptive", m.effort(r)
		return t
	}
	return m.budgeted(r, t)
}

// unthinking keeps the model from thinking where it otherwise would.
func (m *messagesOut) unthinking() thinkingOut {
	if m.model.thinksUnasked() && !m.model.alwaysThinks() {
		return thinkingOut{mode: "disabled"}
	}
	return thinkingOut{}
}

func (m *messagesOut) thinkNot() thinkingOut {
	if m.model.alwaysThinks() {
		m.nameThinking(m.req.Reasoning, Approximated, "the model always thinks")
		return thinkingOut{effort: "low"}
	}
	if m.req.Reasoning.Mode == "disabled" {
		return thinkingOut{mode: "disabled"}
	}
	return m.unthinking()
}

// nameThinking names each member that asks for thought.
func (m *messagesOut) nameThinking(r *llm.Reasoning, fate Fate, why string) {
	if r.Effort != nil {
		m.change(fate, "", llm.FieldEffort, why)
	}
	if r.Budget.Known {
		m.change(fate, "", llm.FieldBudget, why)
	}
	if r.Effort == nil && !r.Budget.Known && r.Mode != "" {
		m.change(fate, "", llm.FieldThinking, why)
	}
}

// effort is the model's effort that is nearest to what r says, "" for its
// default.
func (m *messagesOut) effort(r *llm.Reasoning) string {
	switch {
	case r.Effort != nil:
		return m.effortNear(*r.Effort)
	case r.Budget.Known:
		m.change(Approximated, "", llm.FieldBudget, "the model takes an effort, not a budget")
		return effortOf(r.Budget.N)
	}
	return ""
}

func (m *messagesOut) effortNear(asked string) string {
	near := asked
	switch asked {
	case "low", "medium", "high", "max":
	case "minimal":
		near = "low"
	case "xhigh":
		if !m.model.since(4, 7) {
			near = "high"
		}
	default:
		m.change(Dropped, "", llm.FieldEffort, "an effort that the model does not have")
		return ""
	}
	if near != asked {
		m.change(Approximated, "", llm.FieldEffort, "the nearest effort that the model has")
	}
	return near
}

// leastBudget is the smallest budget of thinking tokens that Anthropic takes.
const leastBudget = 1024

// budgeted asks an older model to think for as many tokens as r says, or as
// belong to its effort. The budget is a part of the output limit, and a fifth
// of that stays for the answer.
func (m *messagesOut) budgeted(r *llm.Reasoning, t thinkingOut) thinkingOut {
	budget := r.Budget.Or(0)
	if !r.Budget.Known {
		effort := ""
		if r.Effort != nil {
			effort = *r.Effort
		}
		budget = budgetOf(effort)
	}
	within := budget
	if m.limit.Known {
		within = min(budget, m.limit.N/5*4)
	}
	within = max(within, leastBudget)
	switch {
	case m.limit.Known && within >= m.limit.N:
		m.nameThinking(r, Dropped, "the output limit leaves no room for thought")
		return thinkingOut{}
	case m.midTurn():
		m.nameThinking(r, Dropped, "the turn that goes on began without a thought of Anthropic's")
		return thinkingOut{}
	case !r.Budget.Known:
		m.nameThinking(r, Approximated, "an effort became a budget of tokens")
	case within != budget:
		m.change(Approximated, "", llm.FieldBudget, "the nearest that the output limit leaves")
	}
	t.mode, t.budget = "enabled", llm.Tokens(within)
	return t
}

// budgetOf is the budget of thinking tokens for an effort: the inverse of
// [effortOf].
func budgetOf(effort string) int64 {
	switch effort {
	case "minimal":
		return leastBudget
	case "low":
		return 4096
	case "high", "xhigh", "max":
		return 32768
	}
	return 16384
}

// midTurn tells whether the model is to go on in a turn that it did not begin
// with a thought, or of which it is not told what it thought: "a final
// `assistant` message must start with a thinking block (preceeding the lastmost
// set of `tool_use` and `tool_result` blocks)". Calls and their results are
// within one turn, however many there are; only its first message counts
// (platform.claude.com/docs/build-with-claude/thinking-tool-workflows, 2026-11).
func (m *messagesOut) midTurn() bool {
	at := len(m.turns) - 1
	for at > 0 && m.turns[at].role == llm.User && m.turns[at].parts[0].Kind == llm.Result {
		at -= 2
	}
	first := at + 1
	return first < len(m.turns)-1 && m.turns[first].parts[0].Kind != llm.Thinking
}

// display is how thoughts are shown, in Anthropic's words.
func (m *messagesOut) display(asked *string) *string {
	if asked == nil || *asked == "summarized" || *asked == "omitted" {
		return asked
	}
	m.lose("", llm.FieldDisplay)
	return new("summarized")
}
