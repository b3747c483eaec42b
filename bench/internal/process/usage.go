package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/backplane-go/backplane/internal/cputime"
)

// CPUSeconds returns the CPU time that this process has used.
func CPUSeconds() float64 { return cputime.Used().Seconds() }

// Profiled runs f and writes a CPU profile of it to folder, unless folder is empty.
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
