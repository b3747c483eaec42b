// Command server runs Node.js's Socket.IO server and the package socketio side by side under the same load: fresh processes in
// turn, the server on one core and the load generator on another. See docs/explanation/server-performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"github.com/backplane-go/backplane/bench/server/internal/load"
)

func main() {
	generate := flag.Bool("load", false, "be the load generator (used by the program itself)")
	nodes := flag.Int("serve", 0, "be a Go server of so many nodes (used by the program itself)")
	call := flag.String("call", one, "with -serve: what is done for a broadcast, by the name of the contender")
	rounds := flag.Int("rounds", 3, "how often each case is run")
	quick := flag.Bool("quick", false, "one round of less than half the time")
	only := flag.String("cases", "", "run the cases whose names begin with one of these, separated by commas")
	contenders := flag.String("contenders", "node,go,async,postgres,go2,centrifuge", "who takes part")
	profiles := flag.String("profiles", "", "folder for profiles of the Go servers: CPU while measured, heap at the end")
	serverCore := flag.Int("server-core", 0, "the core of the servers")
	loadCore := flag.Int("load-core", 1, "the core of the load generator")
	out := flag.String("out", "", "file to write the results to, as JSON; cases that are not run stay as they are in it; a chart goes beside it")
	docs := flag.String("docs", "", "page of the documentation whose table is replaced, from all that is in the results")
	flag.Parse()
	if runtime.GOOS != "linux" {
		exit(errors.New("it runs on Linux only: the clients are read through epoll, processes are bound to cores with taskset, and /proc says what they use"))
	}
	switch {
	case *generate:
		exit(load.Run(os.Stdin, os.Stdout))
	case *nodes > 0:
		exit(serve(*nodes, *call, *profiles))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := &settings{rounds: *rounds, quick: *quick, only: prefixes(*only), contenders: prefixes(*contenders), profiles: *profiles,
		serverCore: *serverCore, loadCore: *loadCore, out: *out, docs: *docs}
	exit(s.compare(ctx))
}

func prefixes(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/server:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
