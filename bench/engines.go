package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// The servers that contenders use.
const (
	onPostgres = "postgres"
	onRedis    = "redis"
	onNATS     = "nats"
)

// contender is a program that is measured.
type contender struct {
	engine string
	node   string // the adapter, if it runs on Node.js; see node/worker.js
}

var contenders = map[string]contender{
	"node": {onPostgres, "postgres"}, "pgx": {onPostgres, ""}, "pq": {onPostgres, ""}, "bare": {onPostgres, ""},
	"node-streams": {onRedis, "streams"}, "node-classic": {onRedis, "classic"},
	"bare-redis": {onRedis, ""}, "classic": {onRedis, ""}, "redis": {onRedis, ""}, "streams": {onRedis, ""},
	"bare-nats": {onNATS, ""}, "nats": {onNATS, ""},
}

// contenderOf returns the contender with a name, which may have suffixes such as withLog.
func contenderOf(name string) contender {
	name, _, _ = strings.Cut(name, "+")
	return contenders[name]
}

// engineGoal is a figure of an engine that has a goal: a contender beside another one in a case.
type engineGoal struct {
	of, beside, what string
	goal
}

// engineCase is a load for the contenders of an engine.
type engineCase struct {
	benchCase
	goals []engineGoal
}

// engines have the contenders and the loads of make bench-peers ENGINE=…, and the npm packages of the contenders.
var engines = map[string]struct {
	contenders, packages []string
	cases                []engineCase
}{
	onNATS: {
		[]string{"bare-nats", "nats", "pgx"}, nil,
		[]engineCase{
			{benchCase{Name: "json100_64", About: "100 B JSON, 64 in flight", N: 60000, InFlight: 64, Kind: "json",
				Size: 100}, []engineGoal{{"nats", "bare-nats", "nats.go alone", goal{0.5, 0.8}},
				{"nats", "pgx", "PostgreSQL", goal{}}}},
			{benchCase{Name: "json100_256", About: "100 B JSON, 256 in flight", N: 100000, InFlight: 256, Kind: "json",
				Size: 100}, []engineGoal{{"nats", "bare-nats", "nats.go alone", goal{0.5, 0.8}},
				{"nats", "pgx", "PostgreSQL", goal{}}}},
			{benchCase{Name: "json100_1", About: "100 B JSON, 1 in flight", N: 4000, InFlight: 1, Kind: "json",
				Size: 100}, []engineGoal{{"nats", "pgx", "PostgreSQL", goal{}}}},
			{benchCase{Name: "receivers_16", About: "100 B JSON, 16 receiving nodes", N: 12000, InFlight: 64,
				Kind: "json", Size: 100, Receivers: 16}, []engineGoal{
				{"bare-nats", "pgx", "PostgreSQL: the limit, nats.go alone", goal{}},
				{"nats", "pgx", "PostgreSQL", goal{4, 10}}}},
			{benchCase{Name: "fetch_8", About: "fetchSockets over 8 nodes of 10 clients", N: 800, Op: "fetch",
				InFlight: 16, Kind: "json", Size: 100, Receivers: 8, Rooms: 1, Sockets: 10}, []engineGoal{
				{"nats", "pgx", "PostgreSQL", goal{}}}},
		},
	},
	onRedis: {
		[]string{"node-classic", "bare-redis", "classic", "redis", "redis" + withLog, "node-streams", "streams"},
		[]string{"@socket.io/redis-adapter", "@socket.io/redis-streams-adapter", "@redis/client"},
		[]engineCase{
			{benchCase{Name: "json100_64", About: "100 B JSON, 64 in flight", N: 60000, InFlight: 64, Kind: "json",
				Size: 100}, []engineGoal{
				{"bare-redis", "node-classic", "@socket.io/redis-adapter: the limit, go-redis alone", goal{}},
				{"classic", "node-classic", "@socket.io/redis-adapter", goal{6, 10}},
				{"redis", "node-classic", "@socket.io/redis-adapter, standard dialect", goal{}},
				{"redis" + withLog, "redis", "the same without a log", goal{0.45, 0.65}},
				{"streams", "node-streams", "@socket.io/redis-streams-adapter with recovery", goal{4, 8}}}},
			{benchCase{Name: "json100_256", About: "100 B JSON, 256 in flight", N: 100000, InFlight: 256, Kind: "json",
				Size: 100}, []engineGoal{
				{"bare-redis", "node-classic", "@socket.io/redis-adapter: the limit, go-redis alone", goal{}},
				{"classic", "node-classic", "@socket.io/redis-adapter", goal{}},
				{"redis" + withLog, "redis", "the same without a log", goal{0.45, 0.65}}}},
			{benchCase{Name: "json100_1", About: "100 B JSON, 1 in flight", N: 4000, InFlight: 1, Kind: "json",
				Size: 100}, []engineGoal{{"classic", "node-classic", "@socket.io/redis-adapter", goal{}}}},
			{benchCase{Name: "json20k", About: "20 KiB JSON, 64 in flight", N: 6000, InFlight: 64, Kind: "json",
				Size: 20 << 10}, []engineGoal{{"classic", "node-classic", "@socket.io/redis-adapter", goal{}}}},
			{benchCase{Name: "bin64k", About: "64 KiB binary, 64 in flight", N: 2000, InFlight: 64, Kind: "bin",
				Size: 64 << 10}, []engineGoal{{"classic", "node-classic", "@socket.io/redis-adapter", goal{}}}},
			{benchCase{Name: "receivers_16", About: "100 B JSON, 16 receiving nodes", N: 12000, InFlight: 64,
				Kind: "json", Size: 100, Receivers: 16}, []engineGoal{
				{"classic", "node-classic", "@socket.io/redis-adapter", goal{}}}},
			{benchCase{Name: "fetch_8", About: "fetchSockets over 8 nodes of 10 clients", N: 800, Op: "fetch",
				InFlight: 16, Kind: "json", Size: 100, Receivers: 8, Rooms: 1, Sockets: 10}, []engineGoal{
				{"classic", "node-classic", "@socket.io/redis-adapter", goal{3, 6}},
				{"redis", "node-classic", "@socket.io/redis-adapter, standard dialect", goal{3, 6}}}},
		},
	},
}

