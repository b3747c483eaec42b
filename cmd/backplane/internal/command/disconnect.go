package command

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/emitter"
)

// Disconnect is the disconnect command. It disconnects clients.
var Disconnect = cli.Command{
	Name:    "disconnect",
	Summary: "disconnect clients",
	Help: `
Disconnects clients from a namespace, on whichever node they are connected. With
--close it closes their connections, and with them all their namespaces.
` + clientsHelp,
	Examples: `
backplane disconnect --nsp /chat --room banned
backplane disconnect --all --except staff --close
backplane disconnect --socket KQ7FLJvVgJe4Xy8PAAAB
backplane disconnect --dialect legacy --socket KQ7FLJvVgJe4Xy8PAAAB`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		closing := fs.Bool("close", false, "also close the connections")
		c := bindClients(fs)
		return func(ctx context.Context, t *cli.Terminal, _ []string) error {
			return c.run(ctx, t, action{
				name: "disconnect", what: "disconnect",
				many: func(to emitter.Target) error { return to.DisconnectSockets(ctx, *closing) },
				one:  func(n *tempNode) error { return n.RemoteDisconnect(ctx, c.socket, *closing) },
			})
		}
	},
}
