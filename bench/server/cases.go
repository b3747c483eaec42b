package main

import (
	"slices"

	"github.com/backplane-go/backplane/bench/server/internal/load"
)

// benchCase is a load, and the figures that are taken from it.
type benchCase struct {
	Name    string
	Load    load.Command
	Figures []figure
	// More are rounds besides: a moment's disturbance decides what the slowest hundredth is.
	More int
	// Pairs are who is compared with whom: Node.js and one Go node, unless there are others.
	Pairs []pair
}

// figure is what is compared.
type figure struct {
	Name  string
	About string
	Unit  string
	Of    func(outcome) float64
	// Floor and Aim are ratios to Node.js; those of figures that are better when less are below 1. 0: none.
	Floor, Aim float64
}

// pair is a contender, and the one that it is compared with.
type pair struct {
	Base, Ours string
	Suffix     string // of the figure's name
	About      string // what is said of it besides the figure
	// Floor and Aim are in place of the figure's, unless 0.
	Floor, Aim float64
}

var usual = []pair{{Base: node, Ours: one}}

func (c benchCase) pairs() []pair {
	if c.Pairs == nil {
		return usual
	}
	return c.Pairs
}

// contenders returns those of all who take part in a case.
func (c benchCase) contenders(all []string) (chosen []string) {
	for _, name := range all {
		if slices.ContainsFunc(c.pairs(), func(p pair) bool { return p.Base == name || p.Ours == name }) {
			chosen = append(chosen, name)
		}
	}
	return chosen
}

// The contenders.
const (
	node   = "node"
	one    = "go"       // one node, whose cluster's bus is in memory: io.Emit
	async  = "async"    // the same: io.EmitAsync
	onPG   = "postgres" // one node, whose cluster's bus is PostgreSQL: io.Emit
	two    = "go2"      // a cluster of two nodes in one process, with half of the clients each: io.Emit
	others = "centrifuge"
)

// calls are those of the cases that fan out: both ways to emit, on both buses, beside Node.js; and the other Go library.
var calls = []pair{
	{Base: node, Ours: one, About: ": Emit", Floor: 12, Aim: 16},
	{Base: node, Ours: async, Suffix: "_async", About: ": EmitAsync", Floor: 12, Aim: 16},
	{Base: node, Ours: onPG, Suffix: "_postgres", About: ": Emit, on PostgreSQL", Floor: 12, Aim: 16},
	{Base: others, Ours: one, Suffix: "_centrifuge", Floor: 3, Aim: 4},
	{Base: others, Ours: onPG, Suffix: "_postgres_centrifuge", About: ", ours on PostgreSQL", Floor: 3, Aim: 4},
}

var cases = []benchCase{
	{Name: "fanout_500", Load: load.Command{Do: "fanout", Clients: 500, InFlight: 20, Size: 100, Warm: 1.5, Measure: 3}, Pairs: calls, Figures: []figure{
		{Name: "fanout_500", About: "to 500 clients, 20 outstanding", Unit: "deliveries/s", Of: perSecond}}},
	{Name: "fanout_2000", Load: load.Command{Do: "fanout", Clients: 2000, InFlight: 20, Size: 100, Warm: 1.5, Measure: 3}, Pairs: calls[:3], Figures: []figure{
		{Name: "fanout_2000", About: "to 2 000 clients, 20 outstanding", Unit: "deliveries/s", Of: perSecond}}},
	{Name: "paced_500", Load: load.Command{Do: "paced", Clients: 500, Rate: 20, Size: 100, Warm: 1.5, Measure: 5}, More: 2, Figures: []figure{
		{Name: "cpu_500", About: "20 broadcasts/s, 500 clients: CPU", Unit: "µs/delivery", Of: cpuEach, Floor: 0.7, Aim: 0.6},
		{Name: "p99_500", About: "20 broadcasts/s, 500 clients: p99", Unit: "µs", Of: p99, Floor: 0.8, Aim: 0.7}}},
	{Name: "paced_2000", Load: load.Command{Do: "paced", Clients: 2000, Rate: 20, Size: 100, Warm: 1.5, Measure: 5}, Figures: []figure{
		{Name: "cpu_2000", About: "20 broadcasts/s, 2 000 clients: CPU", Unit: "µs/delivery", Of: cpuEach, Floor: 0.85, Aim: 0.75},
		{Name: "p99_2000", About: "20 broadcasts/s, 2 000 clients: p99", Unit: "µs", Of: p99}}},
	{Name: "ack_200", Load: load.Command{Do: "ack", Clients: 200, Size: 100, Warm: 1, Measure: 3}, Figures: []figure{
		{Name: "ack_200", About: "emit with ack, 200 clients, closed loop", Unit: "acks/s", Of: perSecond, Floor: 2.5, Aim: 3.5}}},
	{Name: "connect", Load: load.Command{Do: "connect", Clients: 9000, InFlight: 64, Warm: 500, Measure: 2.5}, Figures: []figure{
		{Name: "connect", About: "connections over WebSocket", Unit: "connections/s", Of: perSecond, Floor: 5, Aim: 8}}},
	{Name: "connect_polling", Load: load.Command{Do: "connect", Polling: true, Clients: 9000, InFlight: 64, Warm: 500, Measure: 2.5}, Figures: []figure{
		{Name: "connect_polling", About: "connections over long-polling", Unit: "connections/s", Of: perSecond}}},
	{Name: "idle", Load: load.Command{Do: "idle", Clients: 5050, InFlight: 64, Warm: 50, Measure: 3}, Figures: []figure{
		{Name: "memory_5000", About: "5 000 idle connections: resident memory", Unit: "KB/connection", Of: residentEach, Floor: 0.75, Aim: 0.5},
		{Name: "collected_5000", About: "the same after a garbage collection", Unit: "KB/connection", Of: collectedEach}}},
	{Name: "cluster", Load: load.Command{Do: "fanout", Clients: 500, InFlight: 20, Size: 100, Warm: 1, Measure: 2}, Pairs: []pair{{Base: one, Ours: two}}, Figures: []figure{
		{Name: "cluster_500", About: "to 500 clients on two Go nodes, 20 outstanding", Unit: "deliveries/s", Of: perSecond}}},
}

// outcome is what one run gave.
type outcome struct {
	load.Reply
	ServerCPU float64 // seconds
	Others    float64 // seconds that all other processes of the machine used meanwhile
	Before    float64 // bytes resident before what was measured
	After     float64 // at its end
	Collected float64 // after a garbage collection besides
}

func perSecond(o outcome) float64     { return o.Count64() / o.Seconds }
func cpuEach(o outcome) float64       { return 1e6 * o.ServerCPU / o.Count64() }
func p99(o outcome) float64           { return o.P99 }
func residentEach(o outcome) float64  { return (o.After - o.Before) / 1000 / o.Count64() }
func collectedEach(o outcome) float64 { return (o.Collected - o.Before) / 1000 / o.Count64() }
func serverBusy(o outcome) float64    { return 100 * o.ServerCPU / o.Seconds }
func loadBusy(o outcome) float64      { return 100 * o.CPU / o.Seconds }

func othersBusy(o outcome) float64 { return 100 * o.Others / o.Seconds }

// Count64 is what was counted, at least 1.
func (o outcome) Count64() float64 { return max(1, float64(o.Count)) }
