//go:build unix

package cmd

import (
	"os"
	"syscall"
)

// forwarded are the signals that `llmgw run` passes on.
func forwarded() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}
}

// ownGroup puts a child out of reach of the terminal's keys.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// askToEnd asks a process to end in good order.
func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// signalCode is what shells return for a command ended by a signal.
func signalCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exitFailed
}
