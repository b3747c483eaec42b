//go:build !unix

package pgtest

import "syscall"

func attributes() (*syscall.SysProcAttr, error) { return new(syscall.SysProcAttr), nil }

func giveTo(*syscall.SysProcAttr, string) error { return nil }
