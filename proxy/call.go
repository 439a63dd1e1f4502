package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"llmgw/providers"
	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/proxy/breaker"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// call is the state of one call, from the first byte read to the last byte
// written. One goroutine owns it; live is what others may look at.
type call struct {
	g   *Gateway
	set *settings // in force when the call arrived, for all of it
	w   http.ResponseWriter
	r   *http.Request
	ctx context.Context // ends when the client leaves or llmgw stops: left says which

	ep      dialect.Endpoint
	body    []byte
	facts   dialect.Facts
	brought providers.Credential // what the client authenticated with
	plan    plan
	by      time.Time // the deadline: first content of a stream, the whole of another answer

	rec      store.Call
	attempts []*store.Attempt
	begun    bool                     // the call's row is committed
	final    bool                     // the outcome is committed, or queued past finish_wait
	passes   map[string]*breaker.Pass // by target key, ended when the call leaves the target
	own      wording                  // the client's words
	neutral  *llm.Request             // the same in no dialect, once a target needs them translated
	unused   []string                 // what the caller asked of llmgw and did not get
	refusals []*caps.Refusal          // of caps, in order
	unpriced string                   // why a model without a price was not called
	worded   []translated             // what was sent in other words than the client's
	charged  *attempt                 // the last one that was; its hold is due, or paid
	answers  []answer                 // what failed targets said, in order
	edits    []string                 // declared edits of the newest attempt, by name
	repeat   repeat                   // what the cache has to do with it
	decoded  bool                     // the client's body came with a Content-Encoding
	thread   dialect.Thread           // which it begins or goes on with
	strayed  bool                     // candidates were skipped that do not keep the thread

	again    *candidate // to be tried once more, after againIn
	againIn  time.Duration
	lastWait time.Duration // waited before the next attempt
	waited   time.Duration // waited altogether

	waitedForMoney time.Duration // the part of it that caps took

	rest   int64 // announced length of the answer, -1 when it is not
	headed bool  // the status line went to the client

	live *liveCall
	sent tee // what went to the client, for the record
}

func (g *Gateway) newCall(w http.ResponseWriter, r *http.Request, ep dialect.Endpoint) *call {
	now := time.Now()
	c := &call{g: g, set: g.set.Load(), w: w, r: r, ctx: r.Context(), ep: ep, rest: -1, passes: make(map[string]*breaker.Pass)}
	c.rec = store.Call{
		ID: store.NewID(now), StartedAt: now, FirstToken: -1,
		Project: cut(ep.Project, 128), Client: clientName(r.Header),
		Dialect: ep.Dialect, Endpoint: string(ep.Op), Method: r.Method, Path: cut(r.URL.Path, 512),
		Status:     store.StatusRunning,
		RemoteAddr: r.RemoteAddr, UserAgent: cut(r.UserAgent(), 256),
	}
	if c.rec.Project == "" {
		c.rec.Project = cut(r.Header.Get("X-Llmgw-Project"), 128)
	}
	if c.rec.Project == "" {
		c.rec.Project = "default"
	}
	c.sent.limit = c.set.cfg.Store.MaxBody
	w.Header().Set("X-Llmgw-Call-Id", c.rec.ID)
	return c
}

// serve runs the call to its end. Whatever happens inside, the record gets an
// outcome: a panic of ours is a failed call, not a missing one.
func (c *call) serve() {
	ctx, stop := context.WithCancelCause(c.ctx)
	defer stop(nil)
	c.ctx = ctx
	c.live = c.g.running.add(c, stop)
	defer c.g.running.remove(c.rec.ID)
	defer c.salvage()
	defer c.releaseClaims()
	c.g.health.budget.call(c.rec.StartedAt)
	if p := c.read(); p != nil {
		c.refuse(*p)
		return
	}
	if c.ep.Op == dialect.OpModels && c.g.serveModels(c) {
		return
	}
	if p := c.route(); p != nil {
		c.refuse(*p)
		return
	}
	if c.fromCache() {
		return
	}
	c.run()
}

