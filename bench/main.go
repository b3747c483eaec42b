// Command bench runs Node.js's Postgres adapter and backplane side by side: the same messages, the same number in flight,
// one after the other on the same server, several rounds. See docs/explanation/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/backplane-go/backplane/bench/internal/process"
)

func main() {
	worker := flag.String("worker", "", "be a worker for this contender (used by the program itself)")
	postgres := flag.String("postgres", os.Getenv("BACKPLANE_TEST_POSTGRES"), "URL of a PostgreSQL whose role may create databases")
	rounds := flag.Int("rounds", 3, "how often each case is run")
	quick := flag.Bool("quick", false, "fewer messages")
	only := flag.String("cases", "", "run the cases whose names begin with one of these, separated by commas")
	profiles := flag.String("profiles", "", "folder for CPU profiles of the Go workers")
	out := flag.String("out", "", "file to write the results to, as JSON; a chart goes beside it")
	docs := flag.String("docs", "", "page of the documentation to write the table into")
	footprint := flag.Bool("memory", false, "print what namespaces, requests and sockets cost in memory, and nothing else")
	soaking := flag.Duration("soak", 0, "send 50 000 messages a second for so long and watch the heap, and nothing else")
	contenders := flag.String("contenders", "node,pgx,pq,bare", "who takes part")
	flag.Parse()
	if *worker != "" {
		exit(process.Profiled(*profiles, func() error { return work(*worker, *postgres) }))
	}
	if *footprint {
		exit(footprints(context.Background(), os.Stdout))
	}
	if *postgres == "" {
		exit(fmt.Errorf("no PostgreSQL: give -postgres URL, or run make bench-peers, which starts one"))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *soaking > 0 {
		exit(soak(ctx, os.Stdout, *postgres, *soaking))
	}
	exit(compare(ctx, settings{url: *postgres, rounds: *rounds, quick: *quick, only: prefixes(*only), contenders: prefixes(*contenders), profiles: *profiles, out: *out, docs: *docs}))
}

func prefixes(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
