package logged

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

// Print writes the tables and details of the first violations. It reports whether there were none.
func (r *Result) Print(out io.Writer) bool {
	v := r.Verdict
	chaos.PrintFaults(out, r.Faults)
	if r.Remark != "" {
		fmt.Fprintln(out, r.Remark)
	}
	chaos.PrintCounts(out, "events", []chaos.Count{
		{"sent, acknowledged", v.Acknowledged}, {"sent, refused", v.Refused}, {"sent, outcome unknown", v.Unknown},
		{"received by clients", v.Received}, {"gaps of nodes", v.Gaps}, {"drops reported by nodes", v.Drops},
		{"out of order beside refused ones", v.Reordered},
		{"clients came back", v.Connects}, {"recovered", v.Recovered},
	})
	if v.Epochs > 0 {
		chaos.PrintCounts(out, "new epochs", []chaos.Count{
			{"reported by nodes", v.Epochs}, {"acknowledged, lost by the server", v.ServerLost},
			{"missed by clients, as reported", v.Forgotten},
		})
	}
	for _, reason := range slices.Sorted(maps.Keys(v.Excused)) {
		fmt.Fprintf(out, "%-34s %9d   %s\n", "not recovered, rightly", v.Excused[reason], reason)
	}
	fmt.Fprintf(out, "%-34s %9.1f s\n", "longest absence, recovered", float64(v.Away)/1e6)
	return chaos.PrintViolations(out, ViolationKinds, v.Violations)
}
