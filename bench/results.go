package main

import (
	"runtime/debug"
	"strings"
	"time"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// resultFile is bench/results/peers.json.
type resultFile = figures.Results[resultCase]

// resultCase compares one driver with the other contenders in one case. Node, Ours and Bare are medians over the
// rounds: messages or requests per second, or the 99th percentile of the latency in microseconds if the name of the
// case begins with p99. Each ratio is the median over the rounds of the ratio within a round; above 1, ours is
// better.
type resultCase struct {
	Name       string              `json:"name"`
	About      string              `json:"about"`
	Driver     string              `json:"driver"`
	Unit       string              `json:"unit"`
	InFlight   int                 `json:"in_flight"`
	Rate       float64             `json:"rate,omitempty"`
	Receivers  int                 `json:"receivers"`
	Node       float64             `json:"node"`
	Ours       float64             `json:"ours"`
	Bare       float64             `json:"bare,omitempty"`
	RatioNode  float64             `json:"ratio_node"`
	RatioBare  float64             `json:"ratio_bare,omitempty"`
	RatioCPU   float64             `json:"ratio_cpu_node"`
	Ratios     []ratios            `json:"ratios"`
	Missing    int                 `json:"missing"`
	Duplicated int                 `json:"duplicated"`
	Detail     map[string]measured `json:"detail"`
}

// ratios says how many times better ours is in one figure: the median over the rounds of the ratio within a round.
type ratios struct {
	Figure string  `json:"figure"`
	Node   float64 `json:"node"`
	Bare   float64 `json:"bare,omitempty"`
}

// comparedFigures are the figures for which resultCase has ratios.
var comparedFigures = []struct {
	name         string
	value        func(outcome) float64
	lessIsBetter bool
}{
	{"per_second", perSecond, false}, {"p50", p50, true}, {"p99", p99, true}, {"cpu", totalCPU, true},
	{"postgres_cpu", part(cpuPostgres), true},
}

// measured holds the medians of one contender.
type measured struct {
	PerSecond    float64 `json:"per_second"`
	P50          float64 `json:"p50_us"`
	P99          float64 `json:"p99_us"`
	PublisherCPU float64 `json:"publisher_cpu_us"`
	ReceiverCPU  float64 `json:"receiver_cpu_us"`
	PostgresCPU  float64 `json:"postgres_cpu_us"`
	Errors       int     `json:"errors"`
}

func measure(all []outcome) measured {
	return measured{
		PerSecond: figures.Median(all, perSecond), P50: figures.Median(all, p50), P99: figures.Median(all, p99),
		PublisherCPU: 1e6 * figures.Median(all, part(cpuPublisher)),
		ReceiverCPU:  1e6 * figures.Median(all, part(cpuReceiver)),
		PostgresCPU:  1e6 * figures.Median(all, part(cpuPostgres)),
		Errors:       figures.Sum(all, func(o outcome) int { return o.Errors }),
	}
}

// write writes the results to s.Out and the chart beside it.
func write(s settings, srv *server, chosen []benchCase, results map[string]outcomes) error {
	settings := map[string]any{"rounds": s.Rounds, "quick": s.Quick, "time": time.Now().UTC().Format(time.RFC3339),
		"node_pool": 10}
	file := figures.NewResults[resultCase](settings, "socket.io", "@socket.io/postgres-adapter", "socket.io-adapter",
		"pg")
	file.Versions["postgres"] = srv.version
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if strings.HasSuffix(d.Path, "/pgx/v5") || strings.HasSuffix(d.Path, "/lib/pq") {
				file.Versions[d.Path] = d.Version
			}
		}
	}
	for _, c := range chosen {
		for _, driver := range []string{"pgx", "pq"} {
			if len(results[c.Name][driver]) > 0 {
				file.Cases = append(file.Cases, compareCase(c, driver, results[c.Name]))
			}
		}
	}
	return file.Write(s.Options, chart(file), table(file))
}

func compareCase(c benchCase, driver string, r outcomes) resultCase {
	k := resultCase{Name: c.Name, About: c.About, Driver: driver, Unit: "per second", InFlight: c.InFlight,
		Rate:      c.Rate,
		Receivers: c.Receivers, Detail: make(map[string]measured)}
	value, lessIsBetter := perSecond, strings.HasPrefix(c.Name, "p99")
	if lessIsBetter {
		k.Unit, value = "p99 in microseconds", p99
	}
	k.Node, k.Ours, k.Bare = figures.Median(r["node"], value), figures.Median(r[driver], value),
		figures.Median(r["bare"], value)
	k.RatioNode, k.RatioBare = timesBetter(r[driver], r["node"], value, lessIsBetter),
		timesBetter(r[driver], r["bare"], value, lessIsBetter)
	k.RatioCPU = timesBetter(r[driver], r["node"], totalCPU, true)
	k.Missing = figures.Sum(r[driver], func(o outcome) int { return o.Missing })
	k.Duplicated = figures.Sum(r[driver], func(o outcome) int { return o.Duplicated })
	for _, j := range comparedFigures {
		k.Ratios = append(k.Ratios, ratios{j.name, timesBetter(r[driver], r["node"], j.value, j.lessIsBetter),
			timesBetter(r[driver], r["bare"], j.value, j.lessIsBetter)})
	}
	for _, name := range []string{"node", driver, "bare"} {
		if len(r[name]) > 0 {
			k.Detail[name] = measure(r[name])
		}
	}
	return k
}

// timesBetter returns the median over the rounds of how many times better ours was in the same round, 0 if the other
// did not take part. Comparing within a round cancels out changes in the load of the machine.
func timesBetter(ours, other []outcome, value func(outcome) float64, lessIsBetter bool) float64 {
	ratios := make([]float64, min(len(ours), len(other)))
	for i := range ratios {
		a, b := value(ours[i]), value(other[i])
		if lessIsBetter {
			a, b = b, a
		}
		ratios[i] = figures.Quotient(a, b)
	}
	if len(ratios) == 0 {
		return 0
	}
	return figures.Median(ratios, func(r float64) float64 { return r })
}
