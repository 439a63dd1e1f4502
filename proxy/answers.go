package proxy

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/store"
)

// answer is what a target said that was not good enough, kept for the case
// that nobody says better.
type answer struct {
	t      *candidate
	row    *store.Attempt
	status int // 0: no HTTP answer
	header http.Header
	body   []byte
	fault  llm.Fault
	text   string

	decoded    bool // body had a Content-Encoding that was removed
	translated bool // the target speaks another dialect than the client
	inside     bool // it came as a success, with the error inside
}

// keepAnswer remembers what a failed target said.
func (c *call) keepAnswer(a *attempt) {
	ans := answer{t: a.c, row: a.row, fault: a.fault(), text: a.verdict.Text}
	if c.handsOn(a) {
		ans.status, ans.header = a.resp.StatusCode, a.resp.Header
		ans.body = slices.Concat(a.head, a.end)
		ans.decoded = a.raw != nil
		ans.translated = a.c.words.reply != nil
		if !c.takesUnread(a) {
			ans.body, ans.translated, ans.decoded = []byte(a.verdict.Text), true, true
		}
		if ans.status < 300 && !c.facts.Stream {
			// The official SDKs take whatever comes with 200 for the answer.
			ans.status, ans.inside = providers.StatusInside(a.meter.Result().FaultRaw), true
		}
	}
	c.answers = append(c.answers, ans)
}

// handsOn tells whether a failed target's own answer may reach the caller as
// it is: any error status, and a 200 with an error in it. Not a redirect, which
// the caller would follow with its key, nor anything that a reader would take for
// an answer: a web page, half a body, a JSON text instead of a stream.
func (c *call) handsOn(a *attempt) bool {
	if a.resp == nil || a.err != nil {
		return false
	}
	if a.resp.StatusCode >= 400 {
		return true
	}
	if a.resp.StatusCode >= 300 || a.fault() != llm.ErrorInBody {
		return false
	}
	return !c.facts.Stream || a.c.words.reply == nil && a.broken && strings.HasPrefix(a.resp.Header.Get("Content-Type"), "text/event-stream")
}

// tellingStatuses are the provider errors worth handing on when several
// targets failed.
var tellingStatuses = []int{400, 401, 403, 404, 413, 422, 429, 529}

// giveUp answers a call that no target served.
func (c *call) giveUp() {
	if n := len(c.attempts); n > 0 && c.attempts[n-1].Why == "" {
		c.attempts[n-1].Why = "nobody was left to try"
	}
	if p := c.left(); p != nil {
		c.refuse(*p)
		return
	}
	if c.strayed { // others could take it, but for the thread
		c.refuse(*c.threadLost())
		return
	}
	if !time.Now().Before(c.by) {
		c.refuse(problem{code: codeDeadline, message: fmt.Sprintf("no answer within the deadline of %s; %s", c.by.Sub(c.rec.StartedAt), c.story())})
		return
	}
	if ans, ok := c.bestAnswer(); ok {
		c.passOn(ans)
		return
	}
	if len(c.answers) == 0 && (len(c.refusals) > 0 || c.unpriced != "") {
		c.refuse(c.capProblem())
		return
	}
	if !slices.ContainsFunc(c.attempts, func(a *store.Attempt) bool { return a.Skipped != "unsupported" }) {
		c.refuse(problem{code: codeUnsupported, message: c.story()})
		return
	}
	p := problem{code: codeAllFailed, message: c.story()}
	p.retryAfter, p.cooling = c.untilUsable()
	c.refuse(p)
}

// bestAnswer is the provider's own error to hand on: with one target tried its
// own, with several the first telling one.
func (c *call) bestAnswer() (answer, bool) {
	tried := make(map[string]bool)
	for _, a := range c.answers {
		tried[a.t.String()] = true
	}
	if len(tried) == 1 {
		last := c.answers[len(c.answers)-1]
		return last, last.status > 0
	}
	for _, a := range c.answers {
		ours := a.translated && a.fault == llm.RefusedRequest // it says nothing of the client's own words
		if slices.Contains(tellingStatuses, a.status) && !ours && !a.inside {
			return a, true
		}
	}
	return answer{}, false
}

// untilUsable is how long until the first target may be tried again, at least a
// second and 0 where none ever is, and whether all of them are cooling down or
// open.
func (c *call) untilUsable() (wait time.Duration, cooling bool) {
	now := time.Now()
	cooling = true
	for _, t := range c.plan.targets {
		until, ever := c.g.health.usableAt(c, t, now)
		cooling = cooling && until.After(now)
		if !ever || c.hopeless(t) {
			continue
		}
		if in := max(until.Sub(now), time.Second); wait == 0 || in < wait {
			wait = in
		}
	}
	return wait, cooling
}

// hopeless tells whether the candidate was passed over because it cannot be asked
// for what the call asks, now or later.
func (c *call) hopeless(t *candidate) bool {
	return slices.ContainsFunc(c.attempts, func(a *store.Attempt) bool {
		return a.Skipped == "unsupported" && a.Provider == t.up.p.Name && a.Model == t.modelFor(c)
	})
}

// story names every attempt and what came of it.
func (c *call) story() string {
	var parts []string
	for _, a := range c.attempts {
		what := a.Outcome
		if a.Outcome == store.OutcomeSkipped {
			what = "skipped (" + a.Skipped + ")"
		} else {
			what += fmt.Sprintf(" after %s", a.Duration.Round(time.Millisecond))
		}
		if a.HTTPStatus > 0 {
			what += fmt.Sprintf(", status %d", a.HTTPStatus)
		}
		if a.Error != "" {
			what += ": " + cut(a.Error, 200)
		}
		parts = append(parts, a.Provider+"/"+a.Model+": "+what)
	}
	return cmp.Or(strings.Join(parts, "; "), "no target was tried")
}

// passOn answers with a provider's own error: the body unchanged, and the status
// too unless the error came inside a success.
func (c *call) passOn(ans answer) {
	c.rec.Provider, c.rec.Model = ans.t.up.p.Name, ans.t.modelFor(c)
	c.rec.HTTPStatus, c.rec.Error, c.rec.ErrorText = ans.status, string(ans.fault), c.clean(ans.text)
	c.rec.UpstreamRequestID = ans.row.UpstreamRequestID
	h := c.w.Header()
	copyHeader(h, ans.header)
	if ans.translated {
		c.translatedError(&ans)
	}
	if ans.decoded {
		h.Del("Content-Encoding")
		c.edits = append(c.edits, "response-content-encoding")
	}
	if ans.inside {
		wait, _ := c.untilUsable()
		h.Set("X-Llmgw-Error", codeAllFailed)
		h.Set("Retry-After", strconv.FormatInt(int64(max(wait, time.Second)/time.Second), 10))
		h.Del("X-Should-Retry")
		c.edits = append(c.edits, "response-status")
	}
	c.answerHeaders(nil)
	h.Set("X-Llmgw-Provider", headerText(trailName(c.rec.Provider)))
	h.Set("X-Llmgw-Model", headerText(trailName(c.rec.Model)))
	h.Set("Content-Length", strconv.Itoa(len(ans.body)))
	c.sent.keep(ans.body)
	c.finish(store.StatusError)
	c.w.WriteHeader(ans.status)
	_, _ = c.w.Write(ans.body)
}
