package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// row is one row of the table: a figure of a case.
type row struct {
	about, figure string
	value         func(measured) float64
}

// rows returns the rows of a case: its rate, or the latencies if messages were sent at a fixed rate.
func rows(c resultCase) []row {
	if c.Rate == 0 {
		return []row{{c.About, "per_second", func(m measured) float64 { return m.PerSecond }}}
	}
	about, _, _ := strings.Cut(c.About, ", p99")
	return []row{
		{about + ": p50, µs", "p50", func(m measured) float64 { return m.P50 }},
		{about + ": p99, µs", "p99", func(m measured) float64 { return m.P99 }},
	}
}

// better returns the ratios for one figure.
func (c resultCase) better(figure string) ratios {
	if i := slices.IndexFunc(c.Ratios, func(r ratios) bool { return r.Figure == figure }); i >= 0 {
		return c.Ratios[i]
	}
	return ratios{}
}

func table(file resultFile) []byte {
	var b bytes.Buffer
	v := file.Versions
	b.WriteString(figures.Paragraph(
		"Messages or requests per second, or latencies in microseconds where the row says so; medians of %v "+
			"rounds; %v cores (%v), PostgreSQL %s, Node.js %s, socket.io %s, `@socket.io/postgres-adapter` %s, "+
			"%s. %s Printed by `make bench-peers`. × means times better: the median over the rounds of the ratio "+
			"within "+
			"a round.",
		file.Settings["rounds"], file.Machine["cpus"], file.Machine["cpu"], v["postgres"], v["node"], v["socket.io"],
		v["@socket.io/postgres-adapter"], v["go"], lost(file)))
	b.WriteString("| case | Node.js | pgx | lib/pq | bare limit | pgx to Node.js | lib/pq to Node.js | pgx to bare " +
		"| CPU, pgx to Node.js | PostgreSQL's CPU, pgx to Node.js |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range file.Cases {
		if c.Driver != "pgx" {
			continue
		}
		var pq resultCase
		if j := slices.IndexFunc(file.Cases, func(o resultCase) bool {
			return o.Name == c.Name &&
				o.Driver == "pq"
		}); j >= 0 {
			pq = file.Cases[j]
		}
		node, pgx, bare, other := c.Detail["node"], c.Detail["pgx"], c.Detail["bare"], pq.Detail["pq"]
		for _, r := range rows(c) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.about,
				thousands(r.value(node)), thousands(r.value(pgx)), thousands(r.value(other)), thousands(r.value(bare)),
				times(c.better(r.figure).Node), times(pq.better(r.figure).Node), times(c.better(r.figure).Bare),
				times(c.better("cpu").Node), times(c.better("postgres_cpu").Node))
		}
	}
	return b.Bytes()
}

func lost(file resultFile) string {
	missing := figures.Sum(file.Cases, func(c resultCase) int { return c.Missing })
	doubled := figures.Sum(file.Cases, func(c resultCase) int { return c.Duplicated })
	if missing+doubled == 0 {
		return "No message was missing or delivered twice."
	}
	return fmt.Sprintf("%d messages were missing, %d were delivered twice.", missing, doubled)
}

func times(f float64) string {
	switch {
	case f == 0:
		return "-"
	case f < 9.95:
		return fmt.Sprintf("%.1f×", f)
	}
	return fmt.Sprintf("%.0f×", f)
}

// thousands writes a number in groups of three digits.
func thousands(f float64) string {
	if f == 0 {
		return "-"
	}
	s := strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
