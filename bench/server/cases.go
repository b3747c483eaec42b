package main

import (
	"slices"

	"github.com/backplane-go/backplane/bench/server/internal/load"
)

// benchCase describes a load and the figures that are taken from it.
type benchCase struct {
	Name    string
	Load    load.Command
	Figures []figure
	// MoreRounds are added to the usual rounds, because a short disturbance changes the 99th percentile.
	MoreRounds int
	// Pairs says which contenders are compared; nil: Node.js and one Go node.
	Pairs []pair
}

// figure is a number that is compared.
type figure struct {
	Name  string
	About string
	Unit  string
	Of    func(outcome) float64
	// Floor and Aim are ratios to Node.js, below 1 if smaller figures are better; 0: none.
	Floor, Aim float64
}

// pair is a contender and the contender that it is compared with.
type pair struct {
	Base, Ours string
	Suffix     string // is appended to the figure's name
	About      string // is appended to the figure's description
	// Floor and Aim replace those of the figure unless 0.
	Floor, Aim float64
}

var defaultPairs = []pair{{Base: node, Ours: one}}

func (c benchCase) pairs() []pair {
	if c.Pairs == nil {
		return defaultPairs
	}
	return c.Pairs
}

// contenders returns the elements of all that take part in the case.
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
	one    = "go"         // one node, in-memory bus, io.Emit
	async  = "async"      // one node, in-memory bus, io.EmitAsync
	onPG   = "postgres"   // one node, PostgreSQL bus, io.Emit
	two    = "go2"        // two nodes in one process with half of the clients each, in-memory bus, io.Emit
	others = "centrifuge" // a server on the Go library centrifuge
)

// fanoutPairs compares both ways to emit and both buses with Node.js, and Emit with centrifuge.
var fanoutPairs = []pair{
	{Base: node, Ours: one, About: ": Emit", Floor: 12, Aim: 16},
	{Base: node, Ours: async, Suffix: "_async", About: ": EmitAsync", Floor: 12, Aim: 16},
	{Base: node, Ours: onPG, Suffix: "_postgres", About: ": Emit, on PostgreSQL", Floor: 12, Aim: 16},
	{Base: others, Ours: one, Suffix: "_centrifuge", Floor: 3, Aim: 4},
	{Base: others, Ours: onPG, Suffix: "_postgres_centrifuge", About: ", ours on PostgreSQL", Floor: 3, Aim: 4},
}

var cases = []benchCase{
	{Name: "fanout_500", Load: load.Command{Do: "fanout", Clients: 500, InFlight: 20, Size: 100, Warm: 1.5, Measure: 3},
		Pairs: fanoutPairs, Figures: []figure{
			{Name: "fanout_500", About: "to 500 clients, 20 outstanding", Unit: "deliveries/s", Of: perSecond}}},
	{Name: "fanout_2000", Load: load.Command{Do: "fanout", Clients: 2000, InFlight: 20, Size: 100, Warm: 1.5,
		Measure: 3}, Pairs: fanoutPairs[:3], Figures: []figure{
		{Name: "fanout_2000", About: "to 2 000 clients, 20 outstanding", Unit: "deliveries/s", Of: perSecond}}},
	{Name: "paced_500", Load: load.Command{Do: "paced", Clients: 500, Rate: 20, Size: 100, Warm: 1.5, Measure: 5},
		MoreRounds: 2, Figures: []figure{
			{Name: "cpu_500", About: "20 broadcasts/s, 500 clients: CPU", Unit: "µs/delivery", Of: cpuEach, Floor: 0.7,
				Aim: 0.6},
			{Name: "p99_500", About: "20 broadcasts/s, 500 clients: p99", Unit: "µs", Of: p99, Floor: 0.8, Aim: 0.7}}},
	{Name: "paced_2000", Load: load.Command{Do: "paced", Clients: 2000, Rate: 20, Size: 100, Warm: 1.5, Measure: 5},
		Figures: []figure{
			{Name: "cpu_2000", About: "20 broadcasts/s, 2 000 clients: CPU", Unit: "µs/delivery", Of: cpuEach,
				Floor: 0.85,
				Aim:   0.75},
			{Name: "p99_2000", About: "20 broadcasts/s, 2 000 clients: p99", Unit: "µs", Of: p99}}},
	{Name: "ack_200", Load: load.Command{Do: "ack", Clients: 200, Size: 100, Warm: 1, Measure: 3}, Figures: []figure{
		{Name: "ack_200", About: "emit with ack, 200 clients, closed loop", Unit: "acks/s", Of: perSecond, Floor: 2.5,
			Aim: 3.5}}},
	{Name: "connect", Load: load.Command{Do: "connect", Clients: 9000, InFlight: 64, Warm: 500, Measure: 2.5},
		Figures: []figure{
			{Name: "connect", About: "connections over WebSocket", Unit: "connections/s", Of: perSecond, Floor: 5,
				Aim: 8}}},
	{Name: "connect_polling", Load: load.Command{Do: "connect", Polling: true, Clients: 9000, InFlight: 64, Warm: 500,
		Measure: 2.5}, Figures: []figure{
		{Name: "connect_polling", About: "connections over long-polling", Unit: "connections/s", Of: perSecond}}},
	{Name: "idle", Load: load.Command{Do: "idle", Clients: 5050, InFlight: 64, Warm: 50, Measure: 3}, Figures: []figure{
		{Name: "memory_5000", About: "5 000 idle connections: resident memory", Unit: "KB/connection", Of: residentEach,
			Floor: 0.75, Aim: 0.5},
		{Name: "collected_5000", About: "the same after a garbage collection", Unit: "KB/connection",
			Of: collectedEach}}},
	{Name: "cluster", Load: load.Command{Do: "fanout", Clients: 500, InFlight: 20, Size: 100, Warm: 1, Measure: 2},
		Pairs: []pair{{Base: one, Ours: two}}, Figures: []figure{
			{Name: "cluster_500", About: "to 500 clients on two Go nodes, 20 outstanding", Unit: "deliveries/s",
				Of: perSecond}}},
}

// outcome holds the figures of one run.
type outcome struct {
	load.Reply
	ServerCPU float64 // seconds of the measured part
	Others    float64 // CPU seconds of all other processes of the machine during the run
	Before    float64 // resident bytes before the measured part
	After     float64 // resident bytes at its end
	Collected float64 // resident bytes after a garbage collection
}

func perSecond(o outcome) float64     { return o.Count64() / o.Seconds }
func cpuEach(o outcome) float64       { return 1e6 * o.ServerCPU / o.Count64() }
func p99(o outcome) float64           { return o.P99 }
func residentEach(o outcome) float64  { return (o.After - o.Before) / 1000 / o.Count64() }
func collectedEach(o outcome) float64 { return (o.Collected - o.Before) / 1000 / o.Count64() }
func serverBusy(o outcome) float64    { return 100 * o.ServerCPU / o.Seconds }
func loadBusy(o outcome) float64      { return 100 * o.CPU / o.Seconds }

func othersBusy(o outcome) float64 { return 100 * o.Others / o.Seconds }

// Count64 returns the count, at least 1.
func (o outcome) Count64() float64 { return max(1, float64(o.Count)) }
