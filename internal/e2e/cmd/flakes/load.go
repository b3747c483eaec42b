package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
)

// startLoad starts processes that keep processors busy. They end when stop is called or when this process ends for any
// reason, because that closes their standard input.
func startLoad(processes int) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var running []*exec.Cmd
	var inputs []io.Closer
	stop = func() {
		for _, in := range inputs {
			_ = in.Close() // fails only if the process has ended
		}
		for _, cmd := range running {
			_ = cmd.Wait() // the exit status does not matter
		}
	}
	for range processes {
		cmd := exec.Command(self, "-spin")
		in, err := cmd.StdinPipe()
		if err == nil {
			inputs = append(inputs, in)
			err = cmd.Start()
		}
		if err != nil {
			stop()
			return nil, errors.Join(errors.New("cannot start the load"), err)
		}
		running = append(running, cmd)
	}
	return stop, nil
}

// compute keeps one processor busy until the standard input ends.
func compute() {
	runtime.GOMAXPROCS(2) // one for the goroutine that reads
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	for x := uint64(1); !over.Load(); {
		for range 100_000 {
			x = x*6364136223846793005 + 1
		}
	}
}
