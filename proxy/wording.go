package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
)

// wording is a call as a target is asked it: in the client's own bytes where
// the two speak one dialect, translated where they do not.
type wording struct {
	dialect llm.Dialect
	op      dialect.Op
	rest    string // the path below the API's version
	body    []byte
	facts   dialect.Facts
	bound   *dialect.Bound // how large it can get, worked out when a cap asks

	// Of a translation; the client's own words need none.
	reply   *dialect.Reply  // how the client wants the answer
	changes dialect.Changes // what did not come over as it was
	counted bool            // it asks for the usage of its stream, which not everybody understands
	learnt  lessons         // what it was worded after
}

// translated is what an attempt sent in its target's dialect, for the record.
type translated struct {
	n    int // of the attempt
	body []byte
}

// size is how large the call can get, worked out once.
func (w *wording) size() *dialect.Bound {
	if w.bound == nil {
		b := dialect.BoundOf(w.dialect, w.op, w.body)
		w.bound = &b
	}
	return w.bound
}

// speaks tells whether the call can be put to the provider, translated or not.
func (c *call) speaks(up *upstream) bool {
	return up.p.Speaks(c.ep.Dialect) || dialect.Translates(c.ep.Dialect, up.p.Dialect, c.ep.Op)
}

// word finds the words for the candidate, once for each target. Where the
// target's dialect cannot express something that was asked for,
// failover.on_unsupported says what happens: the target is skipped and word
// returns false, the call is refused, or it goes on without, named.
func (c *call) word(t *candidate) (bool, *problem) {
	t.reasons = t.reasons || c.g.health.knownToReason(t.targetKey(c))
	if t.words != nil && !(t.unedited && t.words.counted) && (t.words.reply == nil || t.words.learnt == t.lessons) {
		return true, nil
	}
	for _, o := range c.plan.targets {
		if o.target == t.target && o.words != nil && o.unedited == t.unedited && o.lessons == t.lessons && o != t {
			t.words = o.words
			return true, nil
		}
	}
	if t.up.p.Speaks(c.ep.Dialect) {
		t.words = &c.own
		return true, nil
	}
	w, err := c.translate(t)
	if err != nil {
		return false, c.inexpressible(t, fmt.Sprintf("the call cannot be put to %s, which speaks %s: %v", t.up.p.Name, t.up.p.Dialect, err))
	}
	if lost := refusals(w.changes); lost != "" && t.limits.OnUnsupported != UnsupportedDrop {
		return false, c.inexpressible(t, fmt.Sprintf("%s, which speaks %s, cannot be asked for %s", t.up.p.Name, t.up.p.Dialect, lost))
	}
	t.words = w
	return true, nil
}

// refusals lists what the target cannot be asked for, and why: "n (the protocol
// has one answer), logprobs (…)".
func refusals(changes dialect.Changes) string {
	var lost []string
	for _, change := range changes {
		if text := change.Path + " (" + change.Why + ")"; change.Fate == dialect.Refused && !slices.Contains(lost, text) {
			lost = append(lost, text)
		}
	}
	return strings.Join(lost, ", ")
}

// inexpressible skips the candidate's target, or refuses the call.
func (c *call) inexpressible(t *candidate, why string) *problem {
	c.skipCandidate(t, "unsupported", why)
	c.leave(t.target)
	c.g.health.unclaim(c, t)
	if t.limits.OnUnsupported == UnsupportedError {
		return &problem{code: codeUnsupported, message: why + `; failover.on_unsupported = "error" refuses the call rather than skip the target`}
	}
	return nil
}

