package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/lag"
	"github.com/backplane-go/backplane/transport"
)

// Log is the log command. It shows the state of the log.
var Log = cli.Command{
	Name:    "log",
	Summary: "show the state of the log, and how far each node is behind",
	Help: `
Shows the log of a cluster: its epoch, how much space it takes, when its oldest
message was kept, and how many messages of transactions wait to be moved into
it. For each namespace it shows how many messages are kept and the offsets: the
log has what follows TRIMMED, up to HEAD.

It then joins these namespaces for a moment, as a node without clients, and asks
the other nodes how far they have come. LAG is how many messages a node had not
passed on that were in the log when the command began. A node without a log,
such as one of Node.js, has "no log".`,
	Examples: `
backplane log
backplane log --nsp /chat --nsp /admin
backplane log --json | jq '.nodes[] | select(.lag > 1000)'`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		l := &log{fs: fs}
		fs.StringArrayVar(&l.namespaces, "nsp", nil,
			"show this `NAMESPACE`, with or without the slash at its beginning; repeat the flag for more "+
				"(default: all that have a log)")
		fs.DurationVar(&l.settle, "settle", 500*time.Millisecond,
			"stop when no other node has answered for this `TIME`")
		fs.BoolVar(&l.json, "json", false, "print one JSON object")
		l.connection = connect.BindCluster(fs)
		return l.run
	},
}

type log struct {
	fs         *pflag.FlagSet
	namespaces []string
	settle     time.Duration
	json       bool
	connection *connect.Flags
}

func (l *log) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	switch {
	case l.connection.Streams():
		return l.connection.Unsupported("log", "use history")
	case l.connection.CheckLog() != nil:
		return l.connection.Unsupported("log", "")
	case l.settle <= 0:
		return &cli.UsageError{Reason: "--settle must be more than 0"}
	}
	for i, nsp := range l.namespaces {
		to := &target{nsp: nsp}
		if err := to.check(l.connection); err != nil {
			return err
		}
		l.namespaces[i] = to.nsp
	}
	var s *state
	err := l.connection.WithDriver(ctx, func(server connect.Server, bus transport.Bus) error {
		if err := connect.RequireLog(ctx, server); err != nil {
			return err
		}
		inspector, err := connect.InspectorOf(server, bus)
		if err != nil {
			return err
		}
		s, err = l.inspect(ctx, inspector)
		return connect.ExplainLog(server, err)
	})
	if err != nil {
		return err
	}
	if err = l.addNodes(ctx, t, s); err != nil {
		return err
	}
	if l.json {
		return t.JSON(s)
	}
	s.print(t)
	return nil
}

// inspect returns the state of the log, without the nodes.
func (l *log) inspect(ctx context.Context, log transport.LogInspector) (*state, error) {
	ctx, cancel := context.WithTimeout(ctx, l.connection.Timeout)
	defer cancel()
	prefix := l.connection.Prefix + "#"
	info, err := log.InspectLog(ctx, prefix)
	if err != nil {
		return nil, err
	}
	s := &state{Epoch: info.Epoch, Bytes: info.Bytes, Waiting: info.Waiting, Namespaces: []namespaceState{},
		Nodes: []nodeState{}}
	if !info.Oldest.IsZero() {
		oldest := info.Oldest.UTC().Format("2006-01-02T15:04:05.000Z")
		s.Oldest, s.age = &oldest, time.Since(info.Oldest)
	}
	for _, c := range info.Channels {
		nsp := strings.TrimPrefix(c.Channel, prefix)
		if len(l.namespaces) > 0 && !slices.Contains(l.namespaces, nsp) {
			continue
		}
		s.Namespaces = append(s.Namespaces, namespaceState{NSP: nsp, Trimmed: c.Bounds.Trimmed.String(),
			Head: c.Bounds.Newest.String(), Records: c.Records, head: c.Bounds.Newest})
	}
	return s, nil
}

// maxAsked is in how many namespaces the nodes are asked unless the user names them: the command joins each.
const maxAsked = 50

// addNodes asks the nodes of the namespaces how far they have come.
func (l *log) addNodes(ctx context.Context, t *cli.Terminal, s *state) error {
	asked := s.Namespaces
	if len(l.namespaces) == 0 && len(asked) > maxAsked {
		t.Note("the nodes are asked only about the first %d namespaces: name others with --nsp", maxAsked)
		asked = asked[:maxAsked]
	}
	if len(asked) == 0 {
		return nil
	}
	heads := make(map[string]transport.Offset)
	names := make([]string, 0, len(asked))
	for _, n := range asked {
		heads[n.NSP] = n.head
		names = append(names, n.NSP)
	}
	nodes, err := lag.Ask(ctx, l.connection, l.settle, names)
	for _, n := range nodes {
		s.Nodes = append(s.Nodes, stateOf(n, heads[n.NSP], s.Epoch))
	}
	return err
}
