package listen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// Tail is the tail command. It prints the messages of namespaces.
var Tail = cli.Command{
	Name:    "tail",
	Summary: "print the messages of a namespace as lines of JSON",
	Help: `
Prints each message that nodes and emitters send in a namespace, decoded and
with its attachment, as a line of JSON. It runs until it is interrupted. It only
listens: nodes do not notice it. Heartbeats (type 2), which idle nodes send
every few seconds, are printed only with --heartbeats.

Bytes are {"type":"Buffer","base64":"..."}. A message that cannot be decoded has
an "error". When the connection is lost, the command reconnects and reports on
standard error for how long messages are missing.

In the legacy dialect, a message in pieces is printed when all have come, and
"uid" is empty if the message does not name its sender. In the classic dialect
answers of Node.js's servers have no "uid" either, and requests in a namespace
such as "/chat#b" are also printed as those of "/chat". In the sharded dialect
the command is not possible.`,
	Examples: `
backplane tail --nsp /chat
backplane tail --nsp / --nsp /admin --type BROADCAST --type SERVER_SIDE_EMIT
backplane tail --dialect legacy --nsp /chat --type LIST_SOCKETS
backplane tail --redis redis://localhost:6379 --dialect classic --nsp /chat
backplane tail | jq -c 'select(.event == "news") | .args'`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		t := &tail{spaces: make(map[string]string)}
		fs.StringArrayVar(&t.namespaces, "nsp", []string{"/"},
			"`NAMESPACE`, with or without the slash at its beginning (default /); repeat the flag for more")
		fs.BoolVar(&t.heartbeats, "heartbeats", false, "also print heartbeats")
		fs.StringArrayVar(&t.types, "type", nil,
			"print only messages of this `TYPE`: a name such as BROADCAST, or a number; repeat the flag for more")
		fs.IntVar(&t.count, "count", 0, "stop after `N` messages (default: no limit)")
		fs.Bool("json", true, "accepted for consistency: tail always prints JSON")
		cli.FlagValues(fs, "type", typeNames(connect.AllTypes())...)
		t.connection = connect.BindCluster(fs)
		return t.run
	},
}

type tail struct {
	namespaces []string
	types      []string
	heartbeats bool
	count      int
	connection *connect.Flags

	wanted []codec.Type
	spaces map[string]string // the namespaces of what is listened to, by the names of channels
	names  []string          // these names
}

// check validates the flags and finds the types and channels that they name.
func (t *tail) check() error {
	if t.count < 0 {
		return &cli.UsageError{Reason: "--count must not be negative"}
	}
	if t.connection.Sharded() { // there are no patterns for sharded channels
		return t.connection.Unsupported("tail", "whoever listens counts as a node, whose answers the others await")
	}
	if t.heartbeats && t.connection.Counts() {
		return t.connection.Unsupported("--heartbeats", "nodes are counted")
	}
	for _, name := range t.types {
		wanted, err := typeOf(name, t.connection.Types())
		if err != nil {
			return err
		}
		t.wanted = append(t.wanted, wanted)
	}
	for i, nsp := range t.namespaces {
		t.namespaces[i] = Namespace(nsp)
		names, err := t.connection.Watched(t.namespaces[i])
		if err != nil {
			return usage(err)
		}
		for _, name := range names {
			if _, known := t.spaces[name]; !known {
				t.names = append(t.names, name)
			}
			t.spaces[name] = t.namespaces[i]
		}
	}
	return nil
}

func (t *tail) run(ctx context.Context, terminal *cli.Terminal, _ []string) error {
	return t.connection.WithDriver(ctx, func(server connect.Server, bus transport.Bus) error {
		return t.printMessages(ctx, terminal, server, bus)
	})
}

