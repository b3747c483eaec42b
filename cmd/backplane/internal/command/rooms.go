package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
)

// Rooms is the rooms command. It lists rooms.
var Rooms = cli.Command{
	Name:    "rooms",
	Summary: "list the rooms of all nodes and the number of clients in each",
	Help: `
Lists the rooms of a namespace, with the number of clients in each and the
number of nodes that these clients are connected to. It omits each client's own
room, whose name is the id of the client, unless --all is given. With --room,
--except or --socket it lists only the rooms of the selected clients. In the
legacy dialect it lists only the names of the rooms: all, or those of --socket.
In the classic dialect it does not know on how many of Node.js's servers the
clients are.` + "\n" + tempNodeHelp,
	Examples: `
backplane rooms --nsp /chat
backplane rooms --socket KQ7FLJvVgJe4Xy8PAAAB
backplane rooms --dialect legacy --nsp /chat
backplane rooms --json | jq -r '.rooms[] | select(.clients > 100).room'`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		r := rooms{fs: fs, to: bindTarget(fs, "list the rooms of clients")}
		fs.StringVar(&r.socket, "socket", "", "list the rooms of the client with this `ID`")
		fs.BoolVar(&r.all, "all", false, "also list each client's own room")
		r.wait = bindWait(fs)
		fs.BoolVar(&r.json, "json", false, "print one JSON object")
		r.connection = connect.BindCluster(fs)
		return r.run
	},
}

type rooms struct {
	fs         *pflag.FlagSet
	to         *target
	wait       *waitFlags
	connection *connect.Flags

	socket    string
	all, json bool
}

// room is a room, in JSON.
type room struct {
	Room    string `json:"room"`
	Clients int    `json:"clients,omitempty"` // 0: not known
	Nodes   int    `json:"nodes,omitempty"`
	unnamed bool   // some of its clients are on nodes that are not known
}

func (r *rooms) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	if r.fs.Changed("socket") {
		if len(r.to.rooms)+len(r.to.except) > 0 {
			return &cli.UsageError{Reason: "--socket selects one client: omit --room and --except"}
		}
		if err := checkNames("--socket", []string{r.socket}); err != nil {
			return err
		}
		r.to.rooms = []string{r.socket}
	}
	if r.connection.Legacy() {
		return r.listNames(ctx, t)
	}
	found, o, err := fetch(ctx, r.connection, r.to, r.wait)
	if found == nil {
		return err
	}
	own := ids(found)
	if r.socket != "" { // other clients may have joined a room of that name
		found = slices.DeleteFunc(found, func(s socket) bool { return s.ID != r.socket })
		if len(found) == 0 && err == nil {
			return fmt.Errorf("%s: %q", trimmed(backplane.ErrSocketNotFound), r.socket)
		}
	}
	listed := r.count(found, own)
	if r.json {
		if err := t.JSON(struct {
			Rooms []room `json:"rooms"`
			outcome
		}{listed, o}); err != nil {
			return err
		}
		return err
	}
	rows := make([][]string, 0, len(listed))
	for _, l := range listed {
		nodes := fmt.Sprint(l.Nodes)
		if l.unnamed {
			nodes = "?"
		}
		rows = append(rows, []string{fmt.Sprint(l.Clients), nodes, l.Room})
	}
	t.Table([]string{"CLIENTS", "NODES", "ROOM"}, rows)
	if err == nil {
		t.Note("%s, %s on %s", plural(len(listed), "room"), plural(len(found), "client"), plural(o.Nodes, "node"))
	}
	return err
}

// count counts the clients in each room and their nodes.
func (r *rooms) count(found []socket, own map[string]bool) []room {
	counted := make(map[string]*room)
	lastNode := make(map[string]string) // by room; found is ordered by node
	for _, s := range found {
		for _, name := range s.Rooms {
			if own[name] && !r.all {
				continue
			}
			c := counted[name]
			if c == nil {
				c = &room{Room: name}
				counted[name] = c
			}
			c.Clients++
			c.unnamed = c.unnamed || s.Node == ""
			if last, known := lastNode[name]; !known || last != s.Node {
				c.Nodes++
				lastNode[name] = s.Node
			}
		}
	}
	listed := make([]room, 0, len(counted))
	for _, c := range counted {
		if c.unnamed {
			c.Nodes = 0
		}
		listed = append(listed, *c)
	}
	slices.SortFunc(listed, func(a, b room) int { return cmp.Compare(a.Room, b.Room) })
	return listed
}
