package price

import (
	"testing"
	"time"
)

var day2026 = time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC)

func TestBuiltinParses(t *testing.T) {
	if n := len(Builtin().All(day2026)); n != 218 {
		t.Errorf("the built-in book has %d models, want 218", n)
	}
}