// releaseClaims frees every breaker's probe slot and credential's trial that
// the call still holds, however it ended. An answer that was served whole has
// told its success already.
func (c *call) releaseClaims() {
	now := time.Now()
	for _, pass := range c.passes {
		pass.Done(breaker.Neutral, now)
	}
	for _, t := range c.plan.targets {
		t.release(false, now)
		t.hold.Release(now) // ended already, unless something panicked
		c.g.health.settled(c, t)
	}
}

// salvage records a call that ended by a panic and passes the panic on; the
// server logs it and drops the connection.
func (c *call) salvage() {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
		c.g.log.Error("call failed inside llmgw", "call", c.rec.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	if !c.final {
		c.rec.Error, c.rec.ErrorText = "internal", fmt.Sprint(p)
		c.finish(store.StatusError)
	}
	panic(p)
}

// read takes in everything the client sent and finds what the call is.
func (c *call) read() *problem {
	if c.looped() {
		return &problem{code: codeLoop, message: "this call already went through this llmgw: a provider's base_url points back at it"}
	}
	body, decoded, err := readBody(c.w, c.r, c.set.cfg.Server.MaxRequest)
	c.rec.RequestBytes = int64(len(body))
	if err != nil {
		return c.readProblem(err)
	}
	c.body = body
	c.decoded = decoded
	c.brought = providers.ClientCredential(c.r.Header, c.r.URL.Query(), c.ep.Dialect)
	c.rec.Key = c.brought.ID
	if p := c.peek(); p != nil {
		return p
	}
	return c.readControls()
}

// peek finds the model and the other facts in the body, for the calls whose
// bodies have a known shape.
func (c *call) peek() *problem {
	if c.ep.Provider != "" {
		if up := c.set.router.byName[c.ep.Provider]; up != nil {
			c.ep.Dialect = up.p.Dialect
			c.ep.Op = dialect.OpFor(up.p.Dialect, c.r.Method, c.ep.Rest)
			c.rec.Dialect, c.rec.Endpoint = c.ep.Dialect, string(c.ep.Op)
		}
	}
	if c.bodyIsCall() {
		facts, err := dialect.Peek(c.ep.Dialect, c.ep.Op, c.body)
		if err != nil {
			return &problem{code: codeBadJSON, message: err.Error()}
		}
		c.facts = facts
	}
	c.rec.Stream = c.facts.Stream
	c.rec.ModelRequested = cut(c.facts.Model, 256)
	c.rec.Session = sessionOf(c.r.Header, &c.facts)
	return nil
}

// bodyIsCall tells whether the body is JSON whose members llmgw reads. Any
// other body (an upload, an unknown path) passes through unread.
func (c *call) bodyIsCall() bool {
	switch c.ep.Op {
	case dialect.OpChat, dialect.OpCompletions, dialect.OpEmbeddings, dialect.OpMessages, dialect.OpCountTokens:
		return true
	}
	return false
}

func (c *call) readProblem(err error) *problem {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &problem{code: codeClientGone, message: fmt.Sprintf("the client sent nothing for %s in the middle of its request", bodyPause)}
	}
	if p := c.left(); p != nil {
		return p
	}
	if errors.Is(err, errTooLarge) {
		return &problem{code: codeTooLarge, message: fmt.Sprintf("the request body is larger than server.max_request (%d bytes after decompression)", c.set.cfg.Server.MaxRequest)}
	}
	if _, ok := errors.AsType[*errEncoding](err); ok {
		return &problem{code: codeUnsupported, message: err.Error()}
	}
	return &problem{code: codeBadJSON, message: err.Error()}
}

// errStopping cancels the calls that still run when llmgw ends.
var errStopping = errors.New(stopped)

// stopped is what a person reads of it.
const stopped = "llmgw was shut down while the call ran"

// stopping tells whether llmgw ends the call.
func (c *call) stopping() bool { return c.ctx.Err() != nil && context.Cause(c.ctx) == errStopping }

