package figures

import (
	"os"
	"strconv"
	"strings"
)

// MachineSeconds is the CPU time that all processes have used since the machine started, 0 if the system does not tell.
func MachineSeconds() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var ticks float64
	for i, field := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 7 {
			continue // the name, idle, waiting for the disk, guests (they are in the others)
		}
		n, _ := strconv.ParseFloat(field, 64) // a number by its format
		ticks += n
	}
	return ticks / 100 // Linux shows hundredths of a second everywhere
}
