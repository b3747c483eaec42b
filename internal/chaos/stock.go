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

// leaks says what there is now that was not there before. What was closed a moment ago may take a while to go away.
func (before stock) leaks() (leaks []string) {
	var after stock
	for end := time.Now().Add(settling); ; time.Sleep(20 * time.Millisecond) {
		after = takeStock()
		if after.goroutines <= before.goroutines && after.files <= before.files {
			return nil
		}
		if time.Now().After(end) {
			break
		}
	}
	if more := after.goroutines - before.goroutines; more > 0 {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // a Builder takes everything
		leaks = append(leaks, fmt.Sprintf("%d goroutines: %s", more, stacks.String()))
	}
	if more := after.files - before.files; more > 0 {
		leaks = append(leaks, fmt.Sprintf("%d open files", more))
	}
	return leaks
}
