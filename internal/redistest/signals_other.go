//go:build !unix

package redistest

import "syscall"

const stop, resume = syscall.SIGKILL, syscall.SIGKILL // there are no such signals, and no redis-server, on this system
