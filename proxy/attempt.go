package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"llmgw/providers"
	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/store"
)

// headLimit is how much of an answer is held back to find its first content.
// A Codex answer echoes 60 to 80 KB of instructions and tools before it.
const headLimit = 1 << 20

// editEncoding names the edit by which a body with a Content-Encoding goes on
// without it.
const editEncoding = "content-encoding"

// errSilent cancels an attempt whose upstream said nothing for too long.
var errSilent = errors.New("the upstream was silent for too long")

// attempt is one try of a call at one candidate: the request that went out,
// and of the answer whatever is held back.
type attempt struct {
	c   *candidate
	row *store.Attempt

	ctx     context.Context
	cancel  context.CancelCauseFunc
	silence *time.Timer // cancels with errSilent

	resp  *http.Response
	src   io.Reader // the body, decoded
	raw   *bytes.Buffer
	meter *dialect.Meter

	head    []byte // held back until the first content
	end     []byte // held back until the outcome is on record
	ended   bool   // the dialect's own end is in end
	content bool
	eof     bool
	broken  bool // an error event followed content
	drained bool // read on without its client
	sent    bool // the request had a connection to go out on

	committed atomic.Bool // for the context's watcher

	err     error  // what reading or sending failed with
	overdue string // what the upstream failed to do in time, when err is our own clock's
	edited  bool   // the body carries an edit that can be left out
	verdict providers.Verdict
}

// fault is the zero Fault while the attempt may still be committed.
func (a *attempt) fault() llm.Fault { return a.verdict.Fault }

// close ends the attempt's exchange. A body that was read to its end leaves
// its connection for the next call; any other is cut.
func (a *attempt) close() {
	if a.silence != nil {
		a.silence.Stop()
	}
	if a.resp != nil {
		a.resp.Body.Close()
	}
	a.cancel(nil)
}

// try makes one attempt: on record, sent, and its head held until there is
// content, a fault, the end or the limit. A problem instead of an attempt is
// one that was not sent.
func (c *call) try(t *candidate) (*attempt, *problem) {
	a := &attempt{c: t}
	a.ctx, a.cancel = c.attemptContext(a)
	req, err := c.request(a)
	if err != nil {
		a.cancel(nil)
		return nil, &problem{code: codeUnsupported, message: err.Error()}
	}
	a.row = c.openAttempt(t)
	if !c.begin() {
		a.row.Outcome = string(llm.NotRecorded)
		a.cancel(nil)
		p := notRecorded()
		return nil, &p
	}
	c.live.trying(a.row)
	limit := c.share(t)
	a.silence = time.AfterFunc(limit, func() { a.cancel(errSilent) })
	c.send(a, req)
	return a, nil
}

// attemptContext ends with the client. Where the rest of an answer is read on
// without it (on_client_gone = "drain"), only until the commit.
func (c *call) attemptContext(a *attempt) (context.Context, context.CancelCauseFunc) {
	if a.c.limits.OnClientGone != ClientGoneDrain {
		return context.WithCancelCause(c.ctx)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(c.ctx))
	stop := context.AfterFunc(c.ctx, func() {
		if !a.committed.Load() {
			cancel(context.Cause(c.ctx))
		}
	})
	return ctx, func(cause error) { stop(); cancel(cause) }
}

// openAttempt adds the attempt's row: whom, with what, when.
func (c *call) openAttempt(t *candidate) *store.Attempt {
	row := &store.Attempt{
		CallID: c.rec.ID, N: len(c.attempts) + 1,
		Provider: t.up.p.Name, Model: t.modelFor(c), Key: t.cred.ID,
		StartedAt: time.Now(), Duration: -1, FirstToken: -1, Outcome: store.OutcomeRunning,
		Waited: c.lastWait, DNS: -1, Dial: -1, TLS: -1, Wait: -1,
	}
	c.lastWait = 0
	if t.hold != nil {
		row.Held = t.hold.Held
	}
	if n := len(c.attempts); n > 0 && c.attempts[n-1].Why == "" {
		c.attempts[n-1].Why = "went on to " + row.Provider + "/" + row.Model + c.paidWords(t)
	}
	c.attempts = append(c.attempts, row)
	return row
}

// begin commits the call and its newest attempt before a byte goes out. It
// reports whether the attempt may be sent (store.on_error).
func (c *call) begin() bool {
	ctx, cancel := context.WithTimeout(c.ctx, min(c.set.cfg.Store.BeginWait, time.Until(c.by)))
	defer cancel()
	err := c.g.store.Commit(ctx, store.Change{Call: &c.rec, Attempts: c.attempts})
	if err == nil {
		c.begun = true
		return true
	}
	if c.set.cfg.Store.OnError == "serve" && c.ctx.Err() == nil && time.Now().Before(c.by) {
		c.g.log.Error("a call goes out without a record, as store.on_error = \"serve\" allows", "call", c.rec.ID, "err", err)
		return true
	}
	return false
}

