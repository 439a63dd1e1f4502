package sim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"llmgw/providers/llm"
)

// forever is a wait that ends when the client leaves or at Release.
const forever = time.Duration(-1)

// step is one write and flush.
type step struct {
	wait  time.Duration // before it
	data  []byte
	usage bool // the final usage is whole once this is out
	again int  // times it is repeated, wait included; -1: for ever
}

// ending is what becomes of the connection after the last step.
type ending int

const (
	endWhole ending = iota
	endAbort        // closed, the HTTP body unfinished
	endReset        // closed with a TCP reset
	endIdle         // closed after a whole answer, unannounced
)

// plan is everything that will happen on the wire for one answer.
type plan struct {
	before time.Duration // silence before the status line
	status int           // 0: there is none
	header http.Header
	steps  []step
	end    ending
	linger time.Duration // before an idle connection is closed
	cut    bool          // the answer lacks its end because of the fault
}

// layout turns an answer and the fault into what happens on the wire.
func (c *call) layout(a answer) plan {
	p := plan{status: a.status, header: a.header, before: c.sim.opt.FirstByte}
	switch c.fault.Kind {
	case HangBeforeHeaders:
		p.before = orForever(c.fault.Wait)
	case SlowFirstByte:
		p.before += orDefault(c.fault.Wait, time.Second)
	case ResetBeforeHeaders:
		return plan{before: p.before, end: endReset, cut: true}
	case CloseBeforeHeaders:
		return plan{before: p.before, end: endAbort, cut: true}
	case KeepaliveClose:
		p.end, p.linger = endIdle, c.fault.Wait
	}
	if a.frames != nil {
		c.layStream(&p, a.frames)
	} else {
		c.layBody(&p, a)
	}
	c.shape(&p)
	c.pace(&p, a.frames != nil)
	return p
}

func orForever(d time.Duration) time.Duration { return orDefault(d, forever) }

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// layStream makes a step of every frame, with the faults that know frames.
func (c *call) layStream(p *plan, frames []frame) {
	at := cutAt(frames, c.fault.After)
	c.cutStream(p, &frames, at)
	for i, f := range frames {
		s := step{data: f.sse(c.fault.Kind), usage: f.usage}
		if i > 0 {
			s.wait = c.sim.opt.BetweenEvents
		}
		p.steps = append(p.steps, s)
	}
	switch c.fault.Kind {
	case HangMidStream:
		p.steps[at].wait = orForever(c.fault.Wait)
	case TruncatedJSON:
		last := &p.steps[at]
		last.data, last.usage = last.data[:len(last.data)/2], false
	case PingOnly:
		p.steps = slices.Insert(p.steps, cutAt(frames, 0), c.pings([]byte(": keep-alive\n\n")))
	case BOM:
		p.steps[0].data = append([]byte("\ufeff"), p.steps[0].data...)
	case NoFinalNewline:
		last := &p.steps[len(p.steps)-1]
		last.data = bytes.TrimRight(last.data, "\n")
	case AfterDone:
		p.steps = append(p.steps, step{data: []byte(": after the end\n\n")}, step{data: []byte("data: {}\n\n")})
	}
}

// cutStream shortens, breaks or adds to the frames.
func (c *call) cutStream(p *plan, frames *[]frame, at int) {
	all := *frames
	switch c.fault.Kind {
	case ResetMidStream:
		*frames, p.end, p.cut = all[:at], endReset, true
	case FinMidStream:
		*frames, p.end, p.cut = all[:at], endAbort, true
	case EOFMidStream:
		*frames, p.cut = all[:at], true
	case TruncatedJSON:
		*frames, p.cut = all[:at+1], true
	case ErrorFirst:
		*frames, p.cut = []frame{c.errorFrame()}, true
	case ErrorAfterStart:
		*frames, p.cut = append(slices.Clone(all[:cutAt(all, 0)]), c.errorFrame()), true
	case ErrorMidStream:
		*frames, p.cut = append(slices.Clone(all[:at]), c.errorFrame()), true
	case FinishError:
		if c.dialect == llm.Anthropic {
			*frames, p.cut = append(slices.Clone(all[:cutAt(all, len(all))]), c.errorFrame()), true
		}
	case MalformedChunk:
		broken := frame{event: all[at].event, data: all[at].data[:len(all[at].data)/2]}
		*frames = slices.Insert(slices.Clone(all), at, broken)
	case MalformedJSON:
		for i := range all {
			if all[i].data[0] == '{' {
				all[i].data, all[i].usage = all[i].data[:len(all[i].data)-1], false
			}
		}
	case NoDone:
		*frames = without(all, frameEnd)
	case NoFinish:
		*frames = without(all, frameFinish)
	}
}

func (c *call) errorFrame() frame {
	f := frame{kind: frameError, data: c.errorBody(c.errorInside())}
	if c.dialect == llm.Anthropic {
		f.event = "error"
	}
	return f
}

