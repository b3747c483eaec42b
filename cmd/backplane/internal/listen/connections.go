package listen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

// Connection is the connection by which a dialect with a census counts a node, in JSON.
type Connection struct {
	ID   string `json:"id"`
	PID  int    `json:"pid"`  // of the server process, 0 if the id has none
	Name string `json:"name"` // application_name
	// Backplane is true for a node of this library. Others are Node.js's.
	Backplane bool `json:"backplane"`
	// Certain is false for a server that may not have opened this namespace.
	Certain bool `json:"certain"`
}

// Connections returns the nodes of a namespace, those that are certain first. wire has a census, and bus a roster.
func Connections(ctx context.Context, wire dialect.Wire, bus transport.Bus, nsp string) ([]Connection, error) {
	census, isCensus := wire.(dialect.Census)
	roster, isRoster := bus.(transport.Roster)
	if !isCensus || !isRoster {
		return nil, errors.New("this dialect or driver does not show connections")
	}
	counted, err := census.Others(ctx, nsp)
	if err != nil {
		return nil, &backplane.OpError{Op: "count the nodes", Err: err}
	}
	shown, err := roster.Entries(ctx, "")
	if err != nil {
		return nil, &backplane.OpError{Op: "list the connections", Err: err}
	}
	infos := make(map[string]transport.EntryInfo, len(shown))
	for _, info := range shown {
		infos[info.ID] = info
	}
	found := []Connection{}
	for _, id := range slices.Concat(counted.Certain, counted.Possible) {
		info, still := infos[id]
		if !still {
			continue // it has left in between
		}
		found = append(found, Connection{
			ID: id, PID: pidOf(id), Name: info.Name, Backplane: info.Marked,
			Certain: slices.Contains(counted.Certain, id),
		})
	}
	slices.SortFunc(found, func(a, b Connection) int {
		if a.Certain != b.Certain {
			if a.Certain {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.PID, b.PID)
	})
	return found, nil
}

// pidOf returns the process id with which the PostgreSQL drivers begin the id of a connection.
func pidOf(id string) int {
	end := strings.IndexFunc(id, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(id)
	}
	pid, err := strconv.Atoi(id[:end])
	if err != nil {
		return 0
	}
	return pid
}

// runCensus is the command in a dialect that counts nodes by their connections.
func (n *nodes) runCensus(ctx context.Context, t *cli.Terminal) error {
	var found []Connection
	err := n.connection.WithDriver(ctx, func(_ connect.Server, bus transport.Bus) error {
		if _, err := Channel(n.connection, n.nsp); err != nil {
			return err
		}
		wire, err := n.connection.Wire(bus)
		if err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, n.connection.Timeout)
		defer cancel()
		for {
			now, err := Connections(waiting, wire.Wire, bus, Namespace(n.nsp))
			if err != nil && (found == nil || waiting.Err() == nil) {
				return err
			}
			if err == nil {
				found = now
			}
			if len(found) >= n.wanted {
				return nil
			}
			select {
			case <-waiting.Done():
				return ctx.Err()
			case <-time.After(recount):
			}
		}
	})
	if err != nil {
		return err
	}
	return n.printConnections(t, found)
}

func (n *nodes) printConnections(t *cli.Terminal, found []Connection) error {
	var err error
	switch {
	case len(found) == 0:
		err = fmt.Errorf("there is no node of %s: check the server, --nsp and --prefix", Namespace(n.nsp))
	case len(found) < n.wanted:
		err = fmt.Errorf("there are only %d of %d nodes after %v", len(found), n.wanted, n.connection.Timeout)
	}
	if n.json {
		if e := t.JSON(struct {
			Nodes    []Connection `json:"nodes"`
			Complete bool         `json:"complete"`
		}{found, err == nil}); e != nil {
			return e
		}
		return err
	}
	rows := make([][]string, 0, len(found))
	certain := 0
	for _, c := range found {
		server, counted := "Node.js", "perhaps"
		if c.Backplane {
			server = "backplane"
		}
		if c.Certain {
			counted = "yes"
			certain++
		}
		rows = append(rows, []string{strconv.Itoa(c.PID), server, counted, c.Name})
	}
	t.Table([]string{"PID", "SERVER", "COUNTED", "NAME"}, rows)
	if err == nil {
		t.Note("%d certain, %d that may be nodes of %s", certain, len(found)-certain, Namespace(n.nsp))
	}
	return err
}