// request builds what goes upstream: the call as the target is asked it, but
// for the declared edits.
func (c *call) request(a *attempt) (*http.Request, error) {
	t, w := a.c, a.c.words
	body, edits := w.body, []dialect.Edit(nil)
	if m := t.model; m != "" && m != w.facts.Model && w.facts.ModelSpan.End > 0 {
		edits = append(edits, w.facts.SetModel(m))
	}
	a.edited = w.counted
	if c.wantsUsage(t) && !t.unedited {
		edits = append(edits, w.facts.AddIncludeUsage(body))
		a.edited = true
	}
	if t.clamp.Known {
		edits = append(edits, w.facts.SetMaxTokens(w.dialect, w.op, body, t.clamp.N, t.reasons)...)
	}
	if w.facts.Fallbacks != nil {
		edits = append(edits, dialect.Edit{Span: w.facts.FallbacksSpan, Name: "fallbacks"})
	}
	edits = append(edits, c.estranged(t)...)
	if len(edits) > 0 {
		body = dialect.Splice(body, edits...)
	}
	c.nameChanges(w, edits)
	c.nameHeaderEdits(t)
	parts := providers.RequestParts{
		Method: c.r.Method, Rest: w.rest, RawQuery: c.r.URL.RawQuery, Verbatim: c.ep.Provider != "",
		Header: c.r.Header, Body: body, Credential: t.cred,
		AcceptEncoding: c.acceptEncoding(), BodyDecoded: c.decoded, Via: c.g.pseudonym,
	}
	if w.reply != nil {
		parts.RawQuery, parts.Translated = "", true
		c.worded = append(c.worded, translated{len(c.attempts) + 1, body})
	}
	return t.up.p.NewRequest(a.ctx, parts)
}

// wantsUsage tells whether the stream must be asked for its usage, which
// OpenAI's chat protocol sends only on request. A translation asks by itself.
func (c *call) wantsUsage(t *candidate) bool {
	w := t.words
	chat := w.op == dialect.OpChat || w.op == dialect.OpCompletions
	return w.reply == nil && chat && w.dialect == llm.OpenAIChat && w.facts.Stream && !w.facts.IncludeUsage && t.up.p.SupportsIncludeUsage()
}

// acceptEncoding is what the upstream may compress with: a stream nothing,
// since its events are read as they pass; another answer what the client
// accepts of what can be decoded here.
func (c *call) acceptEncoding() string {
	if c.facts.Stream {
		return "identity"
	}
	var accepted []string
	for _, name := range []string{"gzip", "zstd"} {
		if acceptsEncoding(c.r.Header.Get("Accept-Encoding"), name) {
			accepted = append(accepted, name)
		}
	}
	if len(accepted) == 0 {
		return "identity"
	}
	return strings.Join(accepted, ", ")
}

// acceptsEncoding reads an Accept-Encoding header (RFC 9110 section 12.5.3);
// a weight of 0 is a no.
func acceptsEncoding(header, name string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), name) {
			continue
		}
		q := strings.TrimSpace(params)
		return q != "q=0" && !strings.HasPrefix(q, "q=0.000") && q != "q=0.0"
	}
	return false
}

// send does the exchange up to the end of the head.
func (c *call) send(a *attempt, req *http.Request) {
	tm := new(timings)
	req = req.WithContext(httptrace.WithClientTrace(a.ctx, tm.trace()))
	resp, err := a.c.up.roundTrip(req)
	tm.fill(a.row)
	a.sent = tm.gotConn()
	if err != nil {
		c.broke(a, err, tm.gotConn())
		return
	}
	a.resp = resp
	a.row.SentBytes = req.ContentLength
	a.row.HTTPStatus = resp.StatusCode
	a.row.UpstreamRequestID = requestID(resp.Header)
	if !c.open(a) {
		return
	}
	c.readHead(a)
	c.judgeHead(a)
}

// broke classifies an exchange that failed before the head was whole.
func (c *call) broke(a *attempt, err error, wrote bool) {
	a.err = err
	a.verdict = providers.Verdict{Fault: c.transportFault(a, err, wrote), Text: errText(err)}
}

