package child

import "syscall"

// EndWithParent makes the kernel send a signal to the process that is started with a, when the thread that started it ends. So it
// ends however this process dies, and even if it is stopped itself.
func EndWithParent(a *syscall.SysProcAttr, signal syscall.Signal) { a.Pdeathsig = signal }
