package history

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/cmd/backplane/internal/userdata"
	"github.com/backplane-go/backplane/transport"
)

// Command is the history command. It prints the events that are kept in the log.
var Command = cli.Command{
	Name:    "history",
	Summary: "print the events that are kept in the log",
	Help: `
Prints the last events that nodes with a log and "emit --log" have sent to the
clients of a namespace, or to those in some rooms: their positions, whom they
were for, and their arguments. It only reads, and nodes do not notice it.

With --since it prints the first events after a position instead, and fails if
some of them are not kept any more. To read on, use the last position that was
printed.

With --json each event is a JSON object on a line of its own. Volatile events,
events with an acknowledgement and those of Node.js are not kept. In the streams
dialect all events are kept but those with an acknowledgement.`,
	Examples: `
backplane history --nsp /chat --limit 20
backplane history --room r1 --room r2 --json | jq -c '[.position, .args]'
backplane history --since "$LAST" --json
backplane history --redis redis://localhost:6379 --dialect streams`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		h := &command{fs: fs}
		fs.StringVar(&h.nsp, "nsp", "/", "`NAMESPACE`, with or without the slash at its beginning")
		fs.StringArrayVar(&h.rooms, "room", nil,
			"print only events that were sent to `ROOM`; repeat the flag for more rooms")
		fs.IntVar(&h.limit, "limit", 50, "print at most `N` events")
		fs.StringVar(&h.since, "since", "", "print the first events after this `POSITION`, not the last ones of all")
		fs.BoolVar(&h.json, "json", false, "print a JSON object per line")
		h.connection = connect.BindCluster(fs)
		return h.run
	},
}

// maxLimit is the largest value of --limit. The events are held in memory.
const maxLimit = 100_000

type command struct {
	fs         *pflag.FlagSet
	nsp        string
	rooms      []string
	limit      int
	since      string
	json       bool
	connection *connect.Flags
}

// kept is a kept event, in JSON.
type kept struct {
	Position string            `json:"position"`
	NSP      string            `json:"nsp"`
	Event    *string           `json:"event,omitempty"`
	Args     *[]userdata.Value `json:"args,omitempty"`
	Rooms    []string          `json:"rooms"`
	Except   []string          `json:"except"`
	Error    string            `json:"error,omitempty"` // why it cannot be decoded
}

func (h *command) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	h.nsp = listen.Namespace(h.nsp)
	switch {
	case h.connection.CheckLog() != nil:
		return h.connection.Unsupported("history", "")
	case h.limit < 1 || h.limit > maxLimit:
		return &cli.UsageError{Reason: fmt.Sprintf("--limit must be from 1 to %d, not %d", maxLimit, h.limit)}
	case slices.Contains(h.rooms, ""):
		return &cli.UsageError{Reason: "--room is empty"}
	}
	return h.connection.WithDriver(ctx, func(server connect.Server, bus transport.Bus) error {
		if err := connect.RequireLog(ctx, server); err != nil {
			return err
		}
		r, err := h.reader(server, bus)
		if err != nil {
			return err
		}
		if !h.fs.Changed("since") {
			found, err := r.last(ctx, h.limit)
			return h.print(t, found, connect.ExplainLog(server, err))
		}
		after, err := parsePosition(h.since, h.nsp)
		if err != nil {
			return err
		}
		found, err := r.since(ctx, after, h.limit)
		return h.print(t, found, connect.ExplainLog(server, err))
	})
}

// reader returns a reader of the namespace.
func (h *command) reader(server connect.Server, bus transport.Bus) (*reader, error) {
	log, err := connect.LogOf(server, bus)
	if err != nil {
		return nil, err
	}
	channel, err := listen.Channel(h.connection, h.nsp)
	if err != nil {
		return nil, err
	}
	wire, err := h.connection.Wire(bus)
	if err != nil {
		return nil, err
	}
	return &reader{
		log: log, nsp: h.nsp, channel: channel, rooms: h.rooms, timeout: h.connection.Timeout,
		decoder: &listen.Decoder{
			Spaces: map[string]string{channel: h.nsp}, Wire: wire, Store: connect.StoreOf(bus),
			Timeout: h.connection.Timeout,
		},
	}, nil
}

// print prints the events that were found before err.
func (h *command) print(t *cli.Terminal, found []entry, err error) error {
	rows := make([][]string, 0, len(found))
	for _, e := range found {
		k := kept{Position: e.position.String(), NSP: h.nsp, Event: e.line.Event, Args: e.line.Args,
			Rooms: list(e.line.To), Except: list(e.line.Except), Error: e.line.Error}
		if h.json {
			if err := t.JSON(k); err != nil {
				return err
			}
			continue
		}
		text, err := k.text()
		if err != nil {
			return err
		}
		rows = append(rows, []string{k.Position, k.to(), text})
	}
	t.Table([]string{"POSITION", "TO", "EVENT"}, rows)
	if err == nil && len(found) == 0 {
		t.Note("nothing is kept for that")
	}
	return err
}

// text returns the event and its arguments as a JSON list.
func (k *kept) text() (string, error) {
	if k.Error != "" {
		return "cannot be decoded: " + k.Error, nil
	}
	all := []any{*k.Event}
	for _, arg := range *k.Args {
		all = append(all, arg)
	}
	return cli.JSONLine(all)
}

// to describes whom the event was for.
func (k *kept) to() string {
	text := "all"
	if len(k.Rooms) > 0 {
		text = strings.Join(k.Rooms, ", ")
	}
	if len(k.Except) > 0 {
		text += " except " + strings.Join(k.Except, ", ")
	}
	return text
}

// list returns a list that is never nil, so that its JSON is a list.
func list(names *[]string) []string {
	if names == nil {
		return []string{}
	}
	return *names
}
