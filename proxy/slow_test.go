//go:build !race

package proxy

// fewer is how often to repeat something: as often as it says.
func fewer(n int) int { return n }

// sample is the cases of a table to go through: all.
func sample[T any](table []T) []T { return table }
