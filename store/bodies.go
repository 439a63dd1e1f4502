package store

import (
	"bytes"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// bodyLinger is how long packed bodies gather before a transaction takes
	// them along, bodyPatience how long before they get one of their own.
	bodyLinger   = 20 * time.Millisecond
	bodyPatience = 50 * time.Millisecond
	// bodyBatch is how many bytes of bodies go into one transaction, so that a
	// begin that arrives meanwhile waits a few milliseconds at most.
	bodyBatch = 256 << 10
	// packWorth is the length from which bodies are compressed: the few hundred
	// bytes that a shorter one would shrink by cost less to write than to find.
	packWorth = 1 << 10
	// packAtOnce is the length up to which a body is compressed by its caller,
	// in some ten microseconds, and committed together with its change.
	packAtOnce = 32 << 10
)

// packer compresses bodies: short ones for the caller, others beside the
// writer.
type packer struct {
	in    *inbox
	limit int64         // bytes kept of a body
	short *zstd.Encoder // for callers, who never wait for a long one
	long  *zstd.Encoder
	done  chan struct{}
}

func newPacker(in *inbox, limit int64) (*packer, error) {
	encoder := func(window, concurrency int) (*zstd.Encoder, error) {
		// The default window of 4 MB per encoder would be most of an idle server.
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(concurrency),
			zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	}
	short, err := encoder(packAtOnce, 2)
	if err != nil {
		return nil, fmt.Errorf("preparing compression: %w", err)
	}
	long, err := encoder(512<<10, 1)
	if err != nil {
		return nil, fmt.Errorf("preparing compression: %w", err)
	}
	return &packer{in: in, limit: limit, short: short, long: long, done: make(chan struct{})}, nil
}

// take checks a body, cuts it and copies what the caller may reuse,
// compressed where that takes no time.
func (p *packer) take(b Body) (body, error) {
	part, err := partNumber(b.Part)
	if err != nil {
		return body{}, err
	}
	if b.Size == 0 {
		b.Size = int64(len(b.Data))
	}
	if int64(len(b.Data)) > p.limit {
		b.Data, b.Truncated = b.Data[:p.limit], true
	}
	if len(b.Data) > packAtOnce {
		b.Data = bytes.Clone(b.Data)
		return body{Body: b, part: part}, nil
	}
	b.Data = p.packed(b.Data)
	return body{Body: b, part: part, packed: true}, nil
}

// packed compresses data, where that is worth it, into memory of its own.
func (p *packer) packed(data []byte) []byte {
	switch n := len(data); {
	case n < packWorth:
		return rawFrame(data)
	case n <= packAtOnce:
		return p.short.EncodeAll(data, make([]byte, 0, n/2))
	default:
		return p.long.EncodeAll(data, make([]byte, 0, n/4+64))
	}
}

// rawFrame wraps bytes as a zstd frame that holds them as they are, so that
// all bodies read alike (RFC 8878, sections 3.1.1 and 3.1.1.2).
func rawFrame(data []byte) []byte {
	const magic, singleSegment, size4, lastRawBlock = 0xFD2FB528, 1 << 5, 2 << 6, 1
	f := binary.LittleEndian.AppendUint32(make([]byte, 0, len(data)+12), magic)
	f = append(f, singleSegment|size4)
	f = binary.LittleEndian.AppendUint32(f, uint32(len(data)))
	block := uint32(len(data))<<3 | lastRawBlock
	f = append(f, byte(block), byte(block>>8), byte(block>>16))
	return append(f, data...)
}

func (p *packer) run() {
	defer close(p.done)
	for range p.in.wakePacker {
		for p.pack() {
		}
		if p.in.closed() {
			return
		}
	}
}

func (p *packer) pack() bool {
	b, ok := p.in.takeRaw()
	if !ok {
		return false
	}
	raw := len(b.Data)
	if !b.packed {
		b.Data, b.packed = p.packed(b.Data), true
	}
	p.in.giveBack(b, raw)
	return true
}

func (p *packer) close() error { return errors.Join(p.short.Close(), p.long.Close()) }

// errUnknownPart is a body under a name that the record has no place for.
var errUnknownPart = errors.New("unknown part of a call")

// partBits is how far calls.n is shifted to make room for the part's number
// in bodies.k.
const partBits = attemptBits + 1

// partNumber tells the parts of a call apart: its request and response, and
// after them each attempt's answer and request.
func partNumber(part string) (int64, error) {
	switch part {
	case "request":
		return 0, nil
	case "response":
		return 1, nil
	}
	rest, isAttempt := strings.CutPrefix(part, "attempt.")
	rest, request := strings.CutSuffix(rest, ".request")
	n, err := strconv.ParseUint(rest, 10, attemptBits)
	if !isAttempt || err != nil || n == 0 {
		return 0, fmt.Errorf("recording a body: %w: %q", errUnknownPart, part)
	}
	return int64(n)<<1 | bit(request), nil
}

// bodyTable writes and removes bodies within a transaction of its user.
type bodyTable struct {
	total int64 // what all bodies count for, as of the last commit

	insert, replace, old, oldest, remove, removeCall, setTotal *stmt
}

func newBodyTable(c *conn) (*bodyTable, error) {
	const row = "INTO bodies(k, part, size, truncated, content_type, headers, stored, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	t := &bodyTable{}
	err := prepareAll(c, map[**stmt]string{
		&t.insert:     "INSERT " + row + " ON CONFLICT (k) DO NOTHING",
		&t.replace:    "REPLACE " + row,
		&t.old:        `SELECT stored FROM bodies WHERE k = ?`,
		&t.oldest:     `SELECT k, stored FROM bodies ORDER BY k LIMIT 64`,
		&t.remove:     `DELETE FROM bodies WHERE k = ?`,
		&t.removeCall: `DELETE FROM bodies WHERE k BETWEEN ? AND ? RETURNING stored`,
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
	k, stored := call<<partBits|b.part, storedSize(b)
	row := []any{k, b.Part, b.Size, bit(b.Truncated), b.ContentType, b.Headers, stored, b.Data}
	if inserted, err := t.insert.with(row...).run(); err != nil || inserted > 0 {
		return stored, err
	}
	grown := stored
	err := t.old.with(k).each(func(row []driver.Value) error {
		stored, _ := row[0].(int64)
		grown -= stored
		return nil
	})
	if err != nil {
		return 0, err
	}
	return grown, t.replace.with(row...).exec()
}

// storedSize is what a body occupies: its row, and whole pages once the data
// leaves the row's own.
func storedSize(b *body) int64 {
	const row = 128
	return occupied(int64(len(b.Data)+len(b.Headers)) + row)
}

// occupied is the room in the file that a row of so many bytes takes.
func occupied(n int64) int64 {
	const page, inline = 4096, 1024
	if n > inline {
		n = (n + page - 1) / page * page
	}
	return n
}
