package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
)

// Command is the doctor command.
var Command = cli.Command{
	Name:    "doctor",
	Summary: "check whether a cluster can run on a server",
	Help: `
Connects like a node and checks a PostgreSQL server: poolers in between, LISTEN
and NOTIFY, the table and its privileges, the notification queue and the clock.
Prints one line per check: ok, warn or fail, with advice unless it is ok.
It changes nothing, and nodes do not notice it.

If there is a log, it is checked too: whether it and the sessions of clients can
be used, whether messages can be kept and read, and what it has. With --log
there must be one, and the command joins the namespace for a moment to ask its
nodes whether they have a log.

In the legacy dialect it needs no table. It checks the channel that all clusters
share and the names of connections, counts the nodes, and asks all of them for
the clients of a room that does not exist. It is no node while it does so.

With --redis it checks the version, whether the URL describes the server and
leads to the primary, the rights that the user needs, whether a message comes
back, and the limit of what waits for a listener. It asks the nodes to answer.
If the nodes have a log, it checks that, and whether the server may evict it.
With --log it begins a log if there is none. In the streams dialect it checks
the rights for the stream, with --log those for the log and sessions, too.

With --nats it checks the servers of the NATS cluster, max_payload, the
permissions that the user needs, whether a message comes back, whether there is
JetStream, and the log. It asks the nodes to answer. With --log it begins a log
if there is none.

The exit status is 1 if a check fails. Warnings do not change it: the cluster
works, but an administrator should look at them.`,
	Examples: `
backplane doctor --postgres postgres://app@db.example.com/app
backplane doctor --driver pq --table realtime.attachments
backplane doctor --log --nsp /chat
backplane doctor --dialect legacy --prefix chat --nsp /chat
backplane doctor --redis redis://localhost:6379 --dialect classic
backplane doctor --nats nats://localhost:4222
backplane doctor --json | jq '.checks[] | select(.status != "ok")'`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		d := new(doctor)
		fs.StringVar(&d.nsp, "nsp", "/", "test the channel of `NAMESPACE`, with or without the slash at its beginning")
		fs.BoolVar(&d.log, "log", false, "the nodes have a log: check that it can be used, and ask them for it")
		fs.BoolVar(&d.json, "json", false, "print one JSON object")
		d.flags = connect.BindCluster(fs)
		return d.run
	},
}

type doctor struct {
	nsp   string
	log   bool
	json  bool
	flags *connect.Flags
}

func (d *doctor) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	if err := d.flags.CheckLog(); d.log && err != nil {
		return err
	}
	server, err := d.flags.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	if d.log {
		if _, err := connect.LogOf(server, server.Driver()); err != nil { // it has not connected
			return err
		}
	}
	s := &subject{flags: d.flags, nsp: listen.Namespace(d.nsp), log: d.log}
	if err := s.use(server); err != nil {
		return err
	}
	if s.channel, err = listen.Channel(d.flags, d.nsp); err != nil {
		return err
	}
	findings, failed := make([]finding, 0, len(s.checks)), 0
	s.runChecks(ctx, func(f finding) {
		f.Detail, f.Advice = oneLine(f.Detail), oneLine(f.Advice)
		if f.Status == fail {
			failed++
		}
		findings = append(findings, f)
		if !d.json {
			s.print(t, f)
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if d.json {
		if err := t.JSON(struct {
			OK     bool      `json:"ok"`
			Checks []finding `json:"checks"`
		}{failed == 0, findings}); err != nil {
			return err
		}
	}
	switch {
	case failed == 1:
		return errors.New("1 check failed")
	case failed > 1:
		return fmt.Errorf("%d checks failed", failed)
	}
	return nil
}

var colors = map[status]string{ok: cli.Green, warn: cli.Yellow, fail: cli.Red}

// print writes a finding, and its advice on the lines below. On a terminal both are wrapped.
func (s *subject) print(t *cli.Terminal, f finding) {
	width := 0
	for _, c := range s.checks {
		width = max(width, len(c.name))
	}
	margin := strings.Repeat(" ", 4+2+width+2)
	room := 0
	if t.Width > 0 {
		room = max(20, t.Width-len(margin)-len("-> "))
	}
	wrap := func(text, margin string) string {
		return strings.Join(cli.Wrap(cli.Printable(text), room), "\n"+margin)
	}
	status := t.Paint(colors[f.Status], fmt.Sprintf("%-4s", f.Status))
	fmt.Fprintf(t.Out, "%s  %-*s  %s\n", status, width, f.Check, wrap(f.Detail, margin))
	if f.Advice != "" {
		fmt.Fprintf(t.Out, "%s-> %s\n", margin, wrap(f.Advice, "   "+margin))
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
