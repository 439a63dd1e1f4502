//go:build soak

package cmd

// crashRounds is how often TestKilledUnderLoad kills the server.
const crashRounds = 40

// moneyRounds is how often TestKilledMoneyAddsUp does.
const moneyRounds = 200
