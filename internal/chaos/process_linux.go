package chaos

import "syscall"

// attributes make the kernel end a node when this process dies, however it dies, also a node that is stopped.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
