package conformance

import (
	"runtime"
	"strings"
)

// goroutines returns the stacks of all goroutines but this one, by the goroutine's number.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := make(map[string]string)
	for i, stack := range strings.Split(string(buf), "\n\n") {
		header, _, _ := strings.Cut(stack, " [") // goroutine 12 [select]:
		if i > 0 {                               // the first is this one
			all[header] = stack
		}
	}
	return all
}

// newGoroutines returns the stacks of the goroutines that were not there before.
func newGoroutines(before map[string]string) (stacks []string) {
	for id, stack := range goroutines() {
		if _, ok := before[id]; !ok {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// leakRounds is how often something is used and closed: what is left each time is a leak, what is left once is a pool that was warmed up.
const leakRounds = 10
