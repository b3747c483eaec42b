package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/emitter"
)

// Request sends an event to the servers.
var Request = cli.Command{
	Name:    "request",
	Summary: "ask the servers, not their clients",
	Args:    "EVENT [ARGUMENT...]", MinArgs: 1, MaxArgs: -1,
	Help: `
Sends EVENT with its arguments to the servers of a namespace and prints what
they answer: on Node.js io.of(nsp).on(EVENT, (argument, answer) => ...). An
ARGUMENT is JSON; what is not JSON is a string. With --no-ack it asks for no
answer and sends as an emitter does. With --custom there is no EVENT but one
ARGUMENT, for the customRequest of the old socket.io-adapter-postgres.` + "\n" + memberHelp,
	Examples: `
backplane request stats
backplane request --nsp /chat reload '{"what":"config"}' --no-ack
backplane request --custom '"uptime"' --json`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		r := request{fs: fs, to: bindNamespace(fs), event: bindEvent(fs)}
		fs.BoolVar(&r.noAck, "no-ack", false, "do not ask for answers")
		fs.BoolVar(&r.custom, "custom", false, `the event is "`+core.CustomRequestEvent+`", and all there is its one argument`)
		r.member = bindMember(fs)
		fs.BoolVar(&r.json, "json", false, "print the result as one JSON object")
		r.connection = connect.BindCluster(fs)
		return r.run
	},
}

type request struct {
	fs         *pflag.FlagSet
	to         *target
	event      *eventFlags
	member     *memberFlags
	connection *connect.Flags

	noAck, custom, json bool
}

func (r *request) run(ctx context.Context, t *cli.Terminal, args []string) error {
	if err := r.to.check(r.connection); err != nil {
		return err
	}
	if err := r.member.check(); err != nil {
		return err
	}
	if r.custom {
		if len(args)+len(r.event.binary) != 1 {
			return &cli.UsageError{Reason: "--custom takes exactly one argument"}
		}
		args = append([]string{core.CustomRequestEvent}, args...)
	}
	event, err := r.event.read(t.In, args[0], args[1:])
	if err != nil {
		return err
	}
	if r.noAck {
		return r.tell(ctx, t, event)
	}
	n, err := join(ctx, r.connection, r.to, r.member)
	if err != nil {
		return err
	}
	defer n.leave(ctx)
	answers, err := r.ask(ctx, n.Namespace, event)
	return n.answers(t, r.json, answers, "server", err)
}

func (r *request) ask(ctx context.Context, ns *backplane.Namespace, event *event) ([]codec.Value, error) {
	if r.custom {
		return ns.CustomRequest(ctx, event.args[0])
	}
	return ns.ServerSideEmitWithAck(ctx, event.name, event.args...)
}

// tell sends the event without asking for answers.
func (r *request) tell(ctx context.Context, t *cli.Terminal, event *event) error {
	for _, name := range []string{"nodes", "settle"} {
		if r.fs.Changed(name) {
			return &cli.UsageError{Reason: "--" + name + " is for answers: leave it out, or --no-ack"}
		}
	}
	if err := send(ctx, r.connection, r.to, func(to emitter.Target) error {
		return to.ServerSideEmit(ctx, event.name, event.args...)
	}); err != nil {
		return err
	}
	s, err := sentOf(event)
	if err != nil {
		return err
	}
	if r.json {
		s.NSP = r.to.nsp
		return t.JSON(s)
	}
	fmt.Fprintf(t.Out, "sent %s to the servers of %s\n", shorten(s.text), cli.Printable(r.to.nsp))
	return nil
}
