package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// logCases compare what a log costs: the contenders with a log beside the same without.
var logCases = []benchCase{
	{Name: "kept_64", About: "100 B JSON, 64 in flight", N: 60000, InFlight: 64},
	{Name: "kept_256", About: "100 B JSON, 256 in flight", N: 100000, InFlight: 256},
	{Name: "kept_4x64", About: "100 B JSON, 4 publishing nodes, 64 in flight each", N: 80000, InFlight: 256,
		Publishers: 4, Only: slices.Concat(keptByUs, []string{"node-streams"})},
	{Name: "kept_200", About: "100 B JSON, 200/s, p50 latency", N: 1000, Rate: 200,
		Only: slices.Concat(keptByUs, keptBare)},
}

// The contenders with PostgreSQL, and those that show how fast it can be: one statement that inserts and notifies.
var (
	keptByUs = []string{"pgx", "pgx" + withLog, "pgx" + withLog + notDurable, "pq", "pq" + withLog}
	keptBare = []string{"bare", "bare" + withLog}
)

func init() {
	for i := range logCases {
		c := &logCases[i]
		c.Kind, c.Size, c.Op, c.Receivers = "json", 100, "emit", 1
	}
}

// goal is what a figure should be.
type goal struct{ Floor, Aim float64 }

// logFigure is a figure in the table of make bench-log.
type logFigure struct {
	Case  string `json:"case"`
	About string `json:"about"`
	// Base and Ours are what Figure compares: medians over the rounds. Figure is the median over the rounds of the
	// ratio within a round. Base is 0 if nothing is compared.
	Base   float64 `json:"base,omitempty"`
	Ours   float64 `json:"ours,omitempty"`
	Figure float64 `json:"figure"`
	Unit   string  `json:"unit"` // of Figure: "×", "s", "rows/min"
	goal
	Less    bool   `json:"less_is_better,omitempty"`
	Missing int    `json:"missing"` // messages that were missing, doubled or out of order
	Remark  string `json:"remark,omitempty"`
}

// reached returns "aim", "floor" or "no", and "-" without a goal.
func (f logFigure) reached() string {
	better := func(than float64) bool { return f.Figure >= than }
	if f.Less {
		better = func(than float64) bool { return f.Figure <= than }
	}
	switch {
	case f.Missing > 0:
		return "no"
	case f.goal == (goal{}):
		return "-"
	case better(f.Aim):
		return "aim"
	case better(f.Floor):
		return "floor"
	}
	return "no"
}

// compareLog measures what a log costs and what it gives.
func compareLog(ctx context.Context, s settings) error {
	srv, err := openServer(ctx, s.url)
	if err != nil {
		return err
	}
	defer srv.drop(context.WithoutCancel(ctx))
	if !slices.Equal(s.Contenders, defaultContenders) {
		return fmt.Errorf("-log has its own contenders")
	}
	s.Table = "bench-log"
	s.Contenders = slices.Concat(keptByUs, keptBare, []string{"node-streams"})
	stop, err := srv.startRedis("@socket.io/redis-streams-adapter", "@redis/client")
	if err != nil {
		s.Contenders = slices.DeleteFunc(s.Contenders, func(name string) bool { return name == "node-streams" })
		fmt.Println("skipped: redis:", err)
	} else {
		defer stop()
	}
	figures.Progress("warming up PostgreSQL")
	if err := srv.warmUp(ctx); err != nil {
		return fmt.Errorf("warming up PostgreSQL: %w", err)
	}
	chosen, results, err := s.run(ctx, srv, logCases)
	if err != nil {
		return err
	}
	var all []logFigure
	for _, c := range chosen {
		all = append(all, logRatios(c, results[c.Name])...)
	}
	var failed error
	for _, special := range []struct {
		name    string
		measure func(context.Context, settings, *server) ([]logFigure, error)
	}{
		{"recover", measureRecovery}, {"deaf", measureDeaf}, {"idle", measureIdle},
		{"transaction", measureTransactions},
	} {
		if !s.Chosen(special.name) {
			continue
		}
		more, err := special.measure(ctx, s, srv)
		if err != nil { // what was measured before is not lost
			failed = errors.Join(failed, fmt.Errorf("%s: %w", special.name, err))
		}
		all = append(all, more...)
	}
	figures.Progress("")
	printLog(os.Stdout, all)
	if s.Out != "" {
		failed = errors.Join(failed, writeLog(s, srv, all))
	}
	return failed
}

// logRatios returns the figures of a case: each driver beside itself without a log, and beside Redis; and the limit.
func logRatios(c benchCase, results outcomes) (all []logFigure) {
	aim, value := goal{0.45, 0.65}, perSecond
	switch {
	case c.Rate > 0:
		aim, value = goal{2, 1.3}, p50
	case c.Publishers > 1:
		aim = goal{0.35, 0.5}
	}
	add := func(name, what string, base, ours []outcome, aim goal) {
		if len(base) > 0 && len(ours) > 0 {
			f := logFigure{Case: c.Name + " " + name, About: c.About + ": " + what, Unit: "×", Less: c.Rate > 0,
				goal: aim}
			f.compare(base, ours, value)
			all = append(all, f)
		}
	}
	for _, variant := range []struct{ name, driver, ours string }{
		{"pgx", "pgx", "pgx" + withLog},
		{"pgx async", "pgx", "pgx" + withLog + notDurable},
		{"pq", "pq", "pq" + withLog},
	} {
		ours := results[variant.ours]
		add(variant.name, "with a log beside at most once, "+variant.name, results[variant.driver], ours, aim)
		if c.Publishers <= 1 {
			add(variant.name+" redis", "kept, beside @socket.io/redis-streams-adapter, "+variant.name,
				results["node-streams"], ours, goal{3, 8})
		}
	}
	add("bare", "the limit, a statement that only inserts and notifies, beside one that only notifies", results["bare"],
		results["bare"+withLog], goal{})
	return all
}

// compare sets the figures from the outcomes of the rounds.
func (f *logFigure) compare(base, ours []outcome, value func(outcome) float64) {
	f.Base, f.Ours = figures.Median(base, value), figures.Median(ours, value)
	var ratios []float64
	for i := range min(len(base), len(ours)) {
		if b := value(base[i]); b > 0 {
			ratios = append(ratios, value(ours[i])/b)
		}
	}
	f.Figure = figures.Median(ratios, func(r float64) float64 { return r })
	f.Missing = figures.Sum(ours, func(o outcome) int { return o.Missing + o.Duplicated + o.Errors })
}
