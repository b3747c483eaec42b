package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// row compares the medians of one figure of a pair. Ratio is the ratio of the medians, ours divided by the base's.
type row struct {
	Name       string                    `json:"name"`
	About      string                    `json:"about"`
	Unit       string                    `json:"unit"`
	Base       float64                   `json:"base"`
	BaseName   string                    `json:"base_name"`
	Ours       float64                   `json:"ours"`
	OursName   string                    `json:"ours_name"`
	Ratio      float64                   `json:"ratio"`
	Floor      float64                   `json:"floor,omitempty"`
	Aim        float64                   `json:"aim,omitempty"`
	ServerBusy [2]float64                `json:"server_busy_percent"`
	LoadBusy   [2]float64                `json:"load_generator_busy_percent"`
	Each       [2]float64                `json:"messages_per_read"`
	OthersBusy float64                   `json:"others_busy_percent"` // the maximum over the rounds
	Missing    int                       `json:"missing"`
	Doubled    int                       `json:"doubled"`
	Rounds     map[string][]roundFigures `json:"rounds"`
	Time       string                    `json:"time,omitempty"`
}

// roundFigures are the figures of one round.
type roundFigures struct {
	Value      float64 `json:"value"`
	ServerBusy float64 `json:"server_busy_percent"`
	LoadBusy   float64 `json:"load_generator_busy_percent"`
	Each       float64 `json:"messages_per_read"`
}

// rows compares all pairs of the case whose contenders took part.
func (c benchCase) rows(by outcomes) (all []row) {
	for _, f := range c.Figures {
		for _, p := range c.pairs() {
			if by[p.Ours] != nil {
				all = append(all, compareFigure(f, p, by))
			}
		}
	}
	return all
}

func compareFigure(f figure, p pair, by outcomes) row {
	base, ours := p.Base, p.Ours
	r := row{Name: f.Name + p.Suffix, About: f.About + p.About, Unit: f.Unit, BaseName: base, OursName: ours,
		Floor: f.Floor, Aim: f.Aim, Rounds: make(map[string][]roundFigures)}
	if p.Floor != 0 {
		r.Floor, r.Aim = p.Floor, p.Aim
	}
	r.Base, r.Ours = figures.Median(by[base], f.Of), figures.Median(by[ours], f.Of)
	r.Ratio = figures.Quotient(r.Ours, r.Base)
	for i, name := range []string{base, ours} {
		r.ServerBusy[i], r.LoadBusy[i] = figures.Median(by[name], serverBusy), figures.Median(by[name], loadBusy)
		r.Each[i] = figures.Median(by[name], func(o outcome) float64 { return o.Each })
		r.Missing += figures.Sum(by[name], func(o outcome) int { return o.Missing })
		r.Doubled += figures.Sum(by[name], func(o outcome) int { return o.Doubled })
		for _, o := range by[name] {
			r.OthersBusy = max(r.OthersBusy, othersBusy(o))
			r.Rounds[name] = append(r.Rounds[name], roundFigures{f.Of(o), serverBusy(o), loadBusy(o), o.Each})
		}
	}
	return r
}

// lessIsBetter reports whether smaller figures are better.
func (r row) lessIsBetter() bool { return !strings.HasSuffix(r.Unit, "/s") }

// better inverts a ratio of this figure if smaller figures are better, so that more is better.
func (r row) better(ratio float64) float64 {
	if r.lessIsBetter() {
		return 1 / ratio
	}
	return ratio
}

// verdict returns which goal is reached: "aim", "floor" or "below", and an empty string if there is none.
func (r row) verdict() string {
	reached := func(goal float64) bool { return r.better(r.Ratio) >= r.better(goal) }
	switch {
	case r.Floor == 0 || r.Ratio == 0:
		return ""
	case reached(r.Aim):
		return "aim"
	case reached(r.Floor):
		return "floor"
	}
	return "below"
}

func header(w io.Writer) {
	fmt.Fprintf(w, "%-52s %-14s %-10s %10s %-8s %10s %6s %6s %5s %-7s %11s %11s %11s %7s %8s %7s\n",
		"", "", "beside", "", "ours", "", "ratio", "floor", "aim", "reached", "server %", "load %", "per read",
		"others", "missing", "doubled")
}

// print writes a line. The columns "server %" and "load %" say how busy the servers and the load generator kept their
// core; "others" is what all other processes of the machine used in the worst round, in percent of a core. A high
// value there makes the figures unreliable.
func print(w io.Writer, r row) {
	fmt.Fprintf(w, "%-52s %-14s %-10s %10s %-8s %10s %6.2f %6s %5s %-7s %5.0f %5.0f %5.0f %5.0f %5.1f %5.1f %7.0f "+
		"%8d %7d\n", r.About, r.Unit, r.BaseName, number(r.Base), r.OursName, number(r.Ours), r.Ratio,
		goal(r.Floor), goal(r.Aim), r.verdict(), r.ServerBusy[0], r.ServerBusy[1], r.LoadBusy[0], r.LoadBusy[1],
		r.Each[0], r.Each[1], r.OthersBusy, r.Missing, r.Doubled)
}

// goal formats a floor or an aim.
func goal(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprint(v)
}

func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
