package store

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"time"
)

// Latency is a histogram of durations in logarithmic buckets, four to each
// doubling, so that a quantile is off by at most a quarter of its value. It
// reaches from a quarter of a millisecond to two hours and adds up by element.
type Latency [latencySlots]int64

const (
	latencySlots = 96
	latencyUnit  = 256 * time.Microsecond
)

var errLatency = errors.New("broken latency histogram")

// Add counts d once; what is longer than two hours counts as two hours.
func (l *Latency) Add(d time.Duration) { l[latencySlot(d)]++ }

// Count returns how many durations were added.
func (l *Latency) Count() int64 {
	var n int64
	for _, c := range l {
		n += c
	}
	return n
}

// Quantile returns the duration that the fraction q (0 to 1) of all stays at
// or below, rounded up to the end of its bucket; false when there are none.
func (l *Latency) Quantile(q float64) (time.Duration, bool) {
	total := l.Count()
	if total == 0 {
		return 0, false
	}
	rank := max(int64(q*float64(total)+0.5), 1)
	for i, c := range l {
		if rank -= c; rank <= 0 {
			return latencyStart(i + 1), true
		}
	}
	return latencyStart(latencySlots), true
}

// latencySlot numbers the slots 0 to 3 linearly and then by the position of
// the highest bit and the two bits below it.
func latencySlot(d time.Duration) int {
	v := uint64(max(d, 0) / latencyUnit)
	if v < 4 {
		return int(v)
	}
	high := bits.Len64(v) - 1
	return min((high-1)*4+int(v>>(high-2)&3), latencySlots-1)
}

// latencyStart is the shortest duration of slot i.
func latencyStart(i int) time.Duration {
	if i < 4 {
		return time.Duration(i) * latencyUnit
	}
	return time.Duration(4+i%4) << (i/4 - 1) * latencyUnit
}

// encode writes the slots in use as pairs of slot and count.
func (l *Latency) encode() []byte {
	out := make([]byte, 0, 32)
	for i, c := range l {
		if c != 0 {
			out = binary.AppendUvarint(out, uint64(i))
			out = binary.AppendVarint(out, c)
		}
	}
	return out
}

func (l *Latency) decode(b []byte) error {
	*l = Latency{}
	for len(b) > 0 {
		slot, n := binary.Uvarint(b)
		if n <= 0 || slot >= latencySlots {
			return errLatency
		}
		b = b[n:]
		c, n := binary.Varint(b)
		if n <= 0 {
			return errLatency
		}
		l[slot] = c
		b = b[n:]
	}
	return nil
}
