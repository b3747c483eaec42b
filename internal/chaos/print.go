package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Print writes the tables, and for every kind of fault the first few with their evidence. It reports whether nothing happened that must not.
func (r *Result) Print(out io.Writer) bool {
	v := r.Verdict
	fmt.Fprintf(out, "\n%-28s %9s\n", "injected", "times")
	total := 0
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(out, "%-28s %9d\n", name, r.Faults[name])
		total += r.Faults[name]
	}
	fmt.Fprintf(out, "%-28s %9d\n", "together", total)

	fmt.Fprintf(out, "\n%-28s %9s\n", "messages", "")
	for _, line := range []struct {
		name  string
		count int
	}{
		{"sent", v.Sent}, {"delivered (to Go nodes)", v.Delivered}, {"not sent, as reported", v.Unsent},
		{"missed, GapError", v.Gaps}, {"missed, DropError", v.Drops}, {"missed, node ended", v.Excused},
		{"calls with a limit", v.Calls},
		{"Node.js: delivered", v.Witness.Delivered}, {"Node.js: missed", v.Witness.Missed},
		{"Node.js: doubled", v.Witness.Doubled}, {"Node.js: out of order", v.Witness.Reordered},
	} {
		fmt.Fprintf(out, "%-28s %9d\n", line.name, line.count)
	}

	reasons := make(map[string]int)
	for _, n := range r.History.Nodes {
		for _, d := range n.Drops {
			reasons[d.Name]++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(out, "%-28s %9d\n", "DropError: "+reason, reasons[reason])
	}

	byKind := make(map[FaultKind][]Fault)
	for _, f := range v.Faults {
		byKind[f.Kind] = append(byKind[f.Kind], f)
	}
	fmt.Fprintf(out, "\n%-28s %9s\n", "must not happen", "")
	for _, kind := range FaultKinds {
		fmt.Fprintf(out, "%-28s %9d\n", kind, len(byKind[kind]))
	}
	const most = 12
	for _, kind := range FaultKinds {
		faults := byKind[kind]
		if len(faults) > 0 {
			fmt.Fprintf(out, "\n%s: %d\n", kind, len(faults))
		}
		for i, f := range faults {
			if i == most {
				fmt.Fprintf(out, "  … and %d more\n", len(faults)-most)
				break
			}
			fmt.Fprintf(out, "  %s %.1200s\n", clock(f.At), f.Text)
		}
	}
	return len(v.Faults) == 0
}
