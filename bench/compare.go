package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"
)

// settings of one comparison.
type settings struct {
	url        string
	rounds     int
	quick      bool
	only       []string
	contenders []string
	profiles   string
}

// benchCase is one kind of load.
type benchCase struct {
	Name     string
	N        int // messages of one round
	InFlight int
	Rate     float64
	Kind     string
	Size     int
}

var cases = []benchCase{
	{Name: "json100_64", N: 60000, InFlight: 64, Kind: "json", Size: 100},
	{Name: "json100_256", N: 100000, InFlight: 256, Kind: "json", Size: 100},
	{Name: "json100_1", N: 3000, InFlight: 1, Kind: "json", Size: 100},
	{Name: "p99_200", N: 600, Rate: 200, Kind: "json", Size: 100},
	{Name: "p99_10k", N: 30000, Rate: 10000, Kind: "json", Size: 100},
	{Name: "bin100", N: 10000, InFlight: 64, Kind: "bin", Size: 100},
	{Name: "json20k", N: 5000, InFlight: 64, Kind: "json", Size: 20 << 10},
	{Name: "bin64k", N: 2000, InFlight: 64, Kind: "bin", Size: 64 << 10},
}

// outcome is what one round of a case gave for one contender.
type outcome struct {
	PerSecond  float64
	P50, P99   float64 // microseconds
	CPU        [3]float64
	Missing    int
	Duplicated int
	Errors     int
}

// The parts of outcome.CPU, in seconds per message.
const (
	cpuPublisher = iota
	cpuReceiver
	cpuPostgres
)

// pair is a publisher and a receiver of one contender, on a database of their own.
type pair struct {
	name      string
	publisher *process
	receiver  *process
}

const patience = 2 * time.Minute

func compare(ctx context.Context, s settings) error {
	srv, err := openServer(ctx, s.url)
	if err != nil {
		return err
	}
	defer srv.drop(context.WithoutCancel(ctx))
	var pairs []*pair
	defer func() {
		for _, p := range pairs {
			p.publisher.stop()
			p.receiver.stop()
		}
	}()
	for _, name := range s.contenders {
		p, err := startPair(ctx, srv, name, s.profiles)
		if err != nil {
			return err
		}
		pairs = append(pairs, p)
	}
	run := uint32(0)
	results := make(map[string]map[string][]outcome)
	for _, c := range cases {
		if s.only != nil && !slices.ContainsFunc(s.only, func(prefix string) bool { return strings.HasPrefix(c.Name, prefix) }) {
			continue
		}
		if s.quick {
			c.N = max(c.N/4, 200)
		}
		results[c.Name] = make(map[string][]outcome)
		for round := range s.rounds {
			for _, p := range pairs {
				if p.name == "bare" && c.Kind != "json" || p.name == "bare" && c.Size > 7000 {
					continue
				}
				run++
				progress("%-14s round %d of %d: %-6s", c.Name, round+1, s.rounds, p.name)
				o, err := p.run(srv, c, run)
				if err != nil {
					return err
				}
				results[c.Name][p.name] = append(results[c.Name][p.name], o)
			}
		}
		progress("")
		print(os.Stdout, c, s.contenders, results[c.Name])
	}
	return nil
}

func startPair(ctx context.Context, srv *server, name, profiles string) (*pair, error) {
	url, err := srv.database(ctx, name)
	if err != nil {
		return nil, err
	}
	p := &pair{name: name}
	if p.receiver, err = spawn(ctx, name, url, profiles); err != nil {
		return nil, err
	}
	if p.publisher, err = spawn(ctx, name, url, profiles); err != nil {
		p.receiver.stop()
		return nil, err
	}
	for _, w := range []*process{p.receiver, p.publisher} {
		if _, err := w.ask(command{Cmd: "peers", N: 1}, 30*time.Second); err != nil {
			return p, err
		}
	}
	return p, nil
}

// run is one round.
func (p *pair) run(srv *server, c benchCase, run uint32) (outcome, error) {
	order := command{Run: run, N: c.N, Idle: 3, InFlight: c.InFlight, Rate: c.Rate, Kind: c.Kind, Size: c.Size}
	order.Cmd = "expect"
	if _, err := p.receiver.ask(order, patience); err != nil {
		return outcome{}, err
	}
	cpu := srv.cpu()
	order.Cmd = "publish"
	sent, err := p.publisher.ask(order, patience)
	if err != nil {
		return outcome{}, err
	}
	got, err := p.receiver.answer(patience)
	if err != nil {
		return outcome{}, err
	}
	n := float64(c.N)
	return outcome{
		PerSecond: float64(got.Received) / (float64(max(got.Last, sent.End)-sent.Start) / 1e9),
		P50:       got.P50 / 1e3, P99: got.P99 / 1e3,
		CPU:        [3]float64{sent.CPU / n, got.CPU / n, (srv.cpu() - cpu) / n},
		Missing:    c.N - got.Received,
		Duplicated: got.Duplicated,
		Errors:     sent.Errors,
	}, nil
}
