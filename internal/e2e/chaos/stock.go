package chaos

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

// stock is what a process has: goroutines and open files.
type stock struct{ goroutines, files int }

// takeStock counts. Files are 0 where there is no /proc.
func takeStock() stock {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close() // from the first on the runtime keeps files of its own
	}
	files, _ := os.ReadDir("/proc/self/fd")
	return stock{runtime.NumGoroutine(), len(files)}
}

// settling is how long what has been closed may take to go away.
const settling = 5 * time.Second

// leaks says what there is now that was not there before.
func (before stock) leaks() (leaks []string) {
	after := before.await(func(after stock) bool { return after.goroutines <= before.goroutines && after.files <= before.files })
	if more := after.goroutines - before.goroutines; more > 0 {
		leaks = append(leaks, fmt.Sprintf("%d goroutines after it has closed: %s", more, stacks()))
	}
	if more := after.files - before.files; more > 0 {
		leaks = append(leaks, fmt.Sprintf("%d open files after it has closed", more))
	}
	return leaks
}

// spare is how many goroutines more than at first a node at rest may have: what runs now and then, and the pool's.
const spare = 4

// growth says whether a node at rest has more goroutines than when it had just opened. Its pool may have more connections.
func (before stock) growth() (leaks []string) {
	after := before.await(func(after stock) bool { return after.goroutines <= before.goroutines+spare })
	if after.goroutines > before.goroutines+spare {
		leaks = append(leaks, fmt.Sprintf("at rest it has %d goroutines, and had %d: %s", after.goroutines, before.goroutines, stacks()))
	}
	return leaks
}

// await waits until what there is is enough, as what has ended a moment ago may take a while to go away.
func (stock) await(enough func(stock) bool) stock {
	for end := time.Now().Add(settling); ; time.Sleep(20 * time.Millisecond) {
		if after := takeStock(); enough(after) || time.Now().After(end) {
			return after
		}
	}
}

func stacks() string {
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1) // a Builder takes everything
	return b.String()
}
