package listen

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

// Nodes is the nodes command. It lists the nodes of a namespace.
var Nodes = cli.Command{
	Name:    "nodes",
	Summary: "list the nodes that are alive",
	Help: `
Lists the nodes of a namespace: the uid of each, how long it took to answer, and
when its last message arrived. A node has a different uid in each namespace.

The command sends the message with which a new node announces itself, and nodes
answer it at once. It sends it as an emitter, so that the nodes do not count it
as a node. A node that does not answer within --settle is not listed.`,
	Examples: `
backplane nodes
backplane nodes --nsp /chat --settle 6s   # includes slow nodes, by heartbeat
backplane nodes --nodes 3 --timeout 10s   # waits for 3 nodes, or fails`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		n := new(nodes)
		fs.StringVar(&n.nsp, "nsp", "/", "`NAMESPACE`, with or without the slash at its beginning")
		fs.DurationVar(&n.settle, "settle", 500*time.Millisecond,
			"stop when no other node has answered for this `TIME`")
		fs.IntVar(&n.wanted, "nodes", 0, "stop when `N` nodes have answered; fail if fewer answer within --timeout")
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
	// AnswerMS is how long the answer took, in milliseconds.
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
	var found []*node
	if err := n.connection.WithDriver(ctx, func(_ *connect.Server, driver connect.Driver) (err error) {
		found, err = n.find(ctx, driver)
		return err
	}); err != nil {
		return err
	}
	return n.print(t, found)
}

// find asks all nodes to answer and collects the answers.
func (n *nodes) find(ctx context.Context, driver connect.Driver) (found []*node, err error) {
	channel, err := Channel(n.connection, n.nsp, driver.Limits())
	if err != nil {
		return nil, err
	}
	wire, err := n.connection.Wire(driver.Limits(), nil)
	if err != nil {
		return nil, err
	}
	decoder := &Decoder{Wire: wire}
	messages, lost := newQueue(), make(chan error, 1)
	listener, err := Open(ctx, Config{
		Bus: driver, Channels: []string{channel}, Timeout: n.connection.Timeout,
		Deliver: func(m transport.Message, at time.Time) {
			messages.put(m, at) // if the queue is full, there are more answers than anyone reads
		},
		Lost: func(err error) {
			select {
			case lost <- err:
			default: // the command already fails with another error
			}
		},
		Recovered: func(time.Duration) {},
	})
	if err != nil {
		return nil, err
	}
	err = listener.while(ctx, func(ctx context.Context) (err error) {
		asked := time.Now()
		if err := n.announce(ctx, driver, decoder, channel); err != nil {
			return err
		}
		found, err = n.collect(ctx, decoder, asked, messages, lost)
		return err
	})
	return found, err
}

// announce sends the message that nodes answer.
func (n *nodes) announce(ctx context.Context, driver connect.Driver, decoder *Decoder, channel string) error {
	o, err := decoder.Wire.Outgoing(channel, &codec.Envelope{
		Type: codec.InitialHeartbeat, UID: codec.EmitterUID, NSP: strings.TrimPrefix(channel, n.connection.Prefix+"#"),
	})
	if err != nil {
		return err
	}
	defer o.Release()
	sender := &wire.Sender{Wire: decoder.Wire, Bus: driver, Timeout: n.connection.Timeout}
	return sender.Send(ctx, []*wire.Outgoing{&o})
}

// collect reads messages until enough nodes have answered, or until no other node has answered for the time of
// --settle.
func (n *nodes) collect(
	ctx context.Context, decoder *Decoder, asked time.Time, messages queue, lost <-chan error,
) ([]*node, error) {
	all := make(map[string]*node)
	timeout := n.settle
	if n.wanted > 0 {
		timeout = n.connection.Timeout
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for n.wanted == 0 || len(all) < n.wanted {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-lost:
			return nil, fmt.Errorf("the connection was lost while nodes answered: %w", err)
		case <-timer.C:
			return sorted(all), nil
		case m := <-messages:
			if isNew := record(all, decoder, m, asked); isNew && n.wanted == 0 {
				timer.Reset(timeout)
			}
		}
	}
	return sorted(all), nil
}

// record updates the nodes with a message. It returns true if the message is the first of its node.
func record(all map[string]*node, decoder *Decoder, m received, asked time.Time) bool {
	h, err := decoder.Header(m.Message)
	if err != nil || h.UID == "" || h.UID == codec.EmitterUID {
		return false
	}
	if h.Type == codec.AdapterClose {
		delete(all, h.UID)
		return false
	}
	n, known := all[h.UID]
	if !known { // the message may be older than the question
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
		err = errors.New("no node answered: check the database, --nsp and --prefix, or increase --settle")
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
