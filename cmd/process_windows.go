package cmd

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// forwarded are the signals that must not end `llmgw run` before its command:
// the console tells every process, none has to be passed on.
func forwarded() []os.Signal { return []os.Signal{os.Interrupt} }

// ownGroup puts a child out of reach of the console's keys.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// askToEnd asks a process to end in good order: Ctrl-Break is the one signal
// that reaches a process group of its own, and Go reads it as an interrupt.
func askToEnd(p *os.Process) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid))
}

// signalCode is the exit code of a process that has none.
func signalCode(*os.ProcessState) int { return exitFailed }
