// Command bench compares backplane with Node.js's Postgres adapter: the same messages, the same number in flight, one
// after the other on the same server, several rounds. See docs/explanation/performance.md.
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