// left says why the call is not to go on although nobody failed, nil while it is.
func (c *call) left() *problem {
	switch {
	case c.ctx.Err() == nil:
		return nil
	case c.stopping():
		return &problem{code: codeShutdown, message: stopped}
	}
	return &problem{code: codeClientGone, message: "the client hung up before the answer"}
}

// looped tells whether this process already handled the call.
func (c *call) looped() bool {
	for _, v := range c.r.Header.Values("Via") {
		if strings.Contains(v, c.g.pseudonym) {
			return true
		}
	}
	return false
}

// finish commits the outcome; it returns once that is on disk, or after
// finish_wait with the change still queued and said loudly.
func (c *call) finish(status store.Status) {
	c.final = true
	now := time.Now()
	c.rec.Status, c.rec.FinishedAt = status, now
	c.rec.Edits = c.edits
	c.rec.Cache, c.rec.CacheNote = c.cacheWords(status)
	c.rec.ResponseBytes = c.sent.size
	c.closeOpenAttempt(now)
	bodies := c.bodies(status)
	c.nameLastTried()
	change := store.Change{Call: &c.rec, Attempts: c.attempts, Bodies: bodies, Final: true, Cached: c.repeat.kept, Replayed: c.repeat.given, Queued: c.payUp}
	wait := c.set.cfg.Store.FinishWait
	if c.rec.Error == codeNotRecorded {
		wait = 0 // its begin has just been waited for in vain; the outcome stays queued
	}
	// The outcome belongs on record even though the client may have left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), wait)
	defer cancel()
	if err := c.g.store.Commit(ctx, change); err != nil {
		c.g.log.Error("the outcome of a call is not yet on record", "call", c.rec.ID, "waited", wait, "err", err)
	}
}

// nameLastTried puts on record whom the call was sent to last, where nobody
// answered it.
func (c *call) nameLastTried() {
	for _, a := range slices.Backward(c.attempts) {
		if c.rec.Provider == "" && a.Sent() {
			c.rec.Provider, c.rec.Model = a.Provider, a.Model
		}
	}
}

// closeOpenAttempt gives an attempt that was cut off by a panic an outcome.
func (c *call) closeOpenAttempt(now time.Time) {
	if n := len(c.attempts); n > 0 && c.attempts[n-1].Outcome == store.OutcomeRunning {
		a := c.attempts[n-1]
		a.Outcome, a.Duration = store.OutcomeInterrupted, now.Sub(a.StartedAt)
	}
}

// refuse answers the call with an error of llmgw's own.
func (c *call) refuse(p problem) {
	c.rec.Error, c.rec.ErrorText = p.code, p.message
	c.rec.HTTPStatus = p.status()
	status := store.StatusError
	switch p.code {
	case codeForbiddenOrigin, codeUnauthorized, dialect.CodeCapExceeded:
		status = store.StatusBlocked
	case codeClientGone:
		status = store.StatusClientGone
	}
	c.answerHeaders(nil)
	c.finish(status)
	dialect.WriteProblem(c.w, c.ep.Dialect, p.wire())
}

// free tells whether no provider charges for the call, whatever it says.
func (c *call) free() bool {
	switch c.ep.Op {
	case dialect.OpCountTokens, dialect.OpModels:
		return true
	}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete:
		return true
	}
	return false
}

// reasons tells whether the call asks for reasoning or its model reasons,
// which is what makes long silences normal.
func (c *call) reasons() bool {
	return c.facts.Reasoning || reasoningModel(c.facts.Model)
}

// reasoningModel recognises the families that think before they speak whether
// or not the call says so (names as the providers list them, 2026-11).
func reasoningModel(model string) bool {
	if _, after, ok := strings.Cut(model, "/"); ok {
		model = after
	}
	for _, prefix := range []string{"o1", "o3", "o4", "gpt-5", "deepseek-reasoner", "deepseek-r1", "grok-4", "magistral", "qwq"} {
		if strings.HasPrefix(model, prefix) {
			return true
		}
	}
	return false
}
