package store

import (
	"errors"
	"io/fs"
	"os"
)

// Present returns nil while the path that was opened still names the file that
// is read: a file that is deleted or replaced can be read for ever, and says
// nothing new. The error is a [*FileError] that wraps [ErrGone] or
// [ErrReplaced].
func (r *Reader) Present() error {
	info, err := os.Stat(r.named)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = ErrGone
	case err == nil && !os.SameFile(info, r.file):
		err = ErrReplaced
	}
	return r.wrap(err)
}
