//go:build !race

package store

// fewer is how often to repeat something: as often as it says.
func fewer(n int) int { return n }
