package worker

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

// Resources are the numbers of goroutines and open files of this process.
type Resources struct{ goroutines, files int }

// CountResources counts them. The number of files is 0 where there is no /proc.
func CountResources() Resources {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close() // the runtime keeps files open after the first listener
	}
	files, _ := os.ReadDir("/proc/self/fd")
	return Resources{runtime.NumGoroutine(), len(files)}
}

// settling is how long goroutines and files may take to end after they were closed.
const settling = 5 * time.Second

// Leaks describes the resources that this process has more of than before.
func (before Resources) Leaks() (leaks []string) {
	after := before.await(func(after Resources) bool {
		return after.goroutines <= before.goroutines && after.files <= before.files
	})
	if more := after.goroutines - before.goroutines; more > 0 {
		leaks = append(leaks, fmt.Sprintf("%d goroutines are left after closing: %s", more, stacks()))
	}
	if more := after.files - before.files; more > 0 {
		leaks = append(leaks, fmt.Sprintf("%d open files are left after closing", more))
	}
	return leaks
}

// spare is how many more goroutines an idle node may have than at the start, for occasional work and for the
// pool.
const spare = 4

// Growth describes how many more goroutines an idle process has than just after it opened.
func (before Resources) Growth() (leaks []string) {
	after := before.await(func(after Resources) bool { return after.goroutines <= before.goroutines+spare })
	if after.goroutines > before.goroutines+spare {
		leaks = append(leaks, fmt.Sprintf("the idle process has %d goroutines, %d at the start: %s", after.goroutines,
			before.goroutines, stacks()))
	}
	return leaks
}

// await waits until enough returns true, at most for settling.
func (Resources) await(enough func(Resources) bool) Resources {
	for end := time.Now().Add(settling); ; time.Sleep(20 * time.Millisecond) {
		if after := CountResources(); enough(after) || time.Now().After(end) {
			return after
		}
	}
}

func stacks() string {
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1) // writing to a Builder never fails
	return b.String()
}
