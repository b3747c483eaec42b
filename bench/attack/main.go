// Command attack attacks a Socket.IO server, and a cluster on PostgreSQL, in ways that are known to hurt servers. Each attack has
// a fresh server and runs beside a well-behaved client. In the end a table tells what each attack cost the server, what it
// cost the attacker, and what the other client felt of it. The exit status is 1 if anything was over its bound.
//
//	go run ./bench/attack [-run regexp] [-list]
//
// Everything happens on the loopback interface of this machine. The attacks on the cluster need the variable
// BACKPLANE_TEST_POSTGRES, the URL of a PostgreSQL on which databases may be created; make attack sets it.
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
	asVictim := flag.String("victim", "", "be the server that is attacked; used by the command itself")
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
		exit(errors.New("it runs on Linux only: the attackers come from 127.0.0.2, and what the server has open is read from /proc"))
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
