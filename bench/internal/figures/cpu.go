package figures

import (
	"os"
	"strconv"
	"strings"
)

// MachineSeconds returns the CPU time of all processes since the machine started, 0 where /proc/stat does not exist.
func MachineSeconds() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var ticks float64
	for i, field := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 7 {
			continue // the name, idle, iowait, and guests, which are included in user and nice
		}
		n, _ := strconv.ParseFloat(field, 64) // always a number
		ticks += n
	}
	return ticks / 100 // USER_HZ, the same on every Linux platform that Go supports
}
