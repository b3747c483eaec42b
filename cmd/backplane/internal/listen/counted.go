package listen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// Answer is a node that has answered, in a dialect whose nodes are the listeners of a channel; in JSON.
type Answer struct {
	// UID is empty if the answer does not name its sender.
	UID string `json:"uid"`
	// Backplane is true for a node of this library, which names itself where others do not. It is nil where all do.
	Backplane *bool `json:"backplane,omitempty"`
	// AnswerMS is how long the answer took, in milliseconds.
	AnswerMS float64 `json:"answerMs"`
}

// Counted are the nodes of a namespace in such a dialect.
type Counted struct {
	Nodes   int      // the listeners
	Answers []Answer // those that have answered, those with a uid first
}

// Complete reports whether all nodes have answered, and whether there are as many as wanted.
func (c *Counted) Complete(wanted int) bool { return len(c.Answers) >= max(c.Nodes, wanted) }

// census asks the listeners of a channel.
type census struct {
	flags   *connect.Flags
	wire    *wire.Wire
	bus     transport.Bus
	counter transport.Counter
	nsp     string
	uid     string // of the question
	request string // the channel that the nodes listen to
	answers []string
}

// CountListeners counts the nodes of a namespace and asks them for the clients of a room that does not exist. It
// returns when all of them have answered, and at least wanted, or after the timeout of the flags. It is no node.
func CountListeners(
	ctx context.Context, flags *connect.Flags, bus transport.Bus, nsp string, wanted int,
) (*Counted, error) {
	c, err := newCensus(flags, bus, nsp)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, flags.Timeout)
	defer cancel()
	messages, lost := newQueue(), make(chan error, 1)
	listener, err := Open(waiting, Config{
		Bus: bus, Channels: c.answers, Own: flags.OwnChannel(), Timeout: flags.Timeout,
		Deliver: func(m transport.Message, at time.Time) { messages.put(m, at) },
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
	found := new(Counted)
	err = listener.While(waiting, func(context.Context) error {
		return c.ask(ctx, waiting, found, wanted, messages, lost)
	})
	return found, err
}

func newCensus(flags *connect.Flags, bus transport.Bus, nsp string) (*census, error) {
	w, err := flags.Wire(bus)
	if err != nil {
		return nil, err
	}
	listeners, isCounted := w.Wire.(dialect.Counted)
	counter, counts := bus.(transport.Counter)
	if !isCounted || !counts {
		return nil, errors.New("this dialect or server does not count who listens")
	}
	c := &census{
		flags: flags, wire: w, bus: bus, counter: counter, nsp: nsp, uid: RandomText(),
		request: listeners.CountedChannel(nsp),
	}
	route, err := w.Namespace(nsp, c.uid)
	if err != nil {
		return nil, err
	}
	c.answers = slices.DeleteFunc(route.Listen(), func(channel string) bool {
		_, many := transport.CutPrefixName(channel) // broadcasts
		_, _, stream := streamentry.Parse(channel)  // broadcasts, too
		return many || stream || channel == c.request
	})
	return c, nil
}

// recount is how often the nodes are counted while the command waits for more.
const recount = 100 * time.Millisecond

// count returns how many nodes there are.
func (c *census) count(ctx context.Context) (int, error) {
	counts, err := c.counter.Listeners(ctx, c.request)
	if err != nil {
		return 0, &backplane.OpError{Op: "count the nodes", Channel: c.request, Err: err}
	}
	return counts[0], nil
}

// ask sends the question and adds the answers to found, until waiting ends.
func (c *census) ask(
	ctx, waiting context.Context, found *Counted, wanted int, messages queue, lost <-chan error,
) (err error) {
	if found.Nodes, err = c.count(waiting); err != nil {
		return err
	}
	id, asked := RandomText(), time.Now()
	if err := c.send(waiting, id); err != nil {
		return err
	}
	ticker := time.NewTicker(recount)
	defer ticker.Stop()
	for !found.Complete(wanted) {
		select {
		case <-waiting.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return nil // time is up
		case err := <-lost:
			return fmt.Errorf("the connection was lost while nodes answered: %w", err)
		case m := <-messages:
			env, err := c.wire.Decode(m.Channel, m.Payload)
			if err == nil && env != nil && env.RequestID == id && env.Type.Response() { // an empty list has no type
				found.add(env.UID, c.flags.Named(), m.at.Sub(asked))
			}
		case <-ticker.C:
			nodes, err := c.count(waiting)
			if err != nil {
				continue // the answers of the others count until time is up
			}
			if nodes > found.Nodes { // the new ones have not heard the question
				found.Answers, id, asked = nil, RandomText(), time.Now()
				if err := c.send(waiting, id); err != nil && waiting.Err() == nil {
					return err
				}
			}
			found.Nodes = nodes
		}
	}
	return nil
}

// send sends the question.
func (c *census) send(ctx context.Context, id string) error {
	question := codec.ListSockets
	if !c.wire.Wire.Carries(question) {
		question = codec.FetchSockets
	}
	o, err := c.wire.Outgoing(c.request, &codec.Envelope{
		Type: question, UID: c.uid, NSP: c.nsp, RequestID: id,
		Opts: codec.Opts{Rooms: []string{"backplane-nodes-" + id}},
	})
	if err != nil {
		return err
	}
	defer o.Release()
	sender := &wire.Sender{Wire: c.wire, Bus: c.bus, Timeout: c.flags.Timeout}
	return sender.Send(ctx, []*wire.Outgoing{&o})
}

// Ours reports whether it is known to be a node of this library.
func (a *Answer) Ours() bool { return a.Backplane != nil && *a.Backplane }

func (c *Counted) add(uid string, named bool, took time.Duration) {
	a := Answer{UID: uid, AnswerMS: float64(took.Microseconds()) / 1000}
	if ours := uid != ""; !named {
		a.Backplane = &ours
	}
	if uid != "" && slices.ContainsFunc(c.Answers, func(known Answer) bool { return known.UID == uid }) {
		return
	}
	c.Answers = append(c.Answers, a)
	slices.SortStableFunc(c.Answers, func(a, b Answer) int {
		if a.UID == "" || b.UID == "" {
			return cmp.Compare(b.UID, a.UID) // the empty one last
		}
		return cmp.Compare(a.UID, b.UID)
	})
}

// runCounted is the command in a dialect whose nodes are the listeners of a channel.
func (n *nodes) runCounted(ctx context.Context, t *cli.Terminal) error {
	nsp := Namespace(n.nsp)
	if _, err := Channel(n.connection, nsp); err != nil {
		return err
	}
	var found *Counted
	err := n.connection.WithDriver(ctx, func(_ connect.Server, bus transport.Bus) (err error) {
		found, err = CountListeners(ctx, n.connection, bus, nsp, n.wanted)
		return err
	})
	if err != nil {
		return err
	}
	switch silent := found.Nodes - len(found.Answers); {
	case found.Nodes == 0:
		err = fmt.Errorf("there is no node of %s: check the server, --nsp and --prefix", nsp)
	case silent > 0:
		err = fmt.Errorf("only %d of %d nodes answered within %v", len(found.Answers), found.Nodes,
			n.connection.Timeout)
	case !found.Complete(n.wanted):
		err = fmt.Errorf("there are only %d of %d nodes after %v", found.Nodes, n.wanted, n.connection.Timeout)
	}
	if n.json {
		if e := t.JSON(struct {
			Nodes    []Answer `json:"nodes"`
			Counted  int      `json:"counted"`
			Complete bool     `json:"complete"`
		}{append([]Answer{}, found.Answers...), found.Nodes, err == nil}); e != nil {
			return e
		}
		return err
	}
	n.countedTable(t, found)
	if err == nil {
		t.Note("listeners of %s: %d, all of which have answered", nsp, found.Nodes)
	}
	return err
}

func (n *nodes) countedTable(t *cli.Terminal, found *Counted) {
	header := []string{"UID", "SERVER", "ANSWERED"}
	if n.connection.Named() {
		header = []string{"UID", "ANSWERED"}
	}
	rows := make([][]string, 0, len(found.Answers))
	for _, a := range found.Answers {
		took := fmt.Sprintf("%.1f ms", a.AnswerMS)
		switch {
		case a.Backplane == nil:
			rows = append(rows, []string{a.UID, took})
		case a.Ours():
			rows = append(rows, []string{a.UID, "backplane", took})
		default:
			rows = append(rows, []string{"?", "Node.js", took})
		}
	}
	t.Table(header, rows)
}
