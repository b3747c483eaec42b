package command

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/userdata"
)

// Sockets is the sockets command. It lists clients.
var Sockets = cli.Command{
	Name:    "sockets",
	Summary: "list the clients of all nodes",
	Help: `
Lists the clients of a namespace, or the clients in some rooms, with the node
that each is connected to. It omits each client's own room, whose name is the
id of the client. --json prints all rooms and the complete handshake. In the
legacy dialect it lists only the ids. In the classic dialect the node of clients
of Node.js's servers is not known.` + "\n" + tempNodeHelp,
	Examples: `
backplane sockets
backplane sockets --nsp /chat --room r1 --except r2 --long
backplane sockets --dialect legacy --room r1
backplane sockets --redis redis://localhost:6379 --dialect classic
backplane sockets --json | jq -r '.sockets[].id'`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := sockets{to: bindTarget(fs, "list clients")}
		fs.BoolVar(&s.long, "long", false, "also print the time of the connection and the data")
		s.wait = bindWait(fs)
		fs.BoolVar(&s.json, "json", false, "print one JSON object")
		s.connection = connect.BindCluster(fs)
		return s.run
	},
}

type sockets struct {
	to         *target
	wait       *waitFlags
	connection *connect.Flags

	long, json bool
}

// socket is a client, in JSON.
type socket struct {
	ID        string               `json:"id"`
	Node      string               `json:"node"` // empty: its server does not say so
	Rooms     []string             `json:"rooms"`
	Handshake *backplane.Handshake `json:"handshake"` // null if its node has not sent it
	Data      userdata.Value       `json:"data"`
}

func (s *sockets) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	if s.connection.Legacy() {
		return s.listIDs(ctx, t)
	}
	found, o, err := fetch(ctx, s.connection, s.to, s.wait)
	if found == nil {
		return err
	}
	if s.json {
		if err := t.JSON(struct {
			Sockets []socket `json:"sockets"`
			outcome
		}{found, o}); err != nil {
			return err
		}
		return err
	}
	s.table(t, found)
	if err == nil {
		t.Note("%s on %s", plural(len(found), "client"), plural(o.Nodes, "node"))
	}
	return err
}

// fetch returns the clients that to selects, ordered by node and id. They are nil if no request was sent. There may be
// clients and an error, see outcome.
func fetch(ctx context.Context, connection *connect.Flags, to *target, w *waitFlags) ([]socket, outcome, error) {
	if err := to.check(connection); err != nil {
		return nil, outcome{}, err
	}
	if err := w.check(connection); err != nil {
		return nil, outcome{}, err
	}
	n, err := joinCluster(ctx, connection, to, w)
	if err != nil {
		return nil, outcome{}, err
	}
	defer n.leave(ctx)
	remote, err := narrow(n.Target, to).FetchSockets(ctx)
	o, err := n.outcome(err)
	found := make([]socket, 0, len(remote))
	for _, r := range remote {
		s := socket{ID: r.ID(), Node: r.Node(), Rooms: list(r.Rooms()), Data: userdata.Value{Value: r.Data()}}
		if h, err := r.Handshake(); err == nil {
			s.Handshake = &h
		}
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b socket) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID))
	})
	return found, o, err
}

func (s *sockets) table(t *cli.Terminal, found []socket) {
	header := []string{"ID", "NODE", "ADDRESS", "ROOMS"}
	if s.long {
		header = []string{"ID", "NODE", "ADDRESS", "CONNECTED", "ROOMS", "DATA"}
	}
	rows := make([][]string, 0, len(found))
	own := ids(found)
	for _, f := range found {
		address, connected := "", ""
		if f.Node == "" {
			f.Node = "?"
		}
		if f.Handshake != nil {
			address, connected = f.Handshake.Address, f.Handshake.IssuedAt().Format(time.DateTime)
		}
		others := slices.DeleteFunc(slices.Clone(f.Rooms), func(room string) bool { return own[room] })
		rooms := strings.Join(others, ", ")
		row := []string{f.ID, f.Node, address, rooms}
		if s.long {
			data, err := cli.JSONLine(f.Data)
			if err != nil {
				data = err.Error()
			}
			row = []string{f.ID, f.Node, address, connected, rooms, data}
		}
		rows = append(rows, row)
	}
	t.Table(header, rows)
}

// ids returns the ids of clients. Each client is in a room whose name is its id.
func ids(found []socket) map[string]bool {
	all := make(map[string]bool, len(found))
	for _, s := range found {
		all[s.ID] = true
	}
	return all
}
