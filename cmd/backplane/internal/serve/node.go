package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/chat"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/health"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
)

// Options configure a node.
type Options struct {
	// Bus connects the nodes. BusName describes it. Prefix is the beginning of the names of its channels.
	Bus     transport.Bus
	BusName string
	Prefix  string
	// Dialect is the wire format. Default: that of the library. If Apart is set, it has no messages that the servers
	// send each other: the page shows only this node's clients, and only they are asked questions.
	Dialect dialect.Dialect
	Apart   bool
	// Unnamed is set if nodes of the dialect do not have a uid for their peers.
	Unnamed bool
	// Log configures the log of the cluster. Nil: there is none.
	Log *backplane.LogConfig
	// Recover is the time in which clients may return and are recovered. 0: they are not.
	Recover time.Duration
	// Name is the name of the node on the page. Default: its port.
	Name string
	// URL is the address of the page of the node. Default: "http://" and the address that the node listens on.
	URL string
	// Server configures the Socket.IO server; its Cluster, Logger and Recovery are set here.
	Server socketio.Config
	Logger *slog.Logger
	// Metrics is where the metrics are served. Nil: nowhere. The node closes it when it stops.
	Metrics net.Listener
}

// Node is one Socket.IO server of a cluster, with the chat and its page.
type Node struct {
	Name string
	URL  string

	cluster *backplane.Cluster
	io      *socketio.Server
	http    *http.Server
	metrics *http.Server // nil: there is none
	chat    *chat.Chat
	stop    context.CancelFunc // ends the chat
	group   sync.WaitGroup     // the goroutines of HTTP and the chat
	failed  chan error         // the error that has ended HTTP, unless Stop has ended it
}

// Start starts a node. The node closes listener when it stops. ctx limits how long the start may take.
func Start(ctx context.Context, listener net.Listener, o Options) (*Node, error) {
	n := &Node{Name: o.Name, URL: o.URL, failed: make(chan error, 1)}
	host, port := localAddress(listener.Addr())
	if n.Name == "" {
		n.Name = port
	}
	if n.URL == "" {
		n.URL = "http://" + net.JoinHostPort(host, port) + "/"
	}
	if err := n.open(ctx, o); err != nil {
		if o.Metrics != nil {
			err = errors.Join(err, o.Metrics.Close())
		}
		return nil, errors.Join(err, listener.Close())
	}
	n.chat = chat.New(n.io, chat.Config{Name: n.Name, URL: n.URL, Bus: o.BusName, Apart: o.Apart, Unnamed: o.Unnamed})
	mux := http.NewServeMux()
	mux.Handle(o.Server.Path, n.io)
	mux.Handle("GET /{$}", chat.Page(o.Server.Path))
	mux.Handle(health.LivePath, health.Live())
	mux.Handle(health.ReadyPath, health.Ready(n.io))
	n.http = socketio.HTTPServer("", mux)
	n.http.ErrorLog = journal.New(o.Logger).Standard(&journal.HTTPError)

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.stop = stop
	n.group.Go(func() { n.chat.Run(running) })
	n.group.Go(func() {
		if err := n.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.fail(err)
		}
	})
	if o.Metrics != nil {
		n.serveMetrics(o.Metrics, o.Logger)
	}
	return n, nil
}

// open joins the cluster.
func (n *Node) open(ctx context.Context, o Options) (err error) {
	n.cluster, err = backplane.Open(ctx, backplane.Config{Bus: o.Bus, Dialect: o.Dialect, ChannelPrefix: o.Prefix,
		Log: o.Log, Logger: o.Logger})
	if err != nil {
		return err
	}
	config := o.Server
	config.Cluster, config.Logger = n.cluster, o.Logger
	if o.Recover > 0 {
		config.Recovery = &socketio.Recovery{MaxDisconnection: o.Recover, DecodeData: chat.DecodeData}
	}
	if n.io, err = socketio.NewServer(config); err != nil {
		return errors.Join(err, n.cluster.Close(ctx))
	}
	return nil
}

// WaitForPeers waits until the node knows at least that many peers.
func (n *Node) WaitForPeers(ctx context.Context, peers int) error {
	return n.io.WaitForPeers(ctx, peers)
}

// Failed delivers the error if the node has ended without a call of Stop.
func (n *Node) Failed() <-chan error { return n.failed }

// Drain refuses new clients and disconnects the others, spread evenly over socketio.Config.DrainTime, so that they move
// to other nodes. The port still answers, so that balancers can see that the node is not ready. Call Stop after it.
func (n *Node) Drain(ctx context.Context) error { return n.io.Drain(ctx) }

// fail delivers the first error that ends the node.
func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}

// leaveTime is the part of the time for Stop that is reserved for sending the leave message to the cluster.
const leaveTime = time.Second

// Stop disconnects the clients, sends the leave message to the cluster and frees the port. Clients that are still
// connected a second before ctx ends are disconnected, and their queued packets are dropped.
func (n *Node) Stop(ctx context.Context) error {
	n.stop()
	clients, cancel := ctx, context.CancelFunc(func() {})
	if end, bounded := ctx.Deadline(); bounded {
		clients, cancel = context.WithDeadline(ctx, end.Add(-leaveTime))
	}
	defer cancel()
	var group sync.WaitGroup
	var closing error
	group.Go(func() { closing = n.http.Shutdown(clients) }) // waits for the requests that Shutdown of io ends
	err := n.io.Shutdown(clients)
	group.Wait()
	if closing != nil {
		closing = errors.Join(closing, n.http.Close())
	}
	metrics := n.stopMetrics(clients)
	n.group.Wait()
	n.chat.Wait()
	return errors.Join(err, closing, metrics, n.cluster.Close(ctx))
}

// localAddress returns the address of a listener for clients on this machine.
func localAddress(addr net.Addr) (host, port string) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String(), ""
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return host, port
}

// Listen listens on addr. If the port is in use, the error says what to do.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if isTaken(err) {
		return nil, fmt.Errorf("%s is in use: stop the program that listens there, or choose another address, "+
			"such as --addr 127.0.0.1:4000", addr)
	}
	return listener, err
}
