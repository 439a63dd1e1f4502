package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"llmgw/providers"
	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// headLimit is how much of an answer is held back to find its first content.
// A Codex answer echoes 60 to 80 KB of instructions and tools before it.
const headLimit = 1 << 20

// editEncoding names the edit by which a body with a Content-Encoding goes on
// without it.
const editEncoding = "content-encoding"

// interrupted is the fault of an attempt that llmgw's own end cut off: nobody's.
const interrupted = llm.Fault(store.OutcomeInterrupted)

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

	unread string // the Content-Encoding of an answer that cannot be decoded here

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
	if p := c.begin(); p != nil {
		unsent(a.row, p)
		a.cancel(nil)
		return nil, p
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
		if !a.committed.Load() || c.stopping() {
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

// unsent makes the row of an attempt one that was passed over, by the time that
// it could not be sent.
func unsent(row *store.Attempt, p *problem) {
	row.Outcome, row.Skipped, row.Error = store.OutcomeSkipped, p.code, p.message
	row.Duration, row.Held = 0, price.Amount{}
}

// begin commits the call and its newest attempt before a byte goes out. It
// returns why the attempt may not be sent (store.on_error), nil where it may.
func (c *call) begin() *problem {
	ctx, cancel := context.WithTimeout(c.ctx, min(c.set.cfg.Store.BeginWait, time.Until(c.by)))
	defer cancel()
	err := c.g.store.Commit(ctx, store.Change{Call: &c.rec, Attempts: c.attempts})
	if err == nil {
		c.begun = true
		return nil
	}
	if p := c.left(); p != nil {
		return p
	}
	if c.set.cfg.Store.OnError == "serve" && time.Now().Before(c.by) {
		c.g.log.Error("a call goes out without a record, as store.on_error = \"serve\" allows", "call", c.rec.ID, "err", err)
		return nil
	}
	p := notRecorded()
	return &p
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
	edits = append(edits, w.facts.CutChains(w.body)...)
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

// takesUnread tells whether an answer that cannot be decoded here may go on as
// it came: it is not held to any shape, or the client accepts its coding.
func (c *call) takesUnread(a *attempt) bool {
	if a.unread == "" || !c.bodyIsCall() {
		return true
	}
	for coding := range strings.SplitSeq(a.unread, ",") {
		if !acceptsEncoding(c.r.Header.Get("Accept-Encoding"), strings.TrimSpace(coding)) {
			return false
		}
	}
	return a.c.words.reply == nil
}

// acceptsEncoding reads an Accept-Encoding header (RFC 9110 section 12.5.3);
// a weight of 0 is a no, and * stands for what is not named.
func acceptsEncoding(header, name string) bool {
	others := false
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		q := strings.TrimSpace(params)
		yes := q != "q=0" && !strings.HasPrefix(q, "q=0.000") && q != "q=0.0"
		switch coding = strings.TrimSpace(coding); {
		case strings.EqualFold(coding, name):
			return yes
		case coding == "*":
			others = yes
		}
	}
	return others
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
	c.open(a)
	if a.resp.StatusCode < 300 && !c.takesUnread(a) {
		a.verdict = providers.Verdict{Fault: llm.Malformed, Text: fmt.Sprintf("an answer with Content-Encoding %q, which neither llmgw nor the client reads", a.unread)}
		return
	}
	c.readHead(a)
	c.judgeHead(a)
}

// broke classifies an exchange that failed before the head was whole.
func (c *call) broke(a *attempt, err error, wrote bool) {
	a.err = err
	a.verdict = providers.Verdict{Fault: c.transportFault(a, err, wrote), Text: errText(err)}
	if p := c.left(); p != nil {
		a.verdict.Text = p.message
	}
}

// transportFault asks first who ended the exchange: the client, our own clock,
// and only then the upstream.
func (c *call) transportFault(a *attempt, err error, wrote bool) llm.Fault {
	switch {
	case c.stopping():
		return interrupted
	case c.ctx.Err() != nil:
		return llm.ClientGone
	case errors.Is(context.Cause(a.ctx), errSilent):
		return llm.Timeout
	}
	return providers.ClassifyTransport(err, wrote)
}

// open prepares to read the answer's body. One in an encoding that is not known
// here is not looked into.
func (c *call) open(a *attempt) {
	want := dialect.Want{
		Dialect: a.c.words.dialect, Op: a.c.words.op, Stream: c.facts.Stream,
		Status: a.resp.StatusCode, Header: a.resp.Header, WithholdUsage: a.edited && a.c.words.reply == nil,
	}
	if a.resp.StatusCode < 300 { // an error is judged, and kept, in the provider's own words
		want.Reply = a.c.words.reply
	}
	encoding := strings.Join(a.resp.Header.Values("Content-Encoding"), ", ")
	a.src = a.resp.Body
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		a.raw = new(bytes.Buffer)
		src, known := decodeAnswer(io.TeeReader(a.resp.Body, a.raw), encoding)
		if a.src = src; !known {
			a.src, a.raw, a.unread = a.resp.Body, nil, encoding
			want.Op, want.Reply = dialect.OpOther, nil
		}
	}
	a.meter = dialect.NewMeter(want)
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

// hold keeps one piece of the head. What follows the end is held with it; what
// follows an error is nothing a client should read.
func (a *attempt) hold(p dialect.Piece) {
	switch {
	case a.broken, p.Kind == dialect.Withheld:
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
	status, now := a.resp.StatusCode, time.Now()
	switch {
	case a.err != nil && !a.content:
		c.broke(a, a.err, true)
	case status >= 300 && status != http.StatusNotModified:
		body := slices.Concat(a.head, a.end)
		if a.unread != "" {
			body = fmt.Appendf(nil, "an error with Content-Encoding %q, which llmgw cannot read", a.unread)
		}
		a.verdict = providers.Classify(a.c.words.dialect, status, a.resp.Header, body, now)
	case c.bodyIsCall():
		// A web page is none, whatever it holds.
		a.verdict = providers.Classify(a.c.words.dialect, status, a.resp.Header, nil, now)
		if a.verdict.Fault == "" && a.unread == "" {
			a.verdict = c.judgeAnswer(a)
		}
	}
}

// judgeAnswer says what is wrong with an answer to a call that llmgw reads.
func (c *call) judgeAnswer(a *attempt) providers.Verdict {
	res := a.meter.Result()
	instead := c.facts.Stream && c.metered() && a.c.words.reply == nil && a.meter.Whole()
	switch {
	case instead && (res.Fault == "" || res.EmptyAnswer):
		return providers.Verdict{Fault: llm.Malformed, Text: "a whole answer instead of the stream that was asked for"}
	case a.content:
	case res.BadEvents > 0 && (a.ended || a.eof):
		return providers.Verdict{Fault: llm.Malformed, Text: "the stream holds no content, and events that cannot be read"}
	case res.Done && !res.Content && res.Finish == "":
		return providers.Verdict{Fault: llm.Empty, Text: "the stream holds its end and nothing else"}
	case res.EmptyAnswer:
		// Whole and without content: what the model had to say.
	case res.Fault == llm.Truncated:
		return providers.Verdict{Fault: llm.Reset, Text: res.FaultText}
	case res.Fault != "":
		return providers.Verdict{Fault: res.Fault, Text: res.FaultText}
	case a.eof && !a.ended && !res.Complete:
		return providers.Verdict{Fault: llm.Reset, Text: "the stream ended before any content"}
	}
	return providers.Verdict{}
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
