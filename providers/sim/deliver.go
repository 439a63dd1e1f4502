package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net"
	"net/http"
	"time"
)

// deliver carries a plan out.
func (c *call) deliver(p plan) {
	if !c.pause(p.before) {
		c.hungUp()
	}
	if p.status == 0 {
		c.end(Cut)
		c.drop(p)
		return
	}
	c.row.Status = p.status
	for name, values := range p.header {
		c.w.Header()[name] = values
	}
	c.w.WriteHeader(p.status)
	d := delivery{call: c, plan: p, sum: sha256.New(), last: true}
	if len(p.steps) == 0 {
		d.step(step{}) // the headers are all there is
	}
	for i, s := range p.steps {
		d.last = i >= len(p.steps)-1
		d.repeat(s)
	}
	c.drop(p)
}

// delivery is the state of one answer going out.
type delivery struct {
	*call
	plan plan
	sum  hash.Hash
	last bool // this step is the last
}

func (d *delivery) outcome() End {
	if d.plan.cut {
		return Cut
	}
	return Delivered
}

// repeat does a step as often as it says; endless ones stop at Release.
func (d *delivery) repeat(s step) {
	released := d.sim.released()
	for n := 0; s.again < 0 || n <= s.again; n++ {
		d.step(s)
		select {
		case <-released:
			return
		default:
		}
	}
}

// step waits, writes and flushes. The last one is put on record before it is
// written, so that whoever reads the end finds the record complete; a write
// that fails corrects it.
func (d *delivery) step(s step) {
	flush := http.NewResponseController(d.w)
	if s.wait != 0 {
		if flush.Flush() != nil || !d.pause(s.wait) {
			d.hungUp()
		}
	}
	if d.r.Context().Err() != nil {
		d.hungUp()
	}
	before := d.row
	d.count(s)
	if d.last {
		d.end(d.outcome())
	}
	n, err := d.w.Write(s.data)
	if err == nil {
		err = flush.Flush()
	}
	if err != nil {
		before.SentBytes += int64(n)
		before.End, before.Done = d.row.End, d.row.Done
		d.row = before
		d.hungUp()
	}
}

// count adds a step to what was sent.
func (d *delivery) count(s step) {
	d.sum.Write(s.data)
	d.row.SentBytes += int64(len(s.data))
	d.row.SentHash = hex.EncodeToString(d.sum.Sum(nil))
	d.row.UsageSent = d.row.UsageSent || s.usage
}

// pause waits and tells whether the client is still there afterwards.
func (c *call) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	var timer <-chan time.Time
	var released <-chan struct{}
	if d == forever {
		released = c.sim.released()
	} else {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
	case <-released:
	case <-c.r.Context().Done():
		return false
	}
	return true
}

// end puts the final state on record, once.
func (c *call) end(how End) {
	c.row.End, c.row.Done = how, c.sim.opt.Now()
	if c.ended {
		c.sim.save(c.row)
		return
	}
	c.ended = true
	c.sim.finish(c.row)
}

// hungUp ends an answer whose client has left. It aborts, because returning
// would make the server finish the answer for a client that only half-closed.
func (c *call) hungUp() {
	c.end(HungUp)
	panic(http.ErrAbortHandler)
}

// close is the last thing of any arrival: one that broke down in here is not
// left in flight.
func (c *call) close() {
	if !c.ended {
		c.end(Cut)
	}
}

// drop ends the connection the way the plan says.
func (c *call) drop(p plan) {
	switch p.end {
	case endAbort:
		panic(http.ErrAbortHandler)
	case endReset:
		c.reset()
	case endIdle:
		c.closeIdle(p)
	}
}

// reset closes with a TCP reset: lingering for no time at all discards what
// is unsent and tells the peer so. A connection that is no TCP (a pipe, TLS
// without one, HTTP/2) is aborted.
func (c *call) reset() {
	conn := c.hijack()
	if conn == nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	conn.Close()
}

// closeIdle finishes the answer itself and closes the connection that the
// client believes it may use again.
func (c *call) closeIdle(p plan) {
	conn := c.hijack()
	if conn == nil {
		return
	}
	defer conn.Close()
	if p.header["Content-Length"] == nil && c.r.ProtoAtLeast(1, 1) {
		conn.Write([]byte("0\r\n\r\n"))
	}
	// The request's context no longer follows a hijacked connection.
	<-time.After(p.linger)
}

func (c *call) hijack() net.Conn {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return nil
	}
	return conn
}
