// Command hub is a WebSocket server whose nodes form a cluster, and a client for it. See README.md in this folder.
//
// # Files
//
//   - main.go: starts the nodes and stops them
//   - hub.go: the clients of one node
//   - client.go: one client
//   - dial.go: the client of the command line
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// config has the values of the flags.
type config struct {
	listen    string        // addresses separated by commas; one node for each
	postgres  string        // URL of the database that carries the messages; empty: this process's memory
	origins   string        // other origins that may connect, such as "https://example.com", separated by commas
	heartbeat time.Duration // time between pings; a client that is silent for twice as long is disconnected
}

func main() {
	var c config
	flag.StringVar(&c.listen, "listen", "127.0.0.1:8081,127.0.0.1:8082", "`addresses` to listen on, one node for each")
	flag.StringVar(&c.postgres, "postgres", "", "`URL` of a database that connects the nodes of several processes")
	flag.StringVar(&c.origins, "origins", "", "`origins` of other pages that may connect, such as https://example.com")
	flag.DurationVar(&c.heartbeat, "heartbeat", 25*time.Second, "time between pings")
	node := flag.String("dial", "", "connect to the node at this `URL` as a client, such as ws://127.0.0.1:8081/")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *node != "" {
		err = talk(ctx, *node, os.Stdin, os.Stdout)
	} else {
		err = run(ctx, c, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// run runs the nodes until ctx ends. It returns when they have disconnected their clients and left the cluster.
func run(ctx context.Context, c config, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hub := memory.NewHub()
	newBus := func() transport.Bus { return hub }
	if c.postgres != "" {
		pool, err := pgxpool.New(ctx, c.postgres)
		if err != nil {
			return err
		}
		defer pool.Close()
		newBus = func() transport.Bus { return pgxdriver.New(pool) }
	}
	addresses := strings.Split(c.listen, ",")
	ended := make(chan error)
	for _, address := range addresses {
		go func() { ended <- serve(ctx, address, newBus(), c, out) }()
	}
	var first error
	for range addresses {
		if err := <-ended; first == nil {
			first = err
		}
		stop() // if one node fails, all stop
	}
	return first
}

// serve runs one node until ctx ends.
func serve(ctx context.Context, address string, bus transport.Bus, c config, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	h := newHub(c)
	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus:    bus,
		Logger: slog.Default(),
		Trace:  backplane.Trace{SessionRecovered: h.missed},
	})
	if err != nil {
		return err
	}
	defer within(patience, cluster.Close)
	if h.chat, err = cluster.Namespace(ctx, "/", h); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadTimeout: patience, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	shut := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(shut)
		within(patience, server.Shutdown)
	})
	fmt.Fprintf(out, "node on ws://%s/\n", listener.Addr())
	if err = server.Serve(listener); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	stop() // disconnects the clients, because the http.Server no longer tracks their connections
	<-shut
	h.clients.Wait()
	return err
}

// patience is the time limit of each step of connecting and shutting down.
const patience = 5 * time.Second

func within(d time.Duration, end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if err := end(ctx); err != nil {
		slog.Warn("hub: shutting down", slog.Any("error", err))
	}
}
