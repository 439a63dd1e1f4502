//go:build race

package proxy

// fewer is how often to repeat what has been repeated n times without -race,
// under which SQLite is some ten times slower.
func fewer(n int) int { return max(1, n/4) }

// sample is every fourth case of a table that is gone through without -race:
// races are not in the cases but in what happens beside them.
func sample[T any](table []T) []T {
	some := make([]T, 0, len(table)/4+1)
	for i := 0; i < len(table); i += 4 {
		some = append(some, table[i])
	}
	return some
}
