package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/userdata"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/emitter"
)

// Emit is the emit command. It sends an event to clients.
var Emit = cli.Command{
	Name:    "emit",
	Summary: "send an event to clients",
	Args:    "EVENT [ARGUMENT...]", MinArgs: 1, MaxArgs: -1,
	Help: `
Sends EVENT with its arguments to the clients of a namespace, or to the clients
in some rooms, on whichever node they are connected. An ARGUMENT is JSON; text
that is not JSON is a string.

The command sends as an emitter, which gets no answer. With --ack it waits for
the acknowledgements of all clients and prints them. In a cluster with a log,
--log keeps the event, so that nodes and clients that miss it get it later.` + "\n" + tempNodeHelp,
	Examples: `
backplane emit news '{"a":1}' '[1,2]' hello
backplane emit --nsp /chat --room r1 --room r2 --except r3 news
backplane emit --room r1 picture --binary cat.png
backplane emit --log --room r1 news '{"a":1}'
backplane emit --dialect legacy --prefix chat news
backplane emit --redis redis://localhost:6379 --dialect classic news
backplane emit --redis redis://localhost:6379 --dialect sharded news
backplane emit --redis redis://localhost:6379 --dialect streams news
backplane emit --ack --timeout 10s 'ready?'
backplane emit temperature -- -5`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		e := emit{fs: fs, to: bindTarget(fs, "send to clients"), event: bindEvent(fs)}
		fs.BoolVar(&e.volatile, "volatile", false, "drop the event for clients that are not ready to receive it")
		fs.BoolVar(&e.compress, "compress", false,
			"compress the event on its way to clients; --compress=false: do not (default: the server decides)")
		fs.BoolVar(&e.ack, "ack", false, "wait for the acknowledgements of the clients")
		e.wait = bindWait(fs)
		e.keep = bindKeep(fs)
		fs.BoolVar(&e.json, "json", false, "print the result as one JSON object")
		e.connection = connect.BindCluster(fs)
		return e.run
	},
}

type emit struct {
	fs         *pflag.FlagSet
	to         *target
	event      *eventFlags
	wait       *waitFlags
	keep       *keepFlags
	connection *connect.Flags

	volatile, compress, ack, json bool
}

func (e *emit) run(ctx context.Context, t *cli.Terminal, args []string) error {
	if err := e.to.check(e.connection); err != nil {
		return err
	}
	if err := e.wait.check(e.connection); err != nil {
		return err
	}
	if e.ack && e.connection.Legacy() {
		return e.connection.Unsupported("--ack", "")
	}
	if !e.ack {
		if err := e.wait.requires("--ack"); err != nil {
			return err
		}
	}
	if err := e.keep.check(e.connection, e.unkept()); err != nil {
		return err
	}
	event, err := e.event.read(t.In, args[0], args[1:])
	if err != nil {
		return err
	}
	if e.ack {
		return e.emitWithAck(ctx, t, event)
	}
	if err := sendAsEmitter(ctx, e.connection, e.to, e.keep, func(to emitter.Target) error {
		if e.volatile {
			to = to.Volatile()
		}
		if e.fs.Changed("compress") {
			to = to.Compress(e.compress)
		}
		return to.Emit(ctx, event.name, event.args...)
	}); err != nil {
		return err
	}
	if e.connection.Legacy() && len(e.to.except) > 0 {
		t.Note("Node.js's servers exclude only clients whose id --except names, not clients in a room")
	}
	return e.printSent(t, event)
}

// unkept says why a log keeps no such event. It is empty if it does.
func (e *emit) unkept() string {
	switch {
	case e.ack:
		return "no log keeps events with acknowledgements: omit --ack"
	case e.volatile:
		return "no log keeps volatile events: omit --volatile"
	}
	return ""
}

// sent describes an event that was sent, in JSON.
type sent struct {
	NSP    string           `json:"nsp"`
	Event  string           `json:"event"`
	Args   []userdata.Value `json:"args"`
	To     []string         `json:"to,omitempty"`
	Except []string         `json:"except,omitempty"`

	text string // event and arguments
}

func sentOf(event *event) (s sent, err error) {
	s.Event = event.name
	if s.Args, err = userdata.Args(event.all); err != nil {
		return s, err
	}
	s.text, err = cli.JSONLine(userdata.Value{Value: event.all.Value()})
	return s, err
}

// printSent prints what was sent.
func (e *emit) printSent(t *cli.Terminal, event *event) error {
	s, err := sentOf(event)
	if err != nil {
		return err
	}
	if e.json {
		s.NSP, s.To, s.Except = e.to.nsp, e.to.rooms, e.to.except
		return t.JSON(s)
	}
	fmt.Fprintf(t.Out, "sent %s to %s\n", shorten(s.text), cli.Printable(e.to.String()))
	return nil
}

// emitWithAck sends the event as a node and prints the acknowledgements.
func (e *emit) emitWithAck(ctx context.Context, t *cli.Terminal, event *event) error {
	n, err := joinCluster(ctx, e.connection, e.to, e.wait)
	if err != nil {
		return err
	}
	defer n.leave(ctx)
	to := narrow(n.Target, e.to)
	if e.volatile {
		to = to.Volatile()
	}
	if e.fs.Changed("compress") {
		to = to.Compress(e.compress)
	}
	answers, err := to.EmitWithAck(ctx, event.name, event.args...)
	return n.printAnswers(t, e.json, answers, "client", err)
}

// printAnswers prints the answers to a request that returned err, one per line.
func (n *tempNode) printAnswers(t *cli.Terminal, asJSON bool, answers []codec.Value, who string, err error) error {
	o, failed := n.outcome(err)
	if asJSON {
		if err := t.JSON(struct {
			Answers []userdata.Value `json:"answers"`
			outcome
		}{userdata.Values(answers), o}); err != nil {
			return err
		}
		return failed
	}
	for _, answer := range answers {
		line, err := cli.JSONLine(userdata.Value{Value: answer})
		if err != nil {
			return err
		}
		fmt.Fprintln(t.Out, t.Fit(line))
	}
	if failed == nil {
		t.Note("%s answered", plural(len(answers), who))
	}
	return failed
}

// list returns a copy that is never nil, so that its JSON is a list.
func list(names []string) []string { return append([]string{}, names...) }
