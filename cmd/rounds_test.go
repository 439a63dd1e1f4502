//go:build !soak

package cmd

// crashRounds is how often TestKilledUnderLoad kills the server.
const crashRounds = 3
