//go:build unix && (!linux || 386 || s390x || race)

package netpoll

import "syscall"

func receive(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }

func transmit(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
