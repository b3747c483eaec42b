package main

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// printLog writes the figures as a table.
func printLog(w io.Writer, all []logFigure) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintf(t, "case\tfloor\taim\tfigure\treached\tcompared with\tours\tmissing\t\n")
	for _, f := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", f.Case, f.text(f.Floor), f.text(f.Aim), f.text(f.Figure),
			f.reached(), thousands(f.Base), thousands(f.Ours), f.Missing, f.Remark)
	}
}

// text writes a figure with its unit.
func (f logFigure) text(v float64) string {
	switch f.Unit {
	case "×":
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f×", v)
	case "s":
		return fmt.Sprintf("%.1f s", v)
	}
	return fmt.Sprintf("%.0f %s", v, f.Unit)
}

// logFile is bench/results/log.json.
type logFile = figures.Results[logFigure]

// writeLog writes the results to s.Out and the chart beside it.
func writeLog(s settings, srv *server, all []logFigure) error {
	settings := map[string]any{"rounds": s.Rounds, "quick": s.Quick, "time": time.Now().UTC().Format(time.RFC3339)}
	file := figures.NewResults[logFigure](settings, "socket.io", "@socket.io/redis-streams-adapter", "@redis/client")
	file.Versions["postgres"], file.Versions["redis"] = srv.version, srv.redisVersion
	file.Cases = all
	return file.Write(s.Options, logChart(file), logTable(file))
}

// writeEngine writes the results of an engine to s.Out.
func writeEngine(s settings, srv *server, engine string, all []logFigure) error {
	settings := map[string]any{"rounds": s.Rounds, "quick": s.Quick, "time": time.Now().UTC().Format(time.RFC3339)}
	file := figures.NewResults[logFigure](settings, append([]string{"socket.io"}, engines[engine].packages...)...)
	v := file.Versions
	file.Cases = all
	about := fmt.Sprintf("NATS %s, PostgreSQL %s, %s", srv.natsVersion, srv.version, v["go"])
	if engine == onRedis {
		about = fmt.Sprintf("Redis %s, Node.js %s, socket.io %s, `@socket.io/redis-adapter` %s with node-redis %s, %s",
			srv.redisVersion, v["node"], v["socket.io"], v["@socket.io/redis-adapter"], v["@redis/client"], v["go"])
	}
	v["redis"], v["nats"], v["postgres"] = srv.redisVersion, srv.natsVersion, srv.version
	return file.Write(s.Options, logChart(file), figureTable(file, about, "make bench-peers ENGINE="+engine))
}

func logTable(file logFile) []byte {
	v := file.Versions
	return figureTable(file, fmt.Sprintf("PostgreSQL %s, Redis %s, Node.js %s, socket.io %s, "+
		"`@socket.io/redis-streams-adapter` %s, %s", v["postgres"], v["redis"], v["node"], v["socket.io"],
		v["@socket.io/redis-streams-adapter"], v["go"]), "make bench-log")
}

// figureTable returns the table of figures that have goals. versions says with what they were measured.
func figureTable(file logFile, versions, command string) []byte {
	var b bytes.Buffer
	missing := figures.Sum(file.Cases, func(f logFigure) int { return f.Missing })
	b.WriteString(figures.Paragraph(
		"Medians (rounds: %v); %v cores (%v), %s. %d messages were missing, doubled or out of order. Printed by `%s`.",
		file.Settings["rounds"], file.Machine["cpus"], file.Machine["cpu"], versions, missing, command))
	b.WriteString("| case | floor | aim | figure | reached | compared with | ours |\n|---|---|---|---|---|---|---|\n")
	for _, f := range file.Cases {
		about := f.About
		if f.Remark != "" {
			about += " (" + f.Remark + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", about, f.text(f.Floor), f.text(f.Aim),
			f.text(f.Figure), f.reached(), thousands(f.Base), thousands(f.Ours))
	}
	return b.Bytes()
}

// logChart shows the ratios.
func logChart(file logFile) []byte {
	c := figures.Chart{Label: "Kept messages beside at most once", Title: "Kept messages", Left: 380,
		Subtitle: "messages per second with a log, compared with the same without and with Redis streams",
		Least:    0.25, Most: 16, BarHeight: 18}
	for _, f := range file.Cases {
		if f.Unit == "×" && !f.Less && f.Figure > 0 {
			c.Bars = append(c.Bars, figures.Bar{Text: f.Case, Ratio: f.Figure, Color: "#2563eb",
				Marks: []figures.Mark{{Ratio: f.Floor, Color: "#9ca3af"}}})
		}
	}
	return c.SVG()
}
