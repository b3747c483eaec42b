package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Print writes the tables and details of the first violations. It reports whether there were none.
func (r *Result) Print(out io.Writer) bool {
	v := r.Verdict
	PrintFaults(out, r.Faults)
	PrintCounts(out, "messages", []Count{
		{"sent", v.Sent}, {"delivered (to Go nodes)", v.Delivered}, {"not sent, as reported", v.Unsent},
		{"missed, GapError", v.Gaps}, {"missed, DropError", v.Drops}, {"missed, node ended", v.Excused},
		{"calls with a limit", v.Calls},
		{"Node.js: delivered", v.Witness.Delivered}, {"Node.js: missed", v.Witness.Missed},
		{"Node.js: doubled", v.Witness.Doubled}, {"Node.js: out of order", v.Witness.Reordered},
	})

	reasons := make(map[string]int)
	gaps, together, longest := 0, int64(0), int64(0)
	for _, n := range r.History.Nodes {
		for _, g := range n.Gaps {
			gaps, together, longest = gaps+1, together+g.At-g.Since, max(longest, g.At-g.Since)
		}
		for _, d := range n.Drops {
			reasons[d.Name]++
		}
	}
	fmt.Fprintf(out, "%-34s %9d   windows of %s in total, at most %s each\n", "GapErrors", gaps, seconds(together),
		seconds(longest))
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(out, "%-34s %9d\n", "DropError: "+reason, reasons[reason])
	}

	return PrintViolations(out, ViolationKinds, v.Violations)
}

// PrintFaults writes how often each fault was injected.
func PrintFaults(out io.Writer, faults map[string]int) {
	fmt.Fprintf(out, "\n%-34s %9s\n", "injected", "times")
	total := 0
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		fmt.Fprintf(out, "%-34s %9d\n", name, faults[name])
		total += faults[name]
	}
	fmt.Fprintf(out, "%-34s %9d\n", "together", total)
}

// Count is a line of a table.
type Count = struct {
	Name  string
	Count int
}

// PrintCounts writes a table.
func PrintCounts(out io.Writer, title string, counts []Count) {
	fmt.Fprintf(out, "\n%s\n", title)
	for _, c := range counts {
		fmt.Fprintf(out, "%-34s %9d\n", c.Name, c.Count)
	}
}

// PrintViolations writes how many violations there are of each kind, and details of the first ones. It reports whether
// there are none.
func PrintViolations(out io.Writer, kinds []ViolationKind, violations []Violation) bool {
	byKind := make(map[ViolationKind][]Violation)
	for _, f := range violations {
		byKind[f.Kind] = append(byKind[f.Kind], f)
	}
	fmt.Fprintf(out, "\n%s\n", "violations")
	for _, kind := range kinds {
		fmt.Fprintf(out, "%-34s %9d\n", kind, len(byKind[kind]))
	}
	for _, kind := range kinds {
		if some := byKind[kind]; len(some) > 0 {
			evidence(out, kind, some)
		}
	}
	return len(violations) == 0
}

// evidence writes the first few violations of a kind for each node.
func evidence(out io.Writer, kind ViolationKind, violations []Violation) {
	const most = 5
	fmt.Fprintf(out, "\n%s:\n", kind)
	shown := make(map[string]int)
	for _, f := range violations {
		if shown[f.Node]++; shown[f.Node] <= most {
			fmt.Fprintf(out, "  %s %s: %.1200s\n", Clock(f.At), f.Node, f.Text)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(shown)) {
		if more := shown[node] - most; more > 0 {
			fmt.Fprintf(out, "  %s: %d more\n", node, more)
		}
	}
}

func seconds(microseconds int64) string { return fmt.Sprintf("%.1f s", float64(microseconds)/1e6) }
