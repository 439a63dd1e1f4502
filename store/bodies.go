package store

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// bodyLinger is how long a packed body waits for company: a transaction of
	// its own would cost as much as the body itself.
	bodyLinger = 20 * time.Millisecond
	// bodyBatch is how many bytes of bodies go into one transaction, so that a
	// begin that arrives meanwhile waits a few milliseconds at most.
	bodyBatch = 256 << 10
)

// newBody checks a body, cuts it and copies what the caller may reuse.
func newBody(b Body, limit int64) body {
	if b.Size == 0 {
		b.Size = int64(len(b.Data))
	}
	if int64(len(b.Data)) > limit {
		b.Data = b.Data[:limit]
	}
	b.Truncated = b.Truncated || int64(len(b.Data)) < b.Size
	b.Data = bytes.Clone(b.Data)
	return body{Body: b}
}

// packer compresses bodies beside the writer and hands them on in bunches.
type packer struct {
	in   *inbox
	zstd *zstd.Encoder
	done chan struct{}
}

func newPacker(in *inbox) (*packer, error) {
	// The default window of 4 MB per encoder would be most of an idle server.
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(512<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("preparing compression: %w", err)
	}
	return &packer{in: in, zstd: e, done: make(chan struct{})}, nil
}

func (p *packer) run() {
	defer close(p.done)
	for range p.in.wakePacker {
		for p.pack() {
		}
		if p.in.closed() {
			p.in.release()
			return
		}
		p.linger()
		p.in.release()
	}
}

func (p *packer) pack() bool {
	b, ok := p.in.takeRaw()
	if !ok {
		return false
	}
	raw := len(b.Data)
	b.Data = p.zstd.EncodeAll(b.Data, make([]byte, 0, raw/4+64))
	p.in.addPacked(b, raw)
	return true
}

// linger packs what comes in until bodyLinger is over or the store closes.
func (p *packer) linger() {
	timer := time.NewTimer(bodyLinger)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-p.in.wakePacker:
			for p.pack() {
			}
			if p.in.closed() {
				wake(p.in.wakePacker) // for run to see
				return
			}
		}
	}
}

// bodyTable writes and removes bodies within a transaction of its user.
type bodyTable struct {
	total int64 // what all bodies count for, as of the last commit

	write, old, oldest, remove, removeCall, setTotal *stmt
}

func newBodyTable(c *conn) (*bodyTable, error) {
	t := &bodyTable{}
	err := prepareAll(c, map[**stmt]string{
		&t.write: `INSERT OR REPLACE INTO bodies(call, part, size, truncated, content_type, headers, stored, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		&t.old:        `SELECT stored FROM bodies WHERE call = ? AND part = ?`,
		&t.oldest:     `SELECT n, stored FROM bodies ORDER BY n LIMIT 64`,
		&t.remove:     `DELETE FROM bodies WHERE n = ?`,
		&t.removeCall: `DELETE FROM bodies WHERE call = ? RETURNING stored`,
		&t.setTotal:   `UPDATE meta SET value = ? WHERE name = 'bodies_bytes'`,
	})
	if err != nil {
		return nil, err
	}
	t.total, err = c.number("SELECT value FROM meta WHERE name = 'bodies_bytes'")
	return t, err
}

// put writes one body of call and returns by how much the total grows.
func (t *bodyTable) put(call int64, b *body) (int64, error) {
	grown := storedSize(b)
	err := t.old.with(call, b.Part).each(func(row []driver.Value) error {
		stored, _ := row[0].(int64)
		grown -= stored
		return nil
	})
	if err != nil {
		return 0, err
	}
	data := b.Data
	return grown, t.write.with(call, b.Part, b.Size, bit(b.Truncated), b.ContentType, b.Headers, storedSize(b), data).exec()
}

// storedSize is what a body occupies: its row, and whole pages once the data
// leaves the row's own.
func storedSize(b *body) int64 {
	const row, page, inline = 128, 4096, 1024
	n := int64(len(b.Data)+len(b.Headers)) + row
	if n > inline {
		n = (n + page - 1) / page * page
	}
	return n
}

func (p *packer) close() error { return p.zstd.Close() }
