package listen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
as a node. A node that does not answer within --settle is not listed.

In the legacy dialect the command sends nothing: it lists the connections by
which nodes are counted. Node.js's servers show only one of their namespaces, so
it can be uncertain whether a server has opened this one.

In the classic and sharded dialects nodes are the listeners of a channel. The
command counts them, asks them for the clients of a room that does not exist,
and lists those that have answered. In the classic dialect answers of Node.js's
servers do not have a uid.`,
	Examples: `
backplane nodes
backplane nodes --nsp /chat --settle 6s   # includes slow nodes, by heartbeat
backplane nodes --nodes 3 --timeout 10s   # waits for 3 nodes, or fails
backplane nodes --dialect legacy --prefix chat
backplane nodes --redis redis://localhost:6379 --dialect classic`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		n := &nodes{fs: fs}
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
	fs         *pflag.FlagSet
	nsp        string
	settle     time.Duration
	wanted     int
	json       bool
	connection *connect.Flags
}

// Node is a node that has announced itself, in JSON.
type Node struct {
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
	case n.connection.Counts() && n.fs.Changed("settle"):
		return n.connection.Needless("settle", "counts the nodes at once")
	case n.connection.Legacy():
		return n.runCensus(ctx, t)
	case n.connection.Counts():
		return n.runCounted(ctx, t)
	}
	var found []*Node
	if err := n.connection.WithDriver(ctx, func(_ connect.Server, bus transport.Bus) (err error) {
		found, err = n.find(ctx, bus)
		return err
	}); err != nil {
		return err
	}
	return n.print(t, found)
}

// Announced asks all nodes of a namespace to answer, until no other node has answered for the time of settle.
func Announced(
	ctx context.Context, flags *connect.Flags, bus transport.Bus, nsp string, settle time.Duration,
) ([]*Node, error) {
	return (&nodes{connection: flags, nsp: nsp, settle: settle}).find(ctx, bus)
}

// find asks all nodes to answer and collects the answers.
func (n *nodes) find(ctx context.Context, bus transport.Bus) (found []*Node, err error) {
	channel, err := Channel(n.connection, n.nsp)
	if err != nil {
		return nil, err
	}
	wire, err := n.connection.Wire(bus)
	if err != nil {
		return nil, err
	}
	decoder := &Decoder{Wire: wire}
	messages, lost := newQueue(), make(chan error, 1)
	listener, err := Open(ctx, Config{
		Bus: bus, Channels: []string{channel}, Own: n.connection.OwnChannel(), Timeout: n.connection.Timeout,
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
	err = listener.While(ctx, func(ctx context.Context) (err error) {
		asked := time.Now()
		if err := ask(ctx, n.connection, bus, wire, channel, n.nsp); err != nil {
			return err
		}
		found, err = n.collect(ctx, decoder, asked, messages, lost)
		return err
	})
	return found, err
}

// AskNodes sends the message that the nodes of a namespace answer, and waits for no answer.
func AskNodes(ctx context.Context, flags *connect.Flags, bus transport.Bus, nsp string) error {
	channel, err := Channel(flags, nsp)
	if err != nil {
		return err
	}
	w, err := flags.Wire(bus)
	if err != nil {
		return err
	}
	return ask(ctx, flags, bus, w, channel, nsp)
}

func ask(
	ctx context.Context, flags *connect.Flags, bus transport.Bus, w *wire.Wire, channel, nsp string,
) error {
	o, err := w.Outgoing(channel, &codec.Envelope{
		Type: codec.InitialHeartbeat, UID: codec.EmitterUID, NSP: Namespace(nsp),
	})
	if err != nil {
		return err
	}
	defer o.Release()
	sender := &wire.Sender{Wire: w, Bus: bus, Timeout: flags.Timeout}
	return sender.Send(ctx, []*wire.Outgoing{&o})
}

// collect reads messages until enough nodes have answered, or until no other node has answered for the time of
// --settle.
func (n *nodes) collect(
	ctx context.Context, decoder *Decoder, asked time.Time, messages queue, lost <-chan error,
) ([]*Node, error) {
	all := make(map[string]*Node)
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
func record(all map[string]*Node, decoder *Decoder, m received, asked time.Time) bool {
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
		n = &Node{UID: h.UID, AnswerMS: max(0, float64(m.at.Sub(asked).Microseconds())/1000)}
		all[h.UID] = n
	}
	n.seen, n.LastSeen = m.at, m.at.UTC().Format("2006-01-02T15:04:05.000Z")
	return !known
}

func sorted(all map[string]*Node) []*Node {
	list := make([]*Node, 0, len(all))
	for _, n := range all {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *Node) int { return cmp.Compare(a.UID, b.UID) })
	return list
}

func (n *nodes) print(t *cli.Terminal, found []*Node) error {
	var err error
	switch {
	case len(found) == 0:
		err = errors.New("no node answered: check the server, --nsp and --prefix, or increase --settle")
	case len(found) < n.wanted:
		err = fmt.Errorf("only %d of %d nodes answered within %v", len(found), n.wanted, n.connection.Timeout)
	}
	if n.json {
		if e := t.JSON(struct {
			Nodes    []*Node `json:"nodes"`
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
