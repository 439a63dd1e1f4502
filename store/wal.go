package store

import (
	"fmt"
	"sync"
)

const (
	pageSize = 4096
	// walPassive is how much the write-ahead log grows between checkpoints in
	// the background: each page is copied once however often it was written,
	// and little is left to copy at walRestart.
	walPassive = 3 << 20 / pageSize
	// walRestart is where the writer itself makes the log begin anew. Passive
	// checkpoints never do under steady writes (98 MB after six seconds), and
	// automatic ones cost 12 ms at the 99th percentile.
	walRestart = 8 << 20 / pageSize
)

// walKeeper keeps the write-ahead log short. The writer tells it of each
// transaction; a goroutine of its own copies pages back beside the writer.
type walKeeper struct {
	c       *conn      // the writer's
	beside  *conn      // the goroutine's
	pages   int        // written by c, ever
	passive int        // pages at the last checkpoint asked for
	restart int        // pages at which to begin anew
	begun   int        // pages when the log last began anew
	busy    sync.Mutex // held during a checkpoint, since two at once fail
	ask     chan struct{}
	done    chan struct{}
}

func newWALKeeper(c *conn, path string) (*walKeeper, error) {
	beside, err := openConn(path, "")
	if err != nil {
		return nil, fmt.Errorf("opening a second connection: %w", err)
	}
	k := &walKeeper{c: c, beside: beside, restart: walRestart, ask: make(chan struct{}, 1), done: make(chan struct{})}
	return k, nil
}

// run checkpoints whenever asked. It goes on after a failure: the writer meets
// the same disk and reports it.
func (k *walKeeper) run() {
	defer close(k.done)
	for range k.ask {
		k.busy.Lock()
		_ = k.beside.exec("PRAGMA wal_checkpoint(PASSIVE)")
		k.busy.Unlock()
	}
}

func (k *walKeeper) close() error {
	close(k.ask)
	<-k.done
	return k.beside.close()
}

// wrote is called by the writer between transactions.
func (k *walKeeper) wrote() error {
	pages, err := k.c.dirtied()
	if err != nil {
		return fmt.Errorf("reading the length of the write-ahead log: %w", err)
	}
	k.pages = pages
	switch {
	case k.pages >= k.restart:
		return k.beginAnew()
	case k.pages-k.passive >= walPassive:
		k.passive = k.pages
		wake(k.ask)
	}
	return nil
}

// beginAnew makes the next transaction overwrite the log from its start. It
// does not wait for a reader in the middle of the log, and for the goroutine
// only once the log is twice as long as it should be (a slow disk): there is a
// next time.
func (k *walKeeper) beginAnew() error {
	if !k.busy.TryLock() {
		if k.pages < k.begun+2*walRestart {
			return nil
		}
		k.busy.Lock()
	}
	defer k.busy.Unlock()
	k.restart, k.passive = k.pages+walPassive, k.pages
	if err := k.c.exec("PRAGMA busy_timeout = 5"); err != nil {
		return err
	}
	busy, err := k.c.number("PRAGMA wal_checkpoint(RESTART)")
	if err == nil && busy == 0 {
		k.restart, k.begun = k.pages+walRestart, k.pages
	}
	// An error here is not the transaction's, which is committed. A disk that
	// fails will fail the next one, loudly.
	return k.c.exec(busyTimeout)
}
