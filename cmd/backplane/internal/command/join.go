package command

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/emitter"
)

// Join makes clients join rooms.
var Join = cli.Command{
	Name:    "join",
	Summary: "make clients join rooms",
	Args:    "ROOM...", MinArgs: 1, MaxArgs: -1,
	Help: `
Makes clients join one ROOM or more, whichever node they are connected to.
` + moveHelp,
	Examples: `
backplane join news --all
backplane join --nsp /chat --room r1 --except r2 vip
backplane join --socket KQ7FLJvVgJe4Xy8PAAAB vip gold`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		m := bindMove(fs, "clients")
		return func(ctx context.Context, t *cli.Terminal, rooms []string) error {
			if err := checkNames("ROOM", rooms); err != nil {
				return err
			}
			return m.run(ctx, t, deed{
				action: "join", did: "told to join " + strings.Join(rooms, ", "), rooms: rooms,
				many: func(to emitter.Target) error { return to.SocketsJoin(ctx, rooms...) },
				one: func(n *member) error {
					return each(rooms, func(room string) error { return n.RemoteJoin(ctx, m.socket, room) })
				},
			})
		}
	},
}

// each calls f for each room until it fails.
func each(rooms []string, f func(room string) error) error {
	for _, room := range rooms {
		if err := f(room); err != nil {
			return err
		}
	}
	return nil
}
