package dialect

import "bytes"

// splitter cuts a stream of server-sent events into blocks, each ending where
// an event ends: at a blank line, or after a comment that stands alone (a
// keep-alive must not wait for the event it interrupts). Lines end in LF, CRLF
// or CR, freely mixed (WHATWG HTML, section 9.2.5), and have no length limit.
// Every byte is looked at once, however small the slices that it comes in.
type splitter struct {
	limit int    // largest block, in bytes
	carry []byte // start of a block that is not whole yet
	spare []byte // the last block made from carry; reused for the next

	lineLen  int  // bytes of the current line so far
	begun    bool // the block has a whole line in it
	comment  bool // the block so far is (the start of) one comment line
	sawCR    bool // the last byte ended a line as CR; its LF may follow
	lastCRLF bool // the last line ended in CRLF, so a CR is only half an end
	lateLF   bool // the last block ended in a CR whose LF may follow
}

// cut is what [splitter.next] found.
type cut uint8

const (
	cutNone  cut = iota // the block is not whole: everything is carried
	cutBlock            // a block
	cutLate             // the LF of the line end that the last block ended in
	cutOver             // the first limit bytes of a block above the limit
)

// next cuts the first block off p, which continues what was carried. A block
// is valid until p is, and until a later slice completes another.
func (s *splitter) next(p []byte) (block, rest []byte, found cut) {
	if s.lateLF {
		s.lateLF = false
		if p[0] == '\n' {
			return p[:1], p[1:], cutLate
		}
	}
	n, whole := s.scan(p)
	found = cutBlock
	if over := len(s.carry) + n - s.limit; over > 0 {
		n, found = n-over, cutOver
	} else if !whole {
		s.carry = append(s.carry, p...)
		return nil, nil, cutNone
	}
	if len(s.carry) == 0 {
		return p[:n], p[n:], found
	}
	block = append(s.carry, p[:n]...)
	s.carry, s.spare = s.spare[:0], block
	return block, p[n:], found
}

// flush returns what is left when the stream has ended.
func (s *splitter) flush() []byte {
	block := s.carry
	s.carry = nil
	return block
}

// scan returns the length of the part of p that completes the current block,
// or all of it.
func (s *splitter) scan(p []byte) (n int, whole bool) {
	lf, cr := -1, -1
	for i := 0; i < len(p); {
		if s.sawCR {
			s.sawCR, s.lastCRLF = false, p[i] == '\n'
			if s.lastCRLF {
				i++
			}
			if s.endLine() {
				return i, true
			}
			continue
		}
		if s.lineLen == 0 && !s.begun {
			s.comment = p[i] == ':'
		}
		lf, cr = nextByte(p, i, lf, '\n'), nextByte(p, i, cr, '\r')
		end := min(lf, cr)
		s.lineLen += end - i
		if end == len(p) {
			break
		}
		i = end + 1
		if p[end] == '\r' {
			s.sawCR = true
			if i < len(p) || !s.endsAtCR() {
				continue
			}
			s.sawCR, s.lateLF = false, true
		}
		s.lastCRLF = false
		if s.endLine() {
			return i, true
		}
	}
	return len(p), false
}

// endsAtCR tells whether a CR that is the last byte so far is the block's end.
// In a stream of bare CRs it is, and waiting for one more byte could be waiting
// for ever; after a CRLF its LF is sure to come.
func (s *splitter) endsAtCR() bool { return s.lineLen == 0 && !s.lastCRLF }

// endLine is called at the end of each line and tells whether the block ends
// with it.
func (s *splitter) endLine() bool {
	ends := s.lineLen == 0 || s.comment
	s.lineLen, s.comment, s.begun = 0, false, !ends
	return ends
}

// nextByte finds c in p from i on, trusting a position found before; len(p)
// when there is none.
func nextByte(p []byte, i, known int, c byte) int {
	if known >= i {
		return known
	}
	if j := bytes.IndexByte(p[i:], c); j >= 0 {
		return i + j
	}
	return len(p)
}

// event is one server-sent event, its lines put together.
type event struct{ name, data []byte }

// eventReader reads the fields of blocks; data of several lines is joined in a
// buffer that the next event overwrites.
type eventReader struct{ joined []byte }

func (r *eventReader) read(block []byte) event {
	var ev event
	count := 0
	for l := (lines{b: block, lf: -1, cr: -1}); l.next(); {
		switch field, value := cutField(l.line); string(field) {
		case "event":
			ev.name = value
		case "data":
			ev.data = r.join(ev.data, value, count)
			count++
		}
	}
	return ev
}

// join appends a line of data to the count lines before it.
func (r *eventReader) join(data, line []byte, count int) []byte {
	switch count {
	case 0:
		return line
	case 1:
		r.joined = append(r.joined[:0], data...)
	}
	r.joined = append(append(r.joined, '\n'), line...)
	return r.joined
}

// lines walks the lines of a block.
type lines struct {
	b      []byte
	at     int
	lf, cr int // the next of each; -1 before the first look
	line   []byte
}

func (l *lines) next() bool {
	if l.at >= len(l.b) {
		return false
	}
	l.lf, l.cr = nextByte(l.b, l.at, l.lf, '\n'), nextByte(l.b, l.at, l.cr, '\r')
	end := min(l.lf, l.cr)
	l.line = l.b[l.at:end]
	l.at = end + 1
	if l.cr < l.lf && l.lf == l.cr+1 {
		l.at++
	}
	return true
}

// cutField splits "name: value" at the colon and one space after it.
func cutField(line []byte) (name, value []byte) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return line, nil
	}
	name, value = line[:colon], line[colon+1:]
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	return name, value
}
