package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"llmgw/providers"
	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/store"
)

// relay commits the attempt's answer and carries it to its end: what is held
// first, then each read as it comes, the end only once the outcome is on
// record. Streams and whole answers go through the same lines.
func (c *call) relay(a *attempt) {
	defer a.close()
	c.commit(a)
	ok := c.write(a, a.head)
	a.head = nil
	if ok && !a.ended && !a.eof && !a.broken && a.err == nil {
		ok = c.copyRest(a)
	}
	if !ok && a.c.limits.OnClientGone == ClientGoneDrain {
		c.readOn(a)
	}
	c.settle(a, ok)
}

// commit sends the status and headers: from here on no other target may
// answer this call.
func (c *call) commit(a *attempt) {
	now := time.Now()
	a.committed.Store(true)
	a.silence.Stop()
	a.row.FirstToken = now.Sub(a.row.StartedAt)
	c.rec.FirstToken = now.Sub(c.rec.StartedAt)
	if c.facts.Stream && a.content {
		c.g.health.learnt.add(a.c.targetKey(c), a.row.FirstToken)
	}
	c.rec.Provider, c.rec.Model = a.row.Provider, a.row.Model
	c.rec.HTTPStatus, c.rec.UpstreamRequestID = a.resp.StatusCode, a.row.UpstreamRequestID
	c.live.setPhase(store.LiveStreaming)
	copyHeader(c.w.Header(), a.resp.Header)
	c.nameLosses(a)
	c.answerHeaders(a)
	c.rest = a.resp.ContentLength
	if a.c.words.reply != nil {
		c.translatedHeader(c.w.Header())
		c.rest, a.raw = -1, nil
	}
	if a.raw != nil {
		c.decodedAnswer(a)
	}
	if a.edited || a.raw != nil {
		c.rest = -1
		c.w.Header().Del("Content-Length")
	}
	if a.ended && c.rest >= 0 {
		c.rest = int64(len(a.head) + len(a.end))
	}
	// A client that never reads must not hold the call for ever; one that does
	// must still get the error event of an answer cut at max_duration.
	_ = http.NewResponseController(c.w).SetWriteDeadline(now.Add(a.c.limits.MaxDuration + time.Minute))
	if c.facts.Stream || !a.ended && !a.eof {
		c.status(a)
	}
}

// status sends the status line and headers, once. Those of a whole answer wait
// for its outcome.
func (c *call) status(a *attempt) {
	if !c.headed {
		c.headed = true
		c.w.WriteHeader(a.resp.StatusCode)
	}
}

// decodedAnswer hands a compressed answer on: as the bytes that arrived where
// it is whole and the client accepts its encoding, else decoded.
func (c *call) decodedAnswer(a *attempt) {
	encoding := a.resp.Header.Get("Content-Encoding")
	if a.ended && len(a.head) == 0 && acceptsEncoding(c.r.Header.Get("Accept-Encoding"), encoding) {
		a.end, a.raw = a.raw.Bytes(), nil
		return
	}
	c.w.Header().Del("Content-Encoding")
	c.w.Header().Del("Content-Length")
	c.edits = append(c.edits, "response-content-encoding")
}

// copyRest relays until the end, the upstream's failure or the client's
// leaving; it reports whether the client still takes what is written.
func (c *call) copyRest(a *attempt) bool {
	bp := c.g.buffers.Get().(*[]byte)
	defer c.g.buffers.Put(bp)
	lastContent := time.Now()
	for !a.ended && !a.broken {
		patience, overdue := c.patience(a, lastContent)
		a.silence.Reset(patience)
		n, err := a.src.Read(*bp)
		a.silence.Stop()
		if n > 0 {
			a.row.ReceivedBytes += int64(n)
			fresh, ok := c.forward(a, a.meter.Feed((*bp)[:n]))
			if fresh {
				lastContent = time.Now()
			}
			if !ok {
				return false
			}
		}
		if err == io.EOF {
			a.eof = true
			pieces := a.meter.Close()
			if res := a.meter.Result(); res.Partial && !res.Complete {
				return true // half an event would swallow the error event after it
			}
			_, ok := c.forward(a, pieces)
			return ok
		}
		if err != nil {
			a.err, a.overdue = err, overdue
			return true
		}
	}
	return true
}

