package command

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/emitter"
)

// Join is the join command. It makes clients join rooms.
var Join = membershipCommand("join", emitter.Target.SocketsJoin, (*tempNode).RemoteJoin, `
backplane join news --all
backplane join --nsp /chat --room r1 --except r2 vip
backplane join --socket KQ7FLJvVgJe4Xy8PAAAB vip gold
backplane join --dialect legacy --socket KQ7FLJvVgJe4Xy8PAAAB vip`)

// Leave is the leave command. It makes clients leave rooms.
var Leave = membershipCommand("leave", emitter.Target.SocketsLeave, (*tempNode).RemoteLeave, `
backplane leave news --all
backplane leave --nsp /chat --room r1 vip
backplane leave --socket KQ7FLJvVgJe4Xy8PAAAB vip
backplane leave --dialect legacy --socket KQ7FLJvVgJe4Xy8PAAAB vip`)

// membershipCommand returns a command that changes the rooms of clients: of many with an emitter, or of one with a
// node.
func membershipCommand(
	name string,
	many func(to emitter.Target, ctx context.Context, rooms ...string) error,
	one func(n *tempNode, ctx context.Context, id, room string) error,
	examples string,
) cli.Command {
	return cli.Command{
		Name:    name,
		Summary: "make clients " + name + " rooms",
		Args:    "ROOM...", MinArgs: 1, MaxArgs: -1,
		Help: `
Makes clients ` + name + ` the given rooms, on whichever node they are connected.
` + clientsHelp,
		Examples: examples,
		Bind: func(fs *pflag.FlagSet) cli.Run {
			c := bindClients(fs)
			return func(ctx context.Context, t *cli.Terminal, rooms []string) error {
				if err := checkNames("ROOM", rooms); err != nil {
					return err
				}
				return c.run(ctx, t, action{
					name: name, what: name + " " + strings.Join(rooms, ", "), rooms: rooms,
					many: func(to emitter.Target) error { return many(to, ctx, rooms...) },
					one: func(n *tempNode) error {
						for _, room := range rooms {
							if err := one(n, ctx, c.socket, room); err != nil {
								return err
							}
						}
						return nil
					},
				})
			}
		},
	}
}
