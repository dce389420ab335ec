package storetest

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the server when the tests are killed.
func endWithParent(cmd *exec.Cmd) {
	attr := *cmd.SysProcAttr
	attr.Pdeathsig = syscall.SIGQUIT
	cmd.SysProcAttr = &attr
}
