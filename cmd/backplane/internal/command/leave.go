package command

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/emitter"
)

// Leave makes clients leave rooms.
var Leave = cli.Command{
	Name:    "leave",
	Summary: "make clients leave rooms",
	Args:    "ROOM...", MinArgs: 1, MaxArgs: -1,
	Help: `
Makes clients leave one ROOM or more, whichever node they are connected to.
` + moveHelp,
	Examples: `
backplane leave news --all
backplane leave --nsp /chat --room r1 vip
backplane leave --socket KQ7FLJvVgJe4Xy8PAAAB vip`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		m := bindMove(fs, "clients")
		return func(ctx context.Context, t *cli.Terminal, rooms []string) error {
			if err := checkNames("ROOM", rooms); err != nil {
				return err
			}
			return m.run(ctx, t, deed{
				action: "leave", did: "told to leave " + strings.Join(rooms, ", "), rooms: rooms,
				many: func(to emitter.Target) error { return to.SocketsLeave(ctx, rooms...) },
				one: func(n *member) error {
					return each(rooms, func(room string) error { return n.RemoteLeave(ctx, m.socket, room) })
				},
			})
		}
	},
}