// pings keep a connection alive without saying anything: Anthropic has an
// event for it, others send comments.
func (c *call) pings(comment []byte) step {
	s := step{wait: orDefault(c.fault.Wait, time.Second), data: comment, again: c.fault.After - 1}
	if c.dialect == llm.Anthropic && c.q != nil && c.q.stream {
		s.data = frame{event: "ping", data: []byte(`{"type": "ping"}`)}.sse("")
	}
	return s
}

// layBody makes steps of a body, with the faults that act in its middle.
func (c *call) layBody(p *plan, a answer) {
	body, usage := c.breakBody(a)
	half := len(body) / 2
	p.steps = []step{{data: body, usage: usage}}
	length := len(body)
	switch c.fault.Kind {
	case HangMidStream:
		p.steps = []step{{data: body[:half]}, {data: body[half:], usage: usage, wait: orForever(c.fault.Wait)}}
	case ResetMidStream:
		p.steps, p.end, p.cut = []step{{data: body[:half]}}, endReset, true
	case FinMidStream:
		p.steps, p.end, p.cut = []step{{data: body[:half]}}, endAbort, true
	case EOFMidStream, TruncatedJSON:
		p.steps, p.cut, length = []step{{data: body[:half]}}, true, half
	case PingOnly:
		// Blank lines before the JSON, as DeepSeek sends them.
		p.steps = []step{c.pings([]byte("\n")), p.steps[0]}
		length = -1
	}
	if length >= 0 {
		p.header["Content-Length"] = []string{strconv.Itoa(length)}
	}
}

// breakBody applies the faults that change a body's JSON, and tells whether
// its usage can still be read.
func (c *call) breakBody(a answer) (body []byte, usage bool) {
	open, ok := bytes.CutSuffix(a.body, []byte("}"))
	if !ok || c.q == nil || a.status != http.StatusOK {
		return a.body, a.usage
	}
	switch c.fault.Kind {
	case MalformedJSON, MalformedChunk:
		return open, false
	case ErrorMidStream, FinishError:
		failure := c.errorBody(c.errorInside())
		if c.dialect == llm.Anthropic {
			return failure, false
		}
		return fmt.Appendf(nil, "%s,%s", open, failure[1:]), a.usage
	}
	return a.body, a.usage
}

// shape applies the faults of how bytes are coded and cut into writes.
func (c *call) shape(p *plan) {
	switch c.fault.Kind {
	case Gzip:
		compress(p)
	case OneByte:
		p.steps = recut(p.steps, func(b []byte) int { return 1 })
	case UTF8Split:
		p.steps = recut(p.steps, insideCharacter)
	case OneWrite:
		all := step{}
		for _, s := range p.steps {
			all.data = append(all.data, s.data...)
			all.usage = all.usage || s.usage
		}
		p.steps = []step{all}
	}
}

// compress codes the steps as one gzip stream with a flush after each, as a
// service does that compresses event streams.
func compress(p *plan) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	total := 0
	for i := range p.steps {
		out.Reset()
		z.Write(p.steps[i].data) // a bytes.Buffer does not fail
		z.Flush()
		if i == len(p.steps)-1 {
			z.Close()
		}
		p.steps[i].data = bytes.Clone(out.Bytes())
		total += out.Len()
	}
	p.header["Content-Encoding"] = []string{"gzip"}
	if p.header["Content-Length"] != nil {
		p.header["Content-Length"] = []string{strconv.Itoa(total)}
	}
}

// recut splits every step where next says; the usage is whole with the last
// part.
func recut(steps []step, next func([]byte) int) []step {
	var out []step
	for _, s := range steps {
		for len(s.data) > 0 {
			n := next(s.data)
			part := step{wait: s.wait, data: s.data[:n], usage: s.usage && n == len(s.data)}
			out = append(out, part)
			s.data, s.wait = s.data[n:], 0
		}
	}
	return out
}

// insideCharacter returns the index after the first byte of the first
// multi-byte character, or the length.
func insideCharacter(b []byte) int {
	for i := 0; i < len(b); {
		_, size := utf8.DecodeRune(b[i:])
		if size > 1 {
			return i + 1
		}
		i += size
	}
	return len(b)
}

// pace applies the faults of time.
func (c *call) pace(p *plan, stream bool) {
	switch c.fault.Kind {
	case HangAfterHeaders:
		if len(p.steps) > 0 {
			p.steps[0].wait = orForever(c.fault.Wait)
		}
	case Slow:
		if !stream && len(p.steps) == 1 {
			eighth := max(len(p.steps[0].data)/8, 1)
			p.steps = recut(p.steps, func(b []byte) int { return min(eighth, len(b)) })
		}
		for i := range p.steps[1:] {
			p.steps[i+1].wait = orDefault(c.fault.Wait, 100*time.Millisecond)
		}
	}
}