// patience is how long the next read of a running answer may take, and what is
// wrong with an upstream that takes longer.
func (c *call) patience(a *attempt, lastContent time.Time) (time.Duration, string) {
	idle, l := c.idleLimit(a), a.c.limits
	content, whole := time.Until(lastContent.Add(l.IdleContent)), time.Until(c.rec.StartedAt.Add(l.MaxDuration))
	switch {
	case whole <= min(idle, content):
		return whole, fmt.Sprintf("not at its end after %s", l.MaxDuration)
	case content <= idle:
		return content, fmt.Sprintf("no content for %s", l.IdleContent)
	}
	return idle, fmt.Sprintf("no byte for %s", idle)
}

// readOnTime is how long an answer is read without its client.
const readOnTime = 30 * time.Second

// readOn reads the rest of an answer whose client left, for its exact usage.
func (c *call) readOn(a *attempt) {
	a.drained = true
	bp := c.g.buffers.Get().(*[]byte)
	defer c.g.buffers.Put(bp)
	stop := time.Now().Add(readOnTime)
	for !a.ended && !a.broken && !a.eof && a.err == nil {
		a.silence.Reset(min(c.idleLimit(a), time.Until(stop)))
		n, err := a.src.Read(*bp)
		a.silence.Stop()
		a.row.ReceivedBytes += int64(n)
		pieces := a.meter.Feed((*bp)[:n])
		if err == io.EOF {
			a.eof = true
			pieces = a.meter.Close()
		} else {
			a.err = err
		}
		for _, p := range pieces {
			a.ended = a.ended || p.Kind == dialect.End
			a.broken = a.broken || p.Kind == dialect.Failure
		}
	}
}

// idleLimit is how long a running stream may bring no byte at all. Where the
// model reasons or tools run on the provider's side, silence is normal.
func (c *call) idleLimit(a *attempt) time.Duration {
	idle := a.c.limits.Idle
	if idle == DefaultFailoverConfig().Idle && (c.reasons() || c.facts.Tools) {
		return 5 * time.Minute
	}
	return idle
}

// forward writes the pieces of one read and flushes once. The end, and an
// error event of the upstream's, stay back.
func (c *call) forward(a *attempt, pieces []dialect.Piece) (fresh, ok bool) {
	c.live.output.Store(a.meter.Result().OutputBytes)
	for _, p := range pieces {
		if a.broken { // nothing follows an error
			break
		}
		switch p.Kind {
		case dialect.Withheld:
			continue
		case dialect.Content:
			fresh = true
		case dialect.End:
			a.ended = true
		case dialect.Failure:
			a.broken = true
		}
		if a.ended || a.broken || c.isLast(p.Raw) {
			a.end = append(a.end, p.Raw...)
			continue
		}
		if !c.put(p.Raw) {
			return fresh, false
		}
	}
	return fresh, c.flush()
}

// isLast tells whether raw completes an answer of announced length: with its
// last byte the client has seen the end.
func (c *call) isLast(raw []byte) bool {
	return c.rest >= 0 && c.sent.size+int64(len(raw)) >= c.rest
}

// write puts and flushes held bytes.
func (c *call) write(a *attempt, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if c.isLast(b) {
		a.end = append(b, a.end...)
		return true
	}
	c.status(a)
	return c.put(b) && c.flush()
}

// put writes bytes to the client and keeps a copy for the record.
func (c *call) put(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	c.sent.add(b)
	c.live.moved(int64(len(b)))
	_, err := c.w.Write(b)
	return err == nil
}

