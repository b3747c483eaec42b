package child

import "syscall"

// EndWithParent makes the kernel send signal to the process that is started with a when the thread that started
// it ends. So the child ends however this process dies, even if the child is stopped.
func EndWithParent(a *syscall.SysProcAttr, signal syscall.Signal) { a.Pdeathsig = signal }
