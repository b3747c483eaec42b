package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"syscall"
)

// CPUSeconds is what this process has used.
func CPUSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// Profiled runs f and leaves a CPU profile of it in folder, if one is named.
func Profiled(folder string, f func() error) error {
	if folder == "" {
		return f()
	}
	out, err := os.Create(filepath.Join(folder, fmt.Sprintf("worker-%d.prof", os.Getpid())))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}
