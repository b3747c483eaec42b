package pgtest

import "syscall"

// dieWithParent makes the kernel stop the server at once when this process dies, however it dies.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
