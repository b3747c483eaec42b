package watch

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
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// Tail prints what goes over the channels of namespaces.
var Tail = cli.Command{
	Name:    "tail",
	Summary: "print every message of a namespace as a line of JSON",
	Help: `
Prints what nodes and emitters send in a namespace, each message on a line of
JSON, decoded and with its attachment, until it is interrupted. It only
listens: no node knows of it. Heartbeats (type 2), which nodes that are silent
send every few seconds, are left out without --heartbeats.

Bytes are {"type":"Buffer","base64":"..."}. A message that cannot be read has an
"error". When the connection breaks it connects again and says on standard
error for how long it heard nothing.`,
	Examples: `
backplane tail --nsp /chat
backplane tail --nsp / --nsp /admin --type BROADCAST --type SERVER_SIDE_EMIT
backplane tail | jq -c 'select(.event == "news") | .args'`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		t := &tail{fs: fs}
		fs.StringArrayVar(&t.namespaces, "nsp", []string{"/"}, "the `NAMESPACE` (default /); repeat it for more")
		fs.BoolVar(&t.heartbeats, "heartbeats", false, "print heartbeats too")
		fs.StringArrayVar(&t.types, "type", nil, "only messages of this `TYPE`, a name such as BROADCAST or a number; repeat it for more")
		fs.IntVar(&t.count, "count", 0, "end after `N` messages")
		fs.Bool("json", true, "print JSON, which tail always does")
		cli.FlagValues(fs, "type", typeNames()...)
		t.connection = connect.BindCluster(fs)
		return t.run
	},
}

type tail struct {
	fs         *pflag.FlagSet
	namespaces []string
	types      []string
	heartbeats bool
	count      int
	connection *connect.Flags

	wanted   []codec.Type
	channels []string
}

// backlog is how many messages of a namespace wait to be printed, at most.
const backlog = 8192

// received is a message and when it came.
type received struct {
	transport.Message
	at time.Time
}

func (t *tail) check(limits transport.Limits) error {
	if t.count < 0 {
		return &cli.UsageError{Reason: "--count must not be negative"}
	}
	for _, name := range t.types {
		wanted, err := typeOf(name)
		if err != nil {
			return err
		}
		t.wanted = append(t.wanted, wanted)
	}
	for _, nsp := range t.namespaces {
		channel, err := Channel(t.connection, nsp, limits)
		if err != nil {
			return err
		}
		if !slices.Contains(t.channels, channel) {
			t.channels = append(t.channels, channel)
		}
	}
	return nil
}

func (t *tail) run(ctx context.Context, terminal *cli.Terminal, _ []string) error {
	server, err := t.connection.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	driver := server.Driver()
	defer closeDriver(ctx, driver)
	if err := t.check(driver.Limits()); err != nil {
		return err
	}
	reader := &Reader{Prefix: t.connection.Prefix, Store: driver, Timeout: t.connection.Timeout}
	if reader.Wire, err = t.connection.Wire(driver.Limits(), driver); err != nil {
		return err
	}
	queues := make(map[string]chan received) // by channel: a large message holds up its own namespace only
	for _, channel := range t.channels {
		queues[channel] = make(chan received, backlog)
	}
	var dropped atomic.Int64
	watcher, err := Open(ctx, Config{
		Bus: driver, Channels: t.channels, Timeout: t.connection.Timeout,
		Deliver: func(m transport.Message, at time.Time) {
			select {
			case queues[m.Channel] <- received{m, at}:
			default:
				dropped.Add(1) // a slow reader of the output must not hold up the server's queue
			}
		},
		Lost: func(err error) {
			terminal.Note("backplane tail: warning: hears nothing (%v), connects again", server.Explain(err))
		},
		Recovered: func(deaf time.Duration) {
			terminal.Note("backplane tail: warning: listens again; what was sent in the last %v is missing", deaf.Round(time.Millisecond))
		},
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return server.Explain(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx)
	}()
	terminal.Note("listening to %s", strings.Join(t.channels, ", "))
	out := &printer{terminal: terminal, left: t.count, endless: t.count == 0, stop: cancel}
	var group sync.WaitGroup
	for _, queue := range queues {
		group.Go(func() { t.follow(ctx, out, reader, queue, &dropped) })
	}
	group.Wait()
	cancel()
	<-done
	return out.err
}

// printer prints lines until there are as many as asked for.
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

// follow prints the messages of a namespace until ctx ends. With a table that does not answer, the messages that wait are delayed by one
// timeout in all.
func (t *tail) follow(ctx context.Context, out *printer, reader *Reader, queue <-chan received, dropped *atomic.Int64) {
	var unanswered time.Time // what came before has waited for that long already
	for {
		var m received
		select {
		case <-ctx.Done():
			return
		case m = <-queue:
		}
		if n := dropped.Swap(0); n > 0 {
			out.terminal.Note("backplane tail: warning: %d messages are missing: the output is read too slowly", n)
		}
		if h, err := reader.Header(m.Message); err == nil && !t.wants(h.Type) {
			continue
		}
		reading, cancel := context.WithCancelCause(ctx)
		if m.at.Before(unanswered) {
			cancel(errNoAnswer)
		}
		start := time.Now()
		line := reader.Line(reading, m.Message, m.at)
		cancel(nil)
		if time.Since(start) >= reader.Timeout {
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

// typeNames are the names of all types of messages.
func typeNames() []string {
	var names []string
	for kind := codec.InitialHeartbeat; kind.Known(); kind++ {
		names = append(names, kind.String())
	}
	return names
}

// typeOf finds a type by its name or number.
func typeOf(name string) (codec.Type, error) {
	for kind := codec.InitialHeartbeat; kind.Known(); kind++ {
		if strings.EqualFold(name, kind.String()) || name == fmt.Sprint(int(kind)) {
			return kind, nil
		}
	}
	return 0, &cli.UsageError{Reason: fmt.Sprintf("there is no --type %s: it is one of %s", name, strings.Join(typeNames(), ", "))}
}

// Channel is the channel of a namespace, whose first slash may be missing.
func Channel(flags *connect.Flags, nsp string, limits transport.Limits) (string, error) {
	if !strings.HasPrefix(nsp, "/") {
		nsp = "/" + nsp
	}
	channel, err := wire.Channel(flags.Prefix, nsp, limits)
	var name *fault.NameError
	if errors.As(err, &name) {
		return "", &cli.UsageError{Reason: strings.TrimPrefix(name.Error(), "backplane: ")}
	}
	return channel, err
}

func closeDriver(ctx context.Context, driver connect.Driver) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_ = driver.Close(ctx) // what it had to do is done
}
