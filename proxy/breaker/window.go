package breaker

import "time"

// slots is how finely a window is cut: a call is forgotten between 9/10 and
// 10/10 of the window after it ended.
const slots = 10

// tally counts good and bad calls over a sliding window.
type tally struct {
	good, bad [slots]int
	head      int64 // index of the newest slot since the epoch
}

// add counts one call that ended at now. A clock that was set back by more than
// the window starts the window anew, so that old counts cannot stay for ever.
func (w *tally) add(failed bool, window time.Duration, now time.Time) {
	width := max(int64(window)/slots, 1)
	index := now.UnixNano() / width
	switch {
	case index > w.head+slots, index < w.head-slots:
		*w = tally{head: index}
	default:
		for w.head < index {
			w.head++
			w.good[slot(w.head)], w.bad[slot(w.head)] = 0, 0
		}
	}
	if failed {
		w.bad[slot(w.head)]++
	} else {
		w.good[slot(w.head)]++
	}
}

// sum returns the counts of the window that ends with the last add.
func (w *tally) sum() (good, bad int) {
	for i := range w.good {
		good += w.good[i]
		bad += w.bad[i]
	}
	return good, bad
}

func slot(index int64) int {
	return int((index%slots + slots) % slots)
}
