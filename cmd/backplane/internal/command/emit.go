package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/show"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/emitter"
)

// Emit sends an event to clients.
var Emit = cli.Command{
	Name:    "emit",
	Summary: "send an event to clients",
	Args:    "EVENT [ARGUMENT...]", MinArgs: 1, MaxArgs: -1,
	Help: `
Sends EVENT with its arguments to the clients of a namespace, or to those in
some rooms, whichever node they are connected to. An ARGUMENT is JSON; what is
not JSON is a string.

It sends as an emitter does: it is no node, and nobody answers. With --ack it
waits for the acknowledgement of every client and prints them.` + "\n" + memberHelp,
	Examples: `
backplane emit news '{"a":1}' '[1,2]' hello
backplane emit --nsp /chat --room r1 --room r2 --except r3 news
backplane emit --room r1 picture --binary cat.png
backplane emit --ack --timeout 10s 'ready?'
backplane emit temperature -- -5`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		e := emit{fs: fs, to: bindTarget(fs, "only clients"), event: bindEvent(fs)}
		fs.BoolVar(&e.volatile, "volatile", false, "a client that is not ready to receive may miss it")
		fs.BoolVar(&e.compress, "compress", false, "compress it on its way to the clients (--compress=false: do not)")
		fs.BoolVar(&e.ack, "ack", false, "wait for the clients' acknowledgements")
		e.member = bindMember(fs)
		fs.BoolVar(&e.json, "json", false, "print the result as one JSON object")
		e.connection = connect.BindCluster(fs)
		return e.run
	},
}

type emit struct {
	fs         *pflag.FlagSet
	to         *target
	event      *eventFlags
	member     *memberFlags
	connection *connect.Flags

	volatile, compress, ack, json bool
}

func (e *emit) run(ctx context.Context, t *cli.Terminal, args []string) error {
	if err := e.to.check(e.connection); err != nil {
		return err
	}
	if err := e.member.check(); err != nil {
		return err
	}
	for _, name := range []string{"nodes", "settle"} {
		if e.fs.Changed(name) && !e.ack {
			return &cli.UsageError{Reason: "--" + name + " needs --ack"}
		}
	}
	event, err := e.event.read(t.In, args[0], args[1:])
	if err != nil {
		return err
	}
	if e.ack {
		return e.ask(ctx, t, event)
	}
	if err := send(ctx, e.connection, e.to, func(to emitter.Target) error {
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
	return e.sent(t, event)
}

// sent is what was sent, as it was understood.
type sent struct {
	NSP    string       `json:"nsp"`
	Event  string       `json:"event"`
	Args   []show.Value `json:"args"`
	To     []string     `json:"to,omitempty"`
	Except []string     `json:"except,omitempty"`

	text string // event and arguments
}

func sentOf(event *event) (s sent, err error) {
	s.Event = event.name
	if s.Args, err = show.Args(event.all); err != nil {
		return s, err
	}
	s.text, err = cli.JSONLine(show.Value{Value: event.all.Value()})
	return s, err
}

// sent tells what was sent.
func (e *emit) sent(t *cli.Terminal, event *event) error {
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

// ask sends the event as a node and waits for the acknowledgements.
func (e *emit) ask(ctx context.Context, t *cli.Terminal, event *event) error {
	n, err := join(ctx, e.connection, e.to, e.member)
	if err != nil {
		return err
	}
	defer n.leave(ctx)
	to := of(n.Target, e.to)
	if e.volatile {
		to = to.Volatile()
	}
	if e.fs.Changed("compress") {
		to = to.Compress(e.compress)
	}
	answers, err := to.EmitWithAck(ctx, event.name, event.args...)
	return n.answers(t, e.json, answers, "client", err)
}

// answers prints the answers to a request, which ended with err, one on a line.
func (n *member) answers(t *cli.Terminal, asJSON bool, answers []codec.Value, who string, err error) error {
	o, failed := n.outcome(err)
	if asJSON {
		if err := t.JSON(struct {
			Answers []show.Value `json:"answers"`
			outcome
		}{show.Values(answers), o}); err != nil {
			return err
		}
		return failed
	}
	for _, answer := range answers {
		line, err := cli.JSONLine(show.Value{Value: answer})
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

// list is never nil, so that its JSON is a list.
func list(names []string) []string { return append([]string{}, names...) }