func (c *call) flush() bool {
	err := http.NewResponseController(c.w).Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// settle records the outcome and then releases the end.
func (c *call) settle(a *attempt, ok bool) {
	res := a.meter.Result()
	switch {
	case !a.drained && c.wholeAnswer(a, res):
		c.settleWhole(a)
	case !ok || c.ctx.Err() != nil && !c.stopping():
		a.verdict = providers.Verdict{Fault: llm.ClientGone, Text: "the client hung up"}
		c.closeCommitted(a)
		c.hungUp()
	default:
		c.settleBroken(a, res)
	}
}

// wholeAnswer tells whether the upstream's answer was read to its end; then it
// is a finished call even if the client left before taking the last bytes.
func (c *call) wholeAnswer(a *attempt, res dialect.Result) bool {
	if a.broken || a.err != nil {
		return false
	}
	return a.ended || a.eof && (res.Complete || !c.bodyIsCall() || c.bodyless(a))
}

func (c *call) settleWhole(a *attempt) {
	a.row.Outcome = store.OutcomeOK
	a.row.Duration = time.Since(a.row.StartedAt)
	c.g.health.finished(c, a.c, time.Now())
	c.charge(a)
	c.sent.keep(a.end)
	c.remember(a)
	c.keepThread(a)
	c.finish(store.StatusOK)
	if !c.headed {
		c.costHeaders()
	}
	if !c.headed && !c.bodyless(a) {
		c.w.Header().Set("Content-Length", strconv.Itoa(len(a.end)))
	}
	c.status(a)
	if _, err := c.w.Write(a.end); err == nil && c.flush() && !a.eof {
		c.drain(a)
	}
	if a.c.words.reply != nil {
		return
	}
	for k, v := range a.resp.Trailer {
		c.w.Header()[http.TrailerPrefix+k] = v
	}
}

// drainTime is how long the rest of an answer may take after its end: enough
// for the last chunk that frees the connection, not for a second answer.
const drainTime = time.Second

// drain reads what follows the dialect's end (rarely more than the end of the
// HTTP message) and hands it on, so that the connection can serve the next
// call.
func (c *call) drain(a *attempt) {
	a.silence.Reset(drainTime)
	defer a.silence.Stop()
	var buf [2048]byte
	for {
		n, err := a.src.Read(buf[:])
		if n > 0 && a.c.words.reply == nil { // in another dialect it is nobody's
			c.disown()
			if _, werr := c.w.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			c.flush()
			return
		}
	}
}

// settleBroken ends an answer that the upstream broke after commit: the error
// in the caller's dialect, flushed, then the connection is cut. Nothing makes
// it look finished.
func (c *call) settleBroken(a *attempt, res dialect.Result) {
	cause, code := c.breakCause(a, res), string(llm.Truncated)
	a.verdict = providers.Verdict{Fault: llm.Truncated, Text: cause}
	if c.stopping() {
		a.verdict.Fault, code = interrupted, codeShutdown
	}
	c.closeCommitted(a)
	c.g.health.faulted(c, a, true, time.Now())
	c.rec.Error, c.rec.ErrorText = code, c.clean(cause)
	event := a.end // the provider's own error event
	if !a.broken {
		event = nil
		if c.facts.Stream {
			event = dialect.ErrorEvent(c.ep.Dialect, c.ep.Op, dialect.Problem{Status: http.StatusBadGateway, Code: code, Message: "llmgw: the answer of " + a.row.Provider + " broke off: " + cause})
		}
	}
	c.sent.add(event)
	c.finish(store.StatusTruncated)
	c.status(a)
	if len(event) > 0 {
		_, _ = c.w.Write(event)
	}
	c.flush() // without it the event is lost in the abort
	panic(http.ErrAbortHandler)
}

// breakCause words why an answer did not reach its end.
func (c *call) breakCause(a *attempt, res dialect.Result) string {
	switch {
	case c.stopping():
		return stopped
	case a.broken:
		return "error event: " + res.FaultText
	case a.err == nil && res.Fault != "":
		return string(res.Fault) + ": " + res.FaultText
	case a.err == nil:
		return "the stream ended without its end marker"
	}
	if c.transportFault(a, a.err, true) == llm.Timeout {
		a.c.up.retire()
		return cmp.Or(a.overdue, errText(a.err))
	}
	return errText(a.err)
}

// closeCommitted gives an attempt that reached the client and then failed its
// outcome, and cuts the upstream.
func (c *call) closeCommitted(a *attempt) {
	a.close()
	a.row.Duration = time.Since(a.row.StartedAt)
	a.row.Outcome, a.row.Error = string(a.fault()), c.clean(a.verdict.Text)
	c.charge(a)
}

// hungUp ends a call whose client left after the commit. One that closed only
// its sending half counts as gone too, since net/http does not tell the two
// apart; it must not take what it got for all there is.
func (c *call) hungUp() {
	c.rec.Error, c.rec.ErrorText = codeClientGone, "the client hung up before the end"
	c.finish(store.StatusClientGone)
	panic(http.ErrAbortHandler)
}
