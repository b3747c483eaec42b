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

// Request is the request command. It sends an event to the servers.
var Request = cli.Command{
	Name:    "request",
	Summary: "send an event to the servers and print their answers",
	Args:    "EVENT [ARGUMENT...]", MinArgs: 1, MaxArgs: -1,
	Help: `
Sends EVENT with its arguments to the servers of a namespace, not to their
clients, and prints the answers. On Node.js a server answers with
io.of(nsp).on(EVENT, (argument, answer) => ...). An ARGUMENT is JSON; text that
is not JSON is a string.

With --no-ack the command sends as an emitter, which gets no answer. With
--custom there is one ARGUMENT and no EVENT: it is a customRequest of the old
socket.io-adapter-postgres. The legacy dialect has no other request.` + "\n" + tempNodeHelp,
	Examples: `
backplane request stats
backplane request --nsp /chat reload '{"what":"config"}' --no-ack
backplane request --custom '"uptime"' --json
backplane request --dialect legacy --custom '"uptime"'
backplane request --redis redis://localhost:6379 --dialect classic stats`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		r := request{to: bindNamespace(fs), event: bindEvent(fs)}
		fs.BoolVar(&r.noAck, "no-ack", false, "do not request answers")
		fs.BoolVar(&r.custom, "custom", false, `send the event "`+core.CustomRequestEvent+`" with one ARGUMENT`)
		r.wait = bindWait(fs)
		r.keep = bindKeep(fs)
		fs.BoolVar(&r.json, "json", false, "print the result as one JSON object")
		r.connection = connect.BindCluster(fs)
		return r.run
	},
}

type request struct {
	to         *target
	event      *eventFlags
	wait       *waitFlags
	keep       *keepFlags
	connection *connect.Flags

	noAck, custom, json bool
}

func (r *request) run(ctx context.Context, t *cli.Terminal, args []string) error {
	if err := r.to.check(r.connection); err != nil {
		return err
	}
	if err := r.wait.check(r.connection); err != nil {
		return err
	}
	if err := r.checkLegacy(); err != nil {
		return err
	}
	unkept := ""
	if !r.noAck {
		unkept = "no log keeps requests: give --no-ack too"
	}
	if err := r.keep.check(r.connection, unkept); err != nil {
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
		return r.sendOnly(ctx, t, event)
	}
	n, err := joinCluster(ctx, r.connection, r.to, r.wait)
	if err != nil {
		return err
	}
	defer n.leave(ctx)
	answers, err := r.send(ctx, n.Namespace, event)
	return n.printAnswers(t, r.json, answers, "server", err)
}

// checkLegacy returns an error for a request that the legacy dialect does not have.
func (r *request) checkLegacy() error {
	switch {
	case !r.connection.Legacy():
		return nil
	case !r.custom:
		return r.connection.Unsupported("an EVENT to servers", "use --custom")
	case r.noAck:
		return r.connection.Unsupported("--no-ack", "servers always answer --custom")
	case len(r.event.binary) > 0:
		return r.connection.Unsupported("--binary", "the argument of --custom is JSON")
	}
	return nil
}

// send sends the event and returns the answers.
func (r *request) send(ctx context.Context, ns *backplane.Namespace, event *event) ([]codec.Value, error) {
	if r.custom {
		return ns.CustomRequest(ctx, event.args[0])
	}
	return ns.ServerSideEmitWithAck(ctx, event.name, event.args...)
}

// sendOnly sends the event without requesting answers.
func (r *request) sendOnly(ctx context.Context, t *cli.Terminal, event *event) error {
	if err := r.wait.requires("answers: omit it, or omit --no-ack"); err != nil {
		return err
	}
	if err := sendAsEmitter(ctx, r.connection, r.to, r.keep, func(to emitter.Target) error {
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