// estranged are the edits of a conversation in the client's own words in which
// another provider had a part: what the target's models refuse of others.
func (c *call) estranged(t *candidate) []dialect.Edit {
	switch w := t.words; {
	case w.reply != nil:
		return nil
	case w.op == dialect.OpMessages, w.op == dialect.OpCountTokens:
		return dialect.ForeignParts(w.body, t.modelFor(c), t.thoughtless)
	case w.op == dialect.OpChat:
		edits := dialect.ForeignIDs(w.body, t.modelFor(c))
		if !t.up.p.TakesForeignThoughts() {
			edits = append(edits, dialect.ForeignThoughts(w.body, t.up.p.RefusesThoughts())...)
		}
		return edits
	}
	return nil
}

// translate writes the call in the candidate's dialect.
func (c *call) translate(t *candidate) (*wording, error) {
	if c.neutral == nil {
		body := dialect.Splice(c.body, c.facts.CutChains(c.body)...)
		req, err := dialect.DecodeRequest(c.ep.Dialect, body)
		if err != nil {
			return nil, err
		}
		c.neutral = req
	}
	to := dialect.Target{
		Dialect: t.up.p.Dialect, Model: t.modelFor(c),
		IncludeUsage: t.up.p.SupportsIncludeUsage() && !t.unedited, CacheControl: t.up.p.TakesCacheControl(), Thoughts: t.up.p.TakesThoughts(),
		Reasons: t.reasons, Thoughtless: t.thoughtless, MaxOutput: t.most,
	}
	if p := c.set.prices.of(t.up, to.Model, time.Now()); p.known && !t.most.Known {
		to.MaxOutput = p.price.MaxOutput()
	}
	enc, err := dialect.EncodeRequest(c.neutral, to)
	if err != nil {
		return nil, err
	}
	w := &wording{dialect: to.Dialect, op: enc.Op, rest: enc.Rest, body: enc.Body, changes: enc.Changes}
	w.reply = dialect.ReplyTo(c.neutral, c.rec.StartedAt.Unix())
	if w.facts, err = dialect.Peek(w.dialect, w.op, w.body); err != nil {
		return nil, fmt.Errorf("reading the translation: %w", err)
	}
	w.counted, w.learnt = w.facts.IncludeUsage, t.lessons
	return w, nil
}

// nameChanges keeps what became of the call on its way to the newest attempt's
// target: the edits by name, and what was left out. An edit that concerns the
// whole call (content-encoding) stays.
func (c *call) nameChanges(w *wording, edits []dialect.Edit) {
	names := make([]string, 0, len(edits)+1)
	if c.decoded {
		names = append(names, editEncoding)
	}
	for _, e := range edits {
		names = append(names, e.Name)
	}
	c.edits = append(names, w.changes.Paths(dialect.Edited)...)
	c.rec.Dropped = slices.Concat(c.unused, w.changes.Paths(dialect.Dropped, dialect.Approximated, dialect.Refused))
}

// nameLosses keeps what of the attempt's answer the client's dialect has no
// words for, as far as it has been read.
func (c *call) nameLosses(a *attempt) {
	if a.meter == nil {
		return
	}
	for _, name := range a.meter.Result().Lost {
		if !slices.Contains(c.rec.Dropped, name) {
			c.rec.Dropped = append(c.rec.Dropped, name)
		}
	}
}

// ofBytes are the headers that say something of an answer's very bytes (RFC 9110
// section 8, RFC 9530; Content-MD5 and Digest are their predecessors).
var ofBytes = []string{"Content-Length", "Content-Encoding", "Content-Md5", "Content-Digest", "Repr-Digest", "Digest", "Etag", "Trailer"}

// translatedHeader makes the headers of an answer say what its bytes are now.
func (c *call) translatedHeader(h http.Header) {
	for _, name := range ofBytes {
		h.Del(name)
	}
	h.Set("Content-Type", "application/json")
	if c.facts.Stream {
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
	}
}

// translatedError words a provider's error in the client's dialect. Its status
// stays.
func (c *call) translatedError(ans *answer) {
	ans.body = dialect.TranslateError(c.ep.Dialect, ans.status, ans.body)
	c.translatedHeader(c.w.Header())
	c.w.Header().Set("Content-Type", "application/json")
}
