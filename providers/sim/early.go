package sim

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// answerEarly answers before the request is read: from its first kilobyte it
// only guesses whether a stream is wanted. The rest is read afterwards.
func (c *call) answerEarly(f Fault) {
	const glance = 1024
	c.fault, c.row.Fault = f, f
	head := make([]byte, glance)
	n, _ := io.ReadFull(c.r.Body, head) // a shorter body is fine
	head = head[:n]
	c.accept(head)
	c.row.Body = head
	// Without it net/http reads the body before it writes the answer. A server
	// that cannot (a recorder in a test) does just that.
	_ = http.NewResponseController(c.w).EnableFullDuplex()
	c.q = &ask{model: "early", n: 1, stream: bytes.Contains(bytes.ReplaceAll(head, []byte(" "), nil), []byte(`"stream":true`))}
	c.row.Stream = c.q.stream
	c.sim.save(c.row)
	c.deliver(c.layout(c.earlyAnswer()))
	io.Copy(io.Discard, c.r.Body)
}

func (c *call) earlyAnswer() answer {
	if status, err := strconv.Atoi(c.fault.Code); err == nil && status >= 300 {
		c.fault.Kind, c.fault.Code = Kind(c.fault.Code), ""
		return c.problem(c.faultProblem())
	}
	if op, refused := c.operation(); refused == nil && op.read != nil {
		return op.write(c)
	}
	return c.problem(c.noSuchPath())
}
