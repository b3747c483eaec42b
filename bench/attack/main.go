// Command attack runs known attacks against a Socket.IO server and against a cluster on PostgreSQL. Each attack
// runs against a new server, while a well-behaved client uses the same server. At the end a table shows what
// each attack cost the server and the attacker, and how long the calls of the well-behaved client took. The
// exit status is 1 if a cost was over its bound.
//
//	go run ./bench/attack [-run regexp] [-list]
//
// All traffic stays on the loopback interface. The attacks on the cluster need the environment variable
// BACKPLANE_TEST_POSTGRES, the URL of a PostgreSQL server whose role may create databases; make attack sets it.
//
// # Files
//
//   - main.go: the flags, and the order of the attacks
//   - attacks.go: the list of the attacks on a server
//   - attacks_clients.go, attacks_requests.go, attacks_peers.go: what the attackers do
//   - attack.go: how one attack is run, measured and judged
//   - client.go: the clients of the attackers, and the well-behaved client
//   - victim.go: the server, a separate process
//   - table.go: the table of results
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
)

func main() {
	pattern := flag.String("run", "", "run only the attacks whose names match this regular expression")
	names := flag.Bool("list", false, "list the attacks and run none")
	asVictim := flag.String("victim", "", "internal: be the server under attack")
	flag.Parse()
	if *asVictim != "" {
		exit(serveVictim(*asVictim))
		return
	}
	chosen, err := regexp.Compile(*pattern)
	exit(err)
	if *names {
		for _, a := range attacks() {
			fmt.Printf("%-22s %s\n", a.name, a.what)
		}
		return
	}
	if runtime.GOOS != "linux" {
		exit(errors.New("this program needs Linux: the attackers use the address 127.0.0.2, and open files are " +
			"counted in /proc"))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var rows []row
	for _, a := range attacks() {
		if !chosen.MatchString(a.name) || ctx.Err() != nil {
			continue
		}
		fmt.Printf("%s: %s …\n", a.name, a.what)
		r := carryOut(ctx, a)
		fmt.Println("  " + r.verdict())
		rows = append(rows, r)
	}
	exit(ctx.Err())
	if !printTable(os.Stdout, rows) {
		os.Exit(1)
	}
}

// exit ends the program if there is an error.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(2)
	}
}
