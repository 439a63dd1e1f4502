//go:build race

package store

// fewer is how often to repeat what has been repeated n times without -race,
// under which SQLite is some ten times slower.
func fewer(n int) int { return max(1, n/5) }
