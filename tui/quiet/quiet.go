// Package quiet keeps Bubble Tea from questioning the terminal while the
// program starts. Version 1 asks it for its background colour in an init
// function, so every command of llmgw would write an escape sequence to the
// terminal, swallow what was typed ahead, and wait up to five seconds for a
// terminal that does not answer. The question is left out where the variable
// CI is set, so it is, from before that init to after it.
//
// Go initialises packages in the order of their paths, each as soon as all it
// imports are: this one imports little and so comes before Bubble Tea, which
// needs os/exec and more; who imports Bubble Tea comes after it and calls
// [Restore]. A script of cmd runs the binary on a terminal and holds it to
// silence.
package quiet

import "os"

const variable = "CI"

var before, wasSet = hush()

func hush() (string, bool) {
	value, set := os.LookupEnv(variable)
	os.Setenv(variable, "llmgw")
	return value, set
}

// Restore puts the environment back as it was.
func Restore() {
	if wasSet {
		os.Setenv(variable, before)
		return
	}
	os.Unsetenv(variable)
}