// printMessages prints messages until ctx ends or the number of messages of --count is reached.
func (t *tail) printMessages(
	ctx context.Context, terminal *cli.Terminal, server connect.Server, bus transport.Bus,
) error {
	if err := t.check(); err != nil {
		return err
	}
	wire, err := t.connection.Wire(bus)
	if err != nil {
		return err
	}
	decoder := &Decoder{
		Spaces: t.spaces, Wire: wire, Store: connect.StoreOf(bus), Timeout: t.connection.Timeout,
	}
	if t.connection.Legacy() {
		decoder.Namespaces = t.namespaces
	}
	queues := t.queues()
	var dropped atomic.Int64
	listener, err := Open(ctx, Config{
		Bus: bus, Channels: t.names, Own: t.connection.OwnChannel(), Timeout: t.connection.Timeout,
		Deliver: func(m transport.Message, at time.Time) {
			if !queues[t.spaces[m.Channel]].put(m, at) {
				dropped.Add(1) // waiting for a slow reader would fill the server's notification queue
			}
		},
		Lost: func(err error) {
			terminal.Note("backplane tail: warning: the connection was lost (%v), reconnecting", server.Explain(err))
		},
		Recovered: func(missed time.Duration) {
			terminal.Note("backplane tail: warning: listening again; messages of the last %v are missing",
				missed.Round(time.Millisecond))
		},
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	return listener.While(ctx, func(ctx context.Context) error {
		listening := strings.Join(connect.Shown(t.names...), ", ")
		if t.connection.Legacy() {
			listening += fmt.Sprintf(", for %s of %s", strings.Join(t.namespaces, ", "), t.connection.Prefix)
		}
		terminal.Note("listening to %s", listening)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		out := &printer{terminal: terminal, left: t.count, endless: t.count == 0, stop: cancel}
		var group sync.WaitGroup
		for _, queue := range queues {
			group.Go(func() { t.decodeQueue(ctx, out, decoder, queue, &dropped) })
		}
		group.Wait()
		return out.err
	})
}

// queues returns a queue for each namespace, so that a large message delays only its own. Namespaces that share a
// channel have one queue.
func (t *tail) queues() map[string]queue {
	queues := make(map[string]queue)
	for _, nsp := range t.spaces {
		if queues[nsp] == nil {
			queues[nsp] = newQueue()
		}
	}
	return queues
}

// printer prints lines until their number is reached.
type printer struct {
	terminal *cli.Terminal
	stop     func()
	endless  bool

	mu   sync.Mutex // guards the fields below
	left int        // lines, unless it is endless
	err  error
}

func (p *printer) print(l Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || p.left == 0 && !p.endless {
		return
	}
	p.left--
	if p.err = p.terminal.JSON(l); p.err != nil || p.left == 0 && !p.endless {
		p.stop()
	}
}

var errNoAnswer = errors.New("the attachment was not read: the table did not answer in time for an earlier one")

// decodeQueue decodes and prints the messages of a namespace until ctx ends. If the table does not answer, all
// waiting messages together are delayed by one timeout, not each message by its own.
func (t *tail) decodeQueue(
	ctx context.Context, out *printer, decoder *Decoder, messages queue, dropped *atomic.Int64,
) {
	var unanswered time.Time // messages that arrived before have waited for a timeout already
	for {
		var m received
		select {
		case <-ctx.Done():
			return
		case m = <-messages:
		}
		if n := dropped.Swap(0); n > 0 {
			out.terminal.Note("backplane tail: warning: %d messages are missing: the output is read too slowly", n)
		}
		parsed, ok := decoder.Parse(m.Message)
		if !ok || parsed.env != nil && !t.wants(parsed.env.Type) {
			continue
		}
		reading, cancel := context.WithCancelCause(ctx)
		if m.at.Before(unanswered) {
			cancel(errNoAnswer)
		}
		start := time.Now()
		line := decoder.Line(reading, parsed, m.at)
		cancel(nil)
		if time.Since(start) >= decoder.Timeout {
			unanswered = time.Now()
		}
		if ctx.Err() != nil {
			return
		}
		out.print(line)
	}
}

func (t *tail) wants(kind codec.Type) bool {
	if len(t.wanted) > 0 {
		return slices.Contains(t.wanted, kind)
	}
	return t.heartbeats || kind != codec.Heartbeat
}

// typeNames returns the names of types of messages.
func typeNames(types []codec.Type) []string {
	var names []string
	for _, kind := range types {
		names = append(names, kind.String())
	}
	return names
}

// typeOf finds a type among others by its name or number.
func typeOf(name string, types []codec.Type) (codec.Type, error) {
	for _, kind := range types {
		if strings.EqualFold(name, kind.String()) || name == fmt.Sprint(int(kind)) {
			return kind, nil
		}
	}
	return 0, &cli.UsageError{Reason: fmt.Sprintf("there is no --type %s: it must be one of %s",
		name, strings.Join(typeNames(types), ", "))}
}