// transportFault asks first who ended the exchange: the client, our own clock,
// and only then the upstream.
func (c *call) transportFault(a *attempt, err error, wrote bool) llm.Fault {
	switch {
	case c.ctx.Err() != nil:
		return llm.ClientGone
	case errors.Is(context.Cause(a.ctx), errSilent):
		return llm.Timeout
	}
	return providers.ClassifyTransport(err, wrote)
}

// open prepares to read the answer's body; false is an answer that cannot be
// read at all.
func (c *call) open(a *attempt) bool {
	encoding := a.resp.Header.Get("Content-Encoding")
	body := io.Reader(a.resp.Body)
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		a.raw = new(bytes.Buffer)
		body = io.TeeReader(body, a.raw)
	}
	src, err := decodeAnswer(body, encoding)
	if err != nil {
		a.verdict = providers.Verdict{Fault: llm.Malformed, Text: err.Error()}
		return false
	}
	a.src = src
	want := dialect.Want{
		Dialect: a.c.words.dialect, Op: a.c.words.op, Stream: c.facts.Stream,
		Status: a.resp.StatusCode, Header: a.resp.Header, WithholdUsage: a.edited && a.c.words.reply == nil,
	}
	if a.resp.StatusCode < 300 { // an error is judged, and kept, in the provider's own words
		want.Reply = a.c.words.reply
	}
	a.meter = dialect.NewMeter(want)
	return true
}

// readHead reads until the answer may be committed or has failed.
func (c *call) readHead(a *attempt) {
	bp := c.g.buffers.Get().(*[]byte)
	defer c.g.buffers.Put(bp)
	for !a.content && !a.ended && !a.broken && len(a.head) < headLimit {
		n, err := a.src.Read(*bp)
		if n > 0 {
			a.row.ReceivedBytes += int64(n)
			for _, p := range a.meter.Feed((*bp)[:n]) {
				a.hold(p)
			}
		}
		if err == io.EOF {
			a.eof = true
			for _, p := range a.meter.Close() {
				a.hold(p)
			}
			return
		}
		if err != nil {
			a.err = err
			return
		}
	}
}

// hold keeps one piece of the head. What follows the end is held with it.
func (a *attempt) hold(p dialect.Piece) {
	switch {
	case p.Kind == dialect.Withheld:
		return
	case p.Kind == dialect.Failure:
		a.broken = true
	case p.Kind == dialect.Content:
		a.content = true
	case p.Kind == dialect.End:
		a.ended = true
	}
	if a.ended || a.broken {
		a.end = append(a.end, p.Raw...)
		return
	}
	a.head = append(a.head, p.Raw...)
}

// judgeHead turns what was read into a verdict; none means commit.
func (c *call) judgeHead(a *attempt) {
	if a.err != nil && !a.content {
		c.broke(a, a.err, true)
		return
	}
	status := a.resp.StatusCode
	if status >= 300 && status != http.StatusNotModified {
		a.verdict = providers.Classify(a.c.words.dialect, status, a.resp.Header, append(a.head, a.end...), time.Now())
		return
	}
	if c.bodyIsCall() {
		if v := providers.Classify(a.c.words.dialect, status, a.resp.Header, nil, time.Now()); v.Fault != "" {
			a.verdict = v // a web page, whatever it holds
			return
		}
	}
	if a.content || !c.bodyIsCall() {
		return
	}
	switch res := a.meter.Result(); {
	case res.BadEvents > 0 && (a.ended || a.eof):
		a.verdict = providers.Verdict{Fault: llm.Malformed, Text: "the stream holds no content, and events that cannot be read"}
	case res.EmptyAnswer:
		// Whole and without content: what the model had to say.
	case res.Fault == llm.Truncated:
		a.verdict = providers.Verdict{Fault: llm.Reset, Text: res.FaultText}
	case res.Fault != "":
		a.verdict = providers.Verdict{Fault: res.Fault, Text: res.FaultText}
	case a.eof && !a.ended && !res.Complete:
		a.verdict = providers.Verdict{Fault: llm.Reset, Text: "the stream ended before any content"}
	}
}

// bodyless answers have no body by definition (RFC 9110 section 6.4.1).
func (c *call) bodyless(a *attempt) bool {
	return c.r.Method == http.MethodHead || a.resp.StatusCode == http.StatusNoContent || a.resp.StatusCode == http.StatusNotModified
}

// closeAttempt gives the attempt's row its outcome and ends the exchange.
func (c *call) closeAttempt(a *attempt) {
	a.close()
	a.row.Duration = time.Since(a.row.StartedAt)
	a.row.Outcome = store.OutcomeOK
	if f := a.fault(); f != "" {
		a.row.Outcome, a.row.Error = string(f), c.clean(a.verdict.Text)
	}
	c.charge(a)
	c.payInOrder(a)
}
