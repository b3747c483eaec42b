package main

import (
	"bytes"
	"fmt"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

func table(file resultFile) []byte {
	var b bytes.Buffer
	v := file.Versions
	missing := figures.Sum(file.Cases, func(r row) int { return r.Missing })
	doubled := figures.Sum(file.Cases, func(r row) int { return r.Doubled })
	b.WriteString(figures.Paragraph(
		"Medians of %v rounds (two more for 20 broadcasts/s to 500 clients); a ratio is the ratio of "+
			"the medians. The server has one core of %v, the load generator another one; Node.js %s, socket.io %s, ws "+
			"%s, %s. %d messages were missing, %d were delivered twice. Printed by `make bench-server`.",
		file.Settings["rounds"], file.Machine["cpu"], v["node"], v["socket.io"], v["ws"], v["go"], missing, doubled))
	b.WriteString("| figure | unit | Node.js | backplane | ratio | floor | aim | reached | server busy, % | load " +
		"generator busy, % |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range file.Cases {
		if r.BaseName == node {
			r.writeTo(&b)
		}
	}
	b.WriteString("\nCompared with others:\n\n")
	b.WriteString("| figure | unit | compared with | its figure | ours | ratio | floor | aim | reached " +
		"|\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range file.Cases {
		if r.BaseName != node {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.2f | %s | %s | %s |\n", r.About, r.Unit,
				otherNames[r.BaseName], number(r.Base), number(r.Ours), r.Ratio, goal(r.Floor), goal(r.Aim),
				r.verdict())
		}
	}
	return b.Bytes()
}

// otherNames are the names of the contenders other than Node.js that others are compared with.
var otherNames = map[string]string{one: "one Go node", others: "centrifuge " + centrifugeVersion}

func (r row) writeTo(b *bytes.Buffer) {
	fmt.Fprintf(b, "| %s | %s | %s | %s | %.2f | %s | %s | %s | %.0f / %.0f | %.0f / %.0f |\n", r.About, r.Unit,
		number(r.Base), number(r.Ours), r.Ratio,
		goal(r.Floor), goal(r.Aim), r.verdict(), r.ServerBusy[0], r.ServerBusy[1], r.LoadBusy[0], r.LoadBusy[1])
}
