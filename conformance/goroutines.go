package conformance

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
)

// goroutines returns the stacks of all goroutines except this one, by the beginning of the stack, such as
// "goroutine 12".
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

// newGoroutines returns the stacks of the goroutines that do not exist in before.
func newGoroutines(before map[string]string) (stacks []string) {
	for id, stack := range goroutines() {
		if _, ok := before[id]; !ok {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// leakRounds is how often a check repeats something that may leak: what is left every time is a leak, what is
// left once may be a pool that has warmed up.
const leakRounds = 10

// trackGoroutines labels the goroutine that calls it, and therefore all goroutines that it starts directly or
// indirectly, until done is called. The func count returns how many there are, and the stacks of some of them.
// It ignores all other goroutines of the process.
func (c *busChecker) trackGoroutines() (count func() (int, string), done func()) {
	mark := newID()
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("conformance", mark)))
	count = func() (n int, stacks string) {
		var profile bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&profile, 1)
		var some []string
		_, groups, _ := strings.Cut(profile.String(), "\n") // the first line is the total
		for _, group := range strings.Split(groups, "\n\n") {
			if strings.Contains(group, mark) && !strings.Contains(group, "trackGoroutines") {
				var many int
				fmt.Sscan(group, &many) // "12 @ 0x…", followed by labels and stack
				n += many
				some = append(some, group)
			}
		}
		return n, strings.Join(some[:min(3, len(some))], "\n\n")
	}
	return count, func() { pprof.SetGoroutineLabels(context.Background()) }
}
