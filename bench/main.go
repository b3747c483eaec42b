// Command bench compares backplane with Node.js's Postgres adapter: the same messages, the same number in flight,
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
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/bench/internal/process"
)

func main() {
	var s settings
	s.Flags("node,pgx,pq,bare", "a fifth of the messages")
	worker := flag.String("worker", "", "internal: be a worker of this contender")
	flag.StringVar(&s.url, "postgres", os.Getenv("BACKPLANE_TEST_POSTGRES"),
		"URL of a PostgreSQL server whose role may create databases")
	footprint := flag.Bool("memory", false, "only print how much memory a namespace, a request and a socket use")
	soakTime := flag.Duration("soak", 0, "only send 50 000 messages a second for this time and watch the heap")
	flag.Parse()
	switch {
	case *worker != "":
		exit(process.Profiled(s.Profiles, func() error { return work(*worker, s.url) }))
	case *footprint:
		exit(footprints(context.Background(), os.Stdout))
	case s.url == "":
		exit(errors.New("no PostgreSQL: give -postgres URL, or run make bench-peers, which starts one"))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *soakTime > 0 {
		exit(soak(ctx, os.Stdout, s.url, *soakTime))
	}
	exit(compare(ctx, s))
}

func exit(err error) { figures.Exit("bench", err) }
