package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// verdict returns the result of an attack in a line.
func (r row) verdict() string {
	switch {
	case errors.Is(r.err, errSkipped):
		return r.err.Error()
	case r.err != nil:
		return "the attack failed: " + r.err.Error()
	case len(r.broken) > 0:
		return "NOT HELD: " + strings.Join(r.broken, "; ")
	}
	return strings.Join(append([]string{"held"}, r.notes...), "; ")
}

// held reports whether the attack stayed within its bounds or was skipped.
func (r row) held() bool {
	return errors.Is(r.err, errSkipped) || r.err == nil && len(r.broken) == 0
}

// printTable writes the costs of all attacks and reports whether all were held.
func printTable(w io.Writer, rows []row) bool {
	fmt.Fprintf(w, "\n%-22s | %-27s | %-41s | %-29s |\n", "", "the attacker", "the server", "the other client")
	fmt.Fprintf(w, "%-22s | %9s %6s %10s | %8s %8s %7s %7s %7s | %6s %10s %11s | %s\n", "attack", "MB sent", "conns",
		"CPU s",
		"CPU s", "peak MB", "MB", "gorout.", "files", "calls", "median ms", "slowest ms", "")
	all := true
	for _, r := range rows {
		mark := "held"
		switch {
		case errors.Is(r.err, errSkipped):
			mark = "skipped"
		case r.err != nil:
			mark = "FAILED: " + r.err.Error()
		case len(r.broken) > 0:
			mark = "NOT HELD: " + strings.Join(r.broken, "; ")
		}
		fmt.Fprintf(w, "%-22s | %9.2f %6d %10.2f | %8.2f %8.1f %+7.1f %+7d %+7d | %6d %10.1f %11.1f | %s\n",
			r.attack.name,
			float64(r.sent)/megabyte, r.conns, r.attackerCPU, r.cpu, r.peakMB, r.leftMB, r.goroutines, r.files,
			r.calls, ms(r.typical), ms(r.worst), mark)
		all = all && r.held()
	}
	fmt.Fprintln(w, "\npeak MB: most live heap during the attack above that of the idle server; MB, gorout., files: "+
		"heap, goroutines and descriptors left at the end.")
	return all
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
