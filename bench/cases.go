package main

import (
	"slices"
	"strings"
)

// benchCase describes a load.
type benchCase struct {
	Name      string
	About     string
	N         int // messages or requests per round
	Op        string
	InFlight  int // 0 with Rate 0: one loop that does not wait
	Rate      float64
	Kind      string
	Size      int
	Receivers int
	// Publishers is the number of publishing nodes, which have N and InFlight together. Default: 1.
	Publishers int
	Rooms      int
	Only       []string // contenders; empty: all
	Sockets    int      // clients per receiver, spread over Rooms rooms
}

// teamSize is how many processes a contender has.
type teamSize struct{ receivers, publishers int }

// groups sorts the cases by the size of their teams, so that the processes start once for each size.
func groups(all []benchCase) (sizes []teamSize, by map[teamSize][]benchCase) {
	by = make(map[teamSize][]benchCase)
	for _, c := range all {
		size := teamSize{c.Receivers, max(c.Publishers, 1)}
		if by[size] == nil {
			sizes = append(sizes, size)
		}
		by[size] = append(by[size], c)
	}
	return sizes, by
}

var cases = []benchCase{
	{Name: "json100_64", About: "100 B JSON, 64 in flight", N: 60000, InFlight: 64, Kind: "json", Size: 100},
	{Name: "json100_256", About: "100 B JSON, 256 in flight", N: 100000, InFlight: 256, Kind: "json", Size: 100},
	{Name: "json100_1", About: "100 B JSON, 1 in flight", N: 4000, InFlight: 1, Kind: "json", Size: 100},
	{Name: "json100_async", About: "100 B JSON, one loop that does not wait", N: 40000, Kind: "json", Size: 100},
	{Name: "p99_200", About: "100 B JSON, 200/s, p99 latency", N: 1000, Rate: 200, Kind: "json", Size: 100},
	{Name: "p99_5k", About: "100 B JSON, 5 000/s, p99 latency", N: 15000, Rate: 5000, Kind: "json", Size: 100},
	{Name: "p99_10k", About: "100 B JSON, 10 000/s, p99 latency", N: 30000, Rate: 10000, Kind: "json", Size: 100},
	{Name: "bin100", About: "100 B binary, 64 in flight", N: 20000, InFlight: 64, Kind: "bin", Size: 100},
	{Name: "json20k", About: "20 KiB JSON, 64 in flight", N: 6000, InFlight: 64, Kind: "json", Size: 20 << 10},
	{Name: "bin64k", About: "64 KiB binary, 64 in flight", N: 2000, InFlight: 64, Kind: "bin", Size: 64 << 10},
	{Name: "rooms_1", About: "100 B JSON to 1 room", N: 40000, InFlight: 64, Kind: "json", Size: 100, Rooms: 1},
	{Name: "rooms_100", About: "100 B JSON to 100 rooms", N: 40000, InFlight: 64, Kind: "json", Size: 100, Rooms: 100},
	{Name: "rooms_10k", About: "100 B JSON to 10 000 rooms", N: 40000, InFlight: 64, Kind: "json", Size: 100,
		Rooms: 10000},
	{Name: "sockets_10k", About: "to 1 000 rooms, 10 000 clients", N: 40000, InFlight: 64, Kind: "json", Size: 100,
		Rooms: 1000, Sockets: 10000},
	{Name: "receivers_4", About: "100 B JSON, 4 receiving nodes", N: 30000, InFlight: 64, Kind: "json", Size: 100,
		Receivers: 4},
	{Name: "ack_8", About: "acknowledged by a client on each of 8 nodes", N: 1200, Op: "ack", InFlight: 16,
		Kind: "json", Size: 100, Receivers: 8, Rooms: 1, Sockets: 1},
	{Name: "fetch_8", About: "fetchSockets over 8 nodes of 10 clients", N: 800, Op: "fetch", InFlight: 16, Kind: "json",
		Size: 100, Receivers: 8, Rooms: 1, Sockets: 10},
	{Name: "receivers_16", About: "100 B JSON, 16 receiving nodes", N: 12000, InFlight: 64, Kind: "json", Size: 100,
		Receivers: 16},
}

func init() {
	for i := range cases {
		cases[i].setDefaults()
	}
}

func (c *benchCase) setDefaults() {
	if c.Receivers == 0 {
		c.Receivers = 1
	}
	if c.Op == "" {
		c.Op = "emit"
	}
}

// suits reports whether a contender supports the case: the bare limit supports small broadcasts only, and a case may be
// for some contenders only.
func (c benchCase) suits(contender string) bool {
	if len(c.Only) > 0 && !slices.Contains(c.Only, contender) {
		return false
	}
	bare := strings.HasPrefix(contender, "bare")
	return !bare || c.Kind == "json" && c.Op == "emit" && c.Size < 7000 && c.Sockets == 0
}

// command returns the command for the workers.
func (c benchCase) command(cmd string, run uint32) command {
	k := command{Cmd: cmd, Run: run, N: c.N, Idle: 3, InFlight: c.InFlight, Rate: c.Rate, Kind: c.Kind, Size: c.Size,
		Rooms: c.Rooms, Op: c.Op}
	if c.Op != "emit" {
		k.Rooms = 0 // requests go to all nodes
	}
	return k
}