// compareEngine compares the contenders of an engine other than PostgreSQL.
func compareEngine(ctx context.Context, s settings, engine string) error {
	e, ok := engines[engine]
	if !ok {
		return fmt.Errorf("-engine must be redis or nats, not %q", engine)
	}
	if !slices.Equal(s.Contenders, defaultContenders) {
		return fmt.Errorf("-engine has its own contenders")
	}
	s.Contenders, s.Table = e.contenders, "bench-"+engine
	srv := new(server)
	var err error
	var stop func()
	if engine == onRedis {
		stop, err = srv.startRedis(e.packages...)
	} else if srv, err = openServer(ctx, s.url); err == nil {
		defer srv.drop(context.WithoutCancel(ctx))
		stop, err = srv.startNATS()
	}
	if err != nil {
		return err
	}
	defer stop()
	var loads []benchCase
	for i := range e.cases {
		e.cases[i].setDefaults()
		for _, g := range e.cases[i].goals {
			e.cases[i].Only = append(e.cases[i].Only, g.of, g.beside)
		}
		loads = append(loads, e.cases[i].benchCase)
	}
	chosen, results, err := s.run(ctx, srv, loads)
	if err != nil {
		return err
	}
	var all []logFigure
	for _, c := range e.cases {
		for _, g := range c.goals {
			if !slices.ContainsFunc(chosen, func(b benchCase) bool { return b.Name == c.Name }) {
				continue
			}
			f := logFigure{Case: c.Name + " " + g.of, About: c.About + ": " + g.of + " beside " + g.what, Unit: "×",
				goal: g.goal}
			f.compare(results[c.Name][g.beside], results[c.Name][g.of], perSecond)
			all = append(all, f)
		}
	}
	figures.Progress("")
	printLog(os.Stdout, all)
	if s.Out == "" {
		return nil
	}
	return writeEngine(s, srv, engine, all)
}
