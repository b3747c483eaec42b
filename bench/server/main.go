// Command server compares package socketio with Node.js's Socket.IO server under the same load: new processes in
// turn, the server on one core and the load generator on another. See docs/explanation/server-performance.md.
//
// # Files
//
//   - main.go: the flags
//   - cases.go: the list of the loads and of the contenders
//   - compare.go, run.go: the coordinator, which starts the processes and runs each case
//   - serve.go: a Go server; centrifuge: a server on that library; node: Node.js's server
//   - others.go: building the server on centrifuge
//   - results.go, report.go, table.go, chart.go: what is printed and written
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"runtime"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/bench/server/internal/load"
)

func main() {
	var s settings
	s.Flags("node,go,async,postgres,go2,centrifuge", "one round of each case, of less than half the time")
	generate := flag.Bool("load", false, "internal: be the load generator")
	nodes := flag.Int("serve", 0, "internal: be a Go server of this many nodes")
	call := flag.String("call", one, "internal: with -serve, the contender, which decides how a broadcast is sent")
	flag.IntVar(&s.serverCore, "server-core", 0, "the core of the servers")
	flag.IntVar(&s.loadCore, "load-core", 1, "the core of the load generator")
	flag.Parse()
	if runtime.GOOS != "linux" {
		exit(errors.New("this benchmark needs Linux: it uses epoll, taskset and /proc"))
	}
	switch {
	case *generate:
		exit(load.Run(os.Stdin, os.Stdout))
	case *nodes > 0:
		exit(serve(*nodes, *call, s.Profiles))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(s.compare(ctx))
}

func exit(err error) { figures.Exit("bench/server", err) }
