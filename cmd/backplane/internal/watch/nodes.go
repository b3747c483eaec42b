package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// Nodes lists the nodes of a namespace.
var Nodes = cli.Command{
	Name:    "nodes",
	Summary: "list the nodes that are alive",
	Help: `
Lists the nodes of a namespace: the uid of each, how fast it answered, and when
it was last heard. It asks for a sign of life as a node does that starts, but
in the name of an emitter, so that no node counts it. Nodes answer at once; one
that does not within --settle is not in the list. The uid of a node differs
from one namespace to the next.`,
	Examples: `
backplane nodes
backplane nodes --nsp /chat --settle 6s   # hears heartbeats of slow nodes
backplane nodes --nodes 3 --timeout 10s   # waits for three, or fails`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		n := new(nodes)
		fs.StringVar(&n.nsp, "nsp", "/", "the `NAMESPACE`; a slash in front is added where it is missing")
		fs.DurationVar(&n.settle, "settle", 500*time.Millisecond, "end when for this `TIME` no other node was heard")
		fs.IntVar(&n.wanted, "nodes", 0, "end as soon as `N` nodes were heard, and fail if it is fewer within --timeout")
		fs.BoolVar(&n.json, "json", false, "print one JSON object")
		n.connection = connect.BindCluster(fs)
		return n.run
	},
}

type nodes struct {
	nsp        string
	settle     time.Duration
	wanted     int
	json       bool
	connection *connect.Flags
}

// node is a node, in JSON.
type node struct {
	UID string `json:"uid"`
	// AnswerMS is how long it took to be heard, in milliseconds.
	AnswerMS float64 `json:"answerMs"`
	LastSeen string  `json:"lastSeen"`

	seen time.Time
}

func (n *nodes) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	switch {
	case n.settle <= 0:
		return &cli.UsageError{Reason: "--settle must be more than 0"}
	case n.wanted < 0:
		return &cli.UsageError{Reason: "--nodes must not be negative"}
	}
	server, err := n.connection.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	driver := server.Driver()
	defer closeDriver(ctx, driver)
	channel, err := Channel(n.connection, n.nsp, driver.Limits())
	if err != nil {
		return err
	}
	found, err := n.ask(ctx, driver, channel)
	if err != nil {
		return server.Explain(err)
	}
	return n.print(t, found)
}

// ask asks all nodes for a sign of life and collects them.
func (n *nodes) ask(ctx context.Context, driver connect.Driver, channel string) ([]*node, error) {
	messages := make(chan received, backlog)
	lost := make(chan error, 1)
	wire, err := n.connection.Wire(driver.Limits(), nil)
	if err != nil {
		return nil, err
	}
	reader := &Reader{Wire: wire}
	watcher, err := Open(ctx, Config{
		Bus: driver, Channels: []string{channel}, Timeout: n.connection.Timeout,
		Deliver: func(m transport.Message, at time.Time) {
			select {
			case messages <- received{m, at}:
			default: // it is one of very many that came at once
			}
		},
		Lost: func(err error) {
			select {
			case lost <- err:
			default:
			}
		},
		Recovered: func(time.Duration) {},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	asked := time.Now()
	if err := n.call(ctx, driver, reader, channel); err != nil {
		return nil, err
	}
	return n.collect(ctx, reader, asked, messages, lost)
}

// call asks for a sign of life.
func (n *nodes) call(ctx context.Context, driver connect.Driver, reader *Reader, channel string) error {
	o, err := reader.Wire.Outgoing(channel, &codec.Envelope{Type: codec.InitialHeartbeat, UID: codec.EmitterUID,
		NSP: strings.TrimPrefix(channel, n.connection.Prefix+"#")})
	if err != nil {
		return err
	}
	defer o.Release()
	sender := &wire.Sender{Wire: reader.Wire, Bus: driver, Timeout: n.connection.Timeout}
	return sender.Send(ctx, []*wire.Outgoing{&o})
}

// collect gathers signs of life until there are enough, or no more come.
func (n *nodes) collect(ctx context.Context, reader *Reader, asked time.Time, messages <-chan received, lost <-chan error) ([]*node, error) {
	all := make(map[string]*node)
	patience := n.settle
	if n.wanted > 0 {
		patience = n.connection.Timeout
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for n.wanted == 0 || len(all) < n.wanted {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-lost:
			return nil, fmt.Errorf("the connection broke while the nodes answered: %w", err)
		case <-timer.C:
			return sorted(all), nil
		case m := <-messages:
			if newcomer := heard(all, reader, m, asked); newcomer && n.wanted == 0 {
				timer.Reset(patience)
			}
		}
	}
	return sorted(all), nil
}

// heard notes a sign of life, or that a node has gone. It is true for a node that was not known.
func heard(all map[string]*node, reader *Reader, m received, asked time.Time) bool {
	h, err := reader.Header(m.Message)
	if err != nil || h.UID == "" || h.UID == codec.EmitterUID {
		return false
	}
	if h.Type == codec.AdapterClose {
		delete(all, h.UID)
		return false
	}
	n, known := all[h.UID]
	if !known { // it may have spoken before it was asked
		n = &node{UID: h.UID, AnswerMS: max(0, float64(m.at.Sub(asked).Microseconds())/1000)}
		all[h.UID] = n
	}
	n.seen, n.LastSeen = m.at, m.at.UTC().Format("2006-01-02T15:04:05.000Z")
	return !known
}

func sorted(all map[string]*node) []*node {
	list := make([]*node, 0, len(all))
	for _, n := range all {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *node) int { return cmp.Compare(a.UID, b.UID) })
	return list
}

func (n *nodes) print(t *cli.Terminal, found []*node) error {
	var err error
	switch {
	case len(found) == 0:
		err = errors.New("no node answered: check the database, --nsp and --prefix, or give the nodes more --settle")
	case len(found) < n.wanted:
		err = fmt.Errorf("only %d of %d nodes answered within %v", len(found), n.wanted, n.connection.Timeout)
	}
	if n.json {
		if e := t.JSON(struct {
			Nodes    []*node `json:"nodes"`
			Complete bool    `json:"complete"`
		}{found, err == nil}); e != nil {
			return e
		}
		return err
	}
	rows := make([][]string, 0, len(found))
	for _, f := range found {
		rows = append(rows, []string{f.UID, fmt.Sprintf("%.1f ms", f.AnswerMS), f.seen.Local().Format("15:04:05.000")})
	}
	t.Table([]string{"UID", "ANSWERED", "LAST SEEN"}, rows)
	return err
}
