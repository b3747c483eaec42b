package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// listIDs is the sockets command in a dialect whose nodes tell only the ids of their clients.
func (s *sockets) listIDs(ctx context.Context, t *cli.Terminal) error {
	if err := s.to.check(s.connection); err != nil {
		return err
	}
	switch {
	case len(s.to.except) > 0:
		return s.connection.Unsupported("--except", "select clients with --room")
	case s.long:
		return s.connection.Unsupported("--long", "nodes tell only the ids of their clients")
	}
	if err := s.wait.check(s.connection); err != nil {
		return err
	}
	n, err := joinCluster(ctx, s.connection, s.to, s.wait)
	if err != nil {
		return err
	}
	defer n.leave(ctx)
	ids, err := n.Clients(ctx, s.to.rooms...)
	o, err := n.outcome(err)
	if s.json {
		type socket struct {
			ID string `json:"id"`
		}
		found := make([]socket, 0, len(ids))
		for _, id := range ids {
			found = append(found, socket{id})
		}
		if err := t.JSON(struct {
			Sockets []socket `json:"sockets"`
			outcome
		}{found, o}); err != nil {
			return err
		}
		return err
	}
	t.Table([]string{"ID"}, column(ids))
	if err == nil {
		t.Note("%s on %s", plural(len(ids), "client"), plural(o.Nodes, "node"))
	}
	return err
}

// listNames is the rooms command in a dialect whose nodes tell only the names of rooms.
func (r *rooms) listNames(ctx context.Context, t *cli.Terminal) error {
	if len(r.to.except) > 0 || r.socket == "" && len(r.to.rooms) > 0 {
		return r.connection.Unsupported("a choice of clients", "use --socket, or list all rooms")
	}
	if err := r.to.check(r.connection); err != nil {
		return err
	}
	if err := r.wait.check(r.connection); err != nil {
		return err
	}
	n, err := joinCluster(ctx, r.connection, r.to, r.wait)
	if err != nil {
		return err
	}
	defer n.leave(ctx)
	names, err := r.fetchNames(ctx, n)
	if errors.Is(err, backplane.ErrSocketNotFound) {
		return fmt.Errorf("%s: %q", trimmed(backplane.ErrSocketNotFound), r.socket)
	}
	o, err := n.outcome(err)
	if r.json {
		listed := make([]room, 0, len(names))
		for _, name := range names {
			listed = append(listed, room{Room: name})
		}
		if err := t.JSON(struct {
			Rooms []room `json:"rooms"`
			outcome
		}{listed, o}); err != nil {
			return err
		}
		return err
	}
	t.Table([]string{"ROOM"}, column(names))
	if err == nil {
		t.Note("%s on %s", plural(len(names), "room"), plural(o.Nodes, "node"))
	}
	return err
}

// fetchNames returns the names of all rooms, or of those of one client. There may be names and an error, see outcome.
func (r *rooms) fetchNames(ctx context.Context, n *tempNode) (names []string, err error) {
	own := []string{r.socket}
	if r.socket != "" {
		names, err = n.ClientRooms(ctx, r.socket)
		slices.Sort(names)
	} else if names, err = n.AllRooms(ctx); !r.all {
		var failed error
		if own, failed = n.Clients(ctx); err == nil {
			err = failed
		}
	}
	if r.all {
		return names, err
	}
	return slices.DeleteFunc(names, func(name string) bool {
		_, is := slices.BinarySearch(own, name)
		return is
	}), err
}

// column returns the rows of a table with one column.
func column(values []string) [][]string {
	rows := make([][]string, 0, len(values))
	for _, v := range values {
		rows = append(rows, []string{v})
	}
	return rows
}
