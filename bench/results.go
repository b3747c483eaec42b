package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// resultFile is bench/results/peers.json.
type resultFile struct {
	Machine  map[string]any    `json:"machine"`
	Versions map[string]string `json:"versions"`
	Settings map[string]any    `json:"settings"`
	Cases    []resultCase      `json:"cases"`
}

// resultCase compares one driver with the others in one case. Figures are medians over the rounds: messages (or requests)
// per second, or, for the cases whose names begin with p99, the 99th percentile of the latency in microseconds. A ratio
// above 1 means that ours is better.
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
	Missing    int                 `json:"missing"`
	Duplicated int                 `json:"duplicated"`
	Detail     map[string]measured `json:"detail"`
}

// measured are the medians of one contender.
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
		PerSecond: median(all, perSecond), P50: median(all, p50), P99: median(all, p99),
		PublisherCPU: 1e6 * median(all, part(cpuPublisher)), ReceiverCPU: 1e6 * median(all, part(cpuReceiver)),
		PostgresCPU: 1e6 * median(all, part(cpuPostgres)), Errors: sum(all, func(o outcome) int { return o.Errors }),
	}
}

// write writes the results, and the chart made from them, to the folder of s.out.
func write(s settings, srv *server, chosen []benchCase, results map[string]outcomes) error {
	file := resultFile{
		Machine:  machine(),
		Versions: map[string]string{"go": runtime.Version(), "postgres": srv.version, "node": output("node", "--version")},
		Settings: map[string]any{"rounds": s.rounds, "quick": s.quick, "time": time.Now().UTC().Format(time.RFC3339), "node_pool": 10},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if strings.HasSuffix(d.Path, "/pgx/v5") || strings.HasSuffix(d.Path, "/lib/pq") {
				file.Versions[d.Path] = d.Version
			}
		}
	}
	for _, name := range []string{"socket.io", "@socket.io/postgres-adapter", "socket.io-adapter", "pg"} {
		file.Versions[name] = packageVersion(name)
	}
	for _, c := range chosen {
		for _, driver := range []string{"pgx", "pq"} {
			if len(results[c.Name][driver]) > 0 {
				file.Cases = append(file.Cases, compareCase(c, driver, results[c.Name]))
			}
		}
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(s.out, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(s.out, ".json")+".svg", chart(file), 0o644)
}

func compareCase(c benchCase, driver string, r outcomes) resultCase {
	k := resultCase{Name: c.Name, About: c.About, Driver: driver, Unit: "per second", InFlight: c.InFlight, Rate: c.Rate,
		Receivers: c.Receivers, Detail: make(map[string]measured)}
	value, better := perSecond, func(ours, other float64) float64 { return quotient(ours, other) }
	if strings.HasPrefix(c.Name, "p99") {
		k.Unit = "p99 in microseconds"
		value, better = p99, func(ours, other float64) float64 { return quotient(other, ours) }
	}
	k.Node, k.Ours, k.Bare = median(r["node"], value), median(r[driver], value), median(r["bare"], value)
	k.RatioNode, k.RatioBare = better(k.Ours, k.Node), better(k.Ours, k.Bare)
	k.RatioCPU = quotient(median(r["node"], totalCPU), median(r[driver], totalCPU))
	k.Missing = sum(r[driver], func(o outcome) int { return o.Missing })
	k.Duplicated = sum(r[driver], func(o outcome) int { return o.Duplicated })
	for _, name := range []string{"node", driver, "bare"} {
		if len(r[name]) > 0 {
			k.Detail[name] = measure(r[name])
		}
	}
	return k
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return float64(int(a/b*100+0.5)) / 100
}

func machine() map[string]any {
	m := map[string]any{"cpus": runtime.NumCPU(), "os": runtime.GOOS, "arch": runtime.GOARCH}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
				m["cpu"] = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// packageVersion returns the version of an npm package that the Node.js workers load.
func packageVersion(name string) string {
	text, err := os.ReadFile(filepath.Join(os.Getenv("BACKPLANE_TEST_NODE_MODULES"), name, "package.json"))
	if err != nil {
		return ""
	}
	var p struct{ Version string }
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	return p.Version
}
