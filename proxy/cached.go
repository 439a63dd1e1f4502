package proxy

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/dialect"
	"llmgw/proxy/cache"
	"llmgw/store"
)

// What x-llmgw-cache and the record say of a call.
const (
	cacheMiss   = "miss"   // looked for in vain; kept if it may be
	cacheBypass = "bypass" // not looked for, or never kept
	cacheOff    = "off"    // the route has no cache
)

// repeat is what the cache has to do with a call.
type repeat struct {
	use   cache.Config // in force for its route
	state string       // hit, miss, bypass; "": off
	note  string       // why it is no hit, or who had answered
	cut   []string     // members of the body that were ignored
	key   cache.Key
	keeps bool // its answer is to be kept, if it turns out whole

	unfit string        // why the answer is not kept after all
	kept  *store.Cached // it is kept
	given *store.Cached // the answer given again
}

// fromCache answers the call with what the same call was answered before, or
// refuses it where the caller wants nothing else. It reports whether that was
// all there is to do.
func (c *call) fromCache() (done bool) {
	ask, err := cache.ReadAsk(c.r.Header["Cache-Control"], c.r.Header["X-Llmgw-Cache"])
	if err != nil {
		c.refuse(problem{code: codeUnsupported, message: err.Error()})
		return true
	}
	found := c.lookUp(ask)
	switch {
	case found != nil:
		c.replay(found)
	case ask.OnlyIfCached:
		c.repeat.keeps = false
		why := cmp.Or(c.repeat.note, "the cache is off here")
		c.refuse(problem{code: codeNotCached, message: "the call asks for an answer from the cache and there is none: " + why})
	default:
		return false
	}
	return true
}

// lookUp finds the answer to give again, or decides whether this call's is to
// be kept.
func (c *call) lookUp(ask cache.Ask) *store.Cached {
	rp := &c.repeat
	if rp.use = c.set.cacheFor(c.plan.route); !rp.use.Enabled {
		return nil
	}
	rp.state = cacheBypass
	q, why := c.question()
	switch {
	case why != "":
		rp.note = why
		return nil
	case ask.NoStore:
		rp.note = "asked for no-store"
		return nil
	}
	rp.key = q.Key()
	if !ask.Reads() {
		rp.note = "asked for a new answer"
	} else if e := c.find(ask); e != nil {
		return e
	}
	if why := c.outside(); why != "" {
		rp.state, rp.note = cacheBypass, "depends on "+why
		return nil
	}
	rp.keeps = true
	return nil
}

// find looks the call up; nil and a note when there is nothing to give.
func (c *call) find(ask cache.Ask) *store.Cached {
	rp := &c.repeat
	rp.state = cacheMiss
	e, gone, err := c.g.store.Cached(rp.key)
	switch {
	case err != nil:
		rp.note = "unreadable; " + errText(err)
	case e == nil:
		rp.note = cmp.Or(gone, "first time")
	default:
		if rp.note = ask.Stale(e.At, e.Expires, time.Now(), rp.use.TTL); rp.note == "" {
			return e
		}
	}
	return nil
}

// question is what the call asks, as the cache tells questions apart, or why
// its answer is never kept.
func (c *call) question() (*cache.Question, string) {
	switch c.ep.Op {
	case dialect.OpChat, dialect.OpCompletions, dialect.OpEmbeddings, dialect.OpMessages:
	default:
		return nil, "endpoint " + string(c.ep.Op)
	}
	rp, t := &c.repeat, c.plan.targets[0]
	q := &cache.Question{
		Dialect: string(c.ep.Dialect), Operation: string(c.ep.Op), Named: c.ep.Provider, Path: c.ep.Rest, Query: c.r.URL.RawQuery, Header: c.r.Header,
		Body: c.body, Ignored: rp.use.Ignore,
		Provider: t.up.p.Name, Speaks: string(t.up.p.Dialect), BaseURL: t.up.p.Base.String(), Model: cmp.Or(t.model, c.facts.Model), Added: t.up.p.Headers,
		Project:  cmp.Or(c.ep.Project, c.r.Header.Get("X-Llmgw-Project"), "default"),
		Upstream: t.cred.Fingerprint(), Client: c.brought.Fingerprint(),
	}
	hottest, given := 0.0, false
	for m := range dialect.Members(c.body) {
		switch name := string(m.Name); {
		case name == "temperature":
			hottest, given = max(hottest, temperature(m.Value)), true
		case name == "store" && string(m.Value) == "true":
			return nil, "asks the provider to store it"
		}
		switch {
		case slices.Contains(rp.use.Ignore, string(m.Name)):
			rp.cut = append(rp.cut, string(m.Name))
		case len(rp.use.Ignore) > 0:
			q.Members = append(q.Members, m.Whole)
		}
	}
	if !given {
		hottest = 1
	}
	if hottest > rp.use.MaxTemperature && c.ep.Op != dialect.OpEmbeddings {
		return nil, "temperature above max_temperature"
	}
	return q, ""
}

// temperature reads a temperature; absent it is 1, and what cannot be read is
// above every limit.
func temperature(value []byte) float64 {
	if string(value) == "null" {
		return 1
	}
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return math.Inf(1)
	}
	return v
}

