package conformance

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
)

// trackGoroutines marks the goroutine that calls it, and so all that it and those start from now on, until done is called. Count tells how
// many there are, and where some of them are: whatever else the process does is not counted.
func (c *busChecker) trackGoroutines() (count func() (int, string), done func()) {
	mark := newID()
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("conformance", mark)))
	count = func() (n int, stacks string) {
		var profile bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&profile, 1)
		var some []string
		_, groups, _ := strings.Cut(profile.String(), "\n") // how many there are in all
		for _, group := range strings.Split(groups, "\n\n") {
			if strings.Contains(group, mark) && !strings.Contains(group, "trackGoroutines") {
				var many int
				fmt.Sscan(group, &many) // "12 @ 0x…", and then their labels and stack
				n += many
				some = append(some, group)
			}
		}
		return n, strings.Join(some[:min(3, len(some))], "\n\n")
	}
	return count, func() { pprof.SetGoroutineLabels(context.Background()) }
}
