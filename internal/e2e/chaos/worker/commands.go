package worker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// ReadCommands reads commands from the standard input. It exits when the input ends, because then the parent has ended.
func ReadCommands[C any](commands chan<- C) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c C
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "chaos:", err)
			os.Exit(2)
		}
		commands <- c
	}
	os.Exit(3)
}