// outside names what the answer depends on that is not in the body, "" for
// nothing: a conversation or file kept elsewhere, the web, an image behind a
// URL. What keeps a body from bounding its cost is just that, but for a few.
func (c *call) outside() string {
	b := c.own.size().For(c.plan.targets[0].modelFor(c))
	for _, cause := range b.Unbounded {
		switch cause {
		case "prediction", "compaction", "fallbacks":
		default:
			return cause
		}
	}
	return ""
}

// replayedHeaders are those of an answer that say what its bytes are. The
// others were about the one exchange: its id, its limits, its date.
var replayedHeaders = []string{"Cache-Control", "Content-Encoding", "Content-Language", "Content-Type", "Openai-Version", "X-Accel-Buffering"}

// remember keeps the attempt's answer for the next call that asks the same, if
// it is whole and good. It is called when the end has been read and the outcome
// is about to be committed, and goes into that transaction.
func (c *call) remember(a *attempt) {
	rp := &c.repeat
	if !rp.keeps {
		return
	}
	if rp.unfit = c.unfit(a); rp.unfit != "" {
		return
	}
	body, now := c.sent.bytes(), time.Now()
	if int64(len(body)) > rp.use.MaxSize/8 {
		rp.unfit = "larger than an eighth of cache.max_size"
		return
	}
	if c.tells(body) {
		rp.unfit = "holds a credential"
		return
	}
	var headers []string
	for _, name := range replayedHeaders {
		for _, v := range c.w.Header()[name] {
			headers = append(headers, name+": "+v)
		}
	}
	rp.kept = &store.Cached{
		Key: rp.key, CallID: c.rec.ID, At: now, Expires: now.Add(rp.use.TTL), Pool: c.set.cachePool(c.plan.route),
		Project: c.rec.Project, Provider: a.row.Provider, Model: a.row.Model, ModelReported: a.row.ModelReported, Finish: a.row.Finish,
		Stream: c.facts.Stream, Usage: a.row.Usage, Cost: a.row.Cost,
		Headers: strings.Join(headers, "\n"), Body: body, Head: c.sent.size - int64(len(a.end)),
	}
}

// tells whether an answer holds a credential: those never reach the file, and
// what is given again must be the bytes that came.
func (c *call) tells(body []byte) bool {
	plain, err := decoded(body, c.w.Header().Get("Content-Encoding"))
	if err != nil {
		return true // the meter could read it; whatever this is, it does not go to others
	}
	_, n := c.set.redactor.Redact(plain, c.brought)
	return n > 0
}

// decoded undoes an answer's Content-Encoding.
func decoded(body []byte, encoding string) ([]byte, error) {
	if encoding == "" {
		return body, nil
	}
	r, known := decodeAnswer(bytes.NewReader(body), encoding)
	if !known {
		return nil, &errEncoding{encoding}
	}
	return io.ReadAll(r)
}

// finishedWell are the reasons to stop with which an answer is all that the
// model had to say (the providers' API references, 2026-11). Any other one is
// not kept: a limit, a filter, a pause, or a word nobody here knows.
var finishedWell = []string{"stop", "tool_calls", "function_call", "eos", "end_turn", "tool_use", "stop_sequence"}

// unfit says why the answer may not be given to another call, "" if it may.
func (c *call) unfit(a *attempt) string {
	res := a.meter.Result()
	first := c.plan.targets[0]
	finish := strings.ToLower(res.Finish)
	switch {
	case a.c.target != first.target:
		return "fallback"
	case a.c != first:
		return "another key of the provider"
	case a.resp.StatusCode != http.StatusOK:
		return fmt.Sprintf("status %d", a.resp.StatusCode)
	case res.Fault != "" || res.BadEvents > 0 || !a.ended:
		return "not confirmed to be whole"
	case c.facts.Stream != res.Done: // no [DONE]; a body instead of a stream, or the other way round
		return "without the end of what was asked for"
	case a.unread != "":
		return "in a Content-Encoding that llmgw cannot read"
	case !res.Content:
		return "empty"
	case len(c.rec.Dropped) > 0:
		return "something was dropped" // which a hit could not say of itself
	case a.c.clamp.Known:
		return "output limit lowered by a cap"
	case c.ep.Op != dialect.OpEmbeddings && !slices.Contains(finishedWell, finish):
		return "finished with " + cut(cmp.Or(finish, "no reason"), 40)
	case c.ep.Op != dialect.OpEmbeddings && c.facts.N > 1:
		return "several answers at once"
	case c.sent.kept < c.sent.size:
		return "larger than store.max_body"
	case c.ctx.Err() != nil:
		return codeClientGone
	}
	return ""
}

// cacheWords are what the record says of the cache and the call.
func (c *call) cacheWords(status store.Status) (state, note string) {
	rp := &c.repeat
	note = rp.note
	switch {
	case !rp.keeps || rp.kept != nil:
	case rp.unfit != "":
		note = "not stored: " + rp.unfit
	case status != store.StatusOK:
		note = "not stored: " + string(status)
	}
	if len(rp.cut) > 0 {
		note += "; ignored " + cut(strings.Join(rp.cut, ", "), 200)
	}
	return cmp.Or(rp.state, cacheOff), note
}
