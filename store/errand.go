package store

import (
	"context"
)

// errand is something to be done in a transaction of its own, beside the
// changes, by the writer for somebody who waits.
type errand struct {
	do   func(seq int64) error // with the change sequence of the transaction
	done chan error            // takes one value
}

// errand has the writer do something and returns what came of it. When ctx
// ends first its error is returned; it may still be done then.
func (q *inbox) errand(ctx context.Context, do func(seq int64) error) error {
	e := &errand{do, make(chan error, 1)}
	q.mu.Lock()
	if q.closing {
		q.mu.Unlock()
		return ErrClosed
	}
	q.errands = append(q.errands, e)
	wake(q.wakeWriter)
	q.mu.Unlock()
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *inbox) takeErrands() []*errand {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.errands
	q.errands = nil
	return list
}

// doErrands does what others wait for. What fails is theirs to try again.
func (w *writer) doErrands() (bool, error) {
	list := w.in.takeErrands()
	for _, e := range list {
		e.done <- w.transact(func(seq int64) error {
			if err := e.do(seq); err != nil {
				return err
			}
			return w.setSeq.with(seq).exec()
		})
	}
	return len(list) > 0, nil
}
