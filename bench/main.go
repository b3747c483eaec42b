// Command bench compares backplane with Node.js's adapters: the same messages, the same number in flight,
// one after the other on the same server, several rounds. See docs/explanation/performance.md.
//
// # Files
//
//   - main.go: the flags
//   - cases.go: the list of the loads
//   - compare.go, team.go, process.go: the coordinator, which starts the contenders' processes and runs each case
//   - worker.go: a Go worker; node.go: on backplane; bare.go: the lower bound; node/worker.js: on Node.js
//   - expectation.go: the messages, and how receivers count them
//   - postgres.go: the databases and the CPU time of the server
//   - results.go, report.go, table.go, chart.go: what is printed and written
//   - memory.go, soak.go: the flags -memory and -soak
//   - log.go, log_table.go: the flag -log; log_recover.go, log_deaf.go, log_idle.go, log_tx.go: its special cases;
//     log_serve.go: a Socket.IO server
//   - engines.go: the flag -engine; redis.go, nats.go: the Redis and NATS servers
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"strings"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/bench/internal/process"
)

func main() {
	var s settings
	s.Flags(strings.Join(defaultContenders, ","), "a fifth of the messages")
	worker := flag.String("worker", "", "internal: be a worker of this contender")
	flag.StringVar(&s.url, "postgres", os.Getenv("BACKPLANE_TEST_POSTGRES"),
		"URL of a PostgreSQL server whose role may create databases")
	footprint := flag.Bool("memory", false, "only print how much memory a namespace, a request and a socket use")
	soakTime := flag.Duration("soak", 0, "only send 50 000 messages a second for this time and watch the heap")
	engine := flag.String("engine", "", "compare on this server instead of PostgreSQL: redis or nats")
	withLog := flag.Bool("log", false, "measure what a log costs and gives, beside the same without it")
	flag.Parse()
	switch {
	case *worker == socketServer:
		exit(process.Profiled(s.Profiles, func() error { return serveSockets(s.url) }))
	case *worker != "":
		exit(process.Profiled(s.Profiles, func() error { return work(*worker, s.url) }))
	case *footprint:
		exit(footprints(context.Background(), os.Stdout))
	case *engine != "":
		exit(compareEngine(context.Background(), s, *engine))
	case s.url == "":
		exit(errors.New("no PostgreSQL: give -postgres URL, or run make bench-peers, which starts one"))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *soakTime > 0 {
		exit(soak(ctx, os.Stdout, s.url, *soakTime))
	}
	if *withLog {
		exit(compareLog(ctx, s))
	}
	exit(compare(ctx, s))
}

var defaultContenders = []string{"node", "pgx", "pq", "bare"}

func exit(err error) { figures.Exit("bench", err) }
