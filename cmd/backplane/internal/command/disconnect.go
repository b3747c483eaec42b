package command

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/emitter"
)

// Disconnect disconnects clients.
var Disconnect = cli.Command{
	Name:    "disconnect",
	Summary: "disconnect clients",
	Help: `
Disconnects clients from a namespace, whichever node they are connected to;
with --close their whole connection, and so all their namespaces.
` + moveHelp,
	Examples: `
backplane disconnect --nsp /chat --room banned
backplane disconnect --all --except staff --close
backplane disconnect --socket KQ7FLJvVgJe4Xy8PAAAB`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		closing := fs.Bool("close", false, "close their connections too")
		m := bindMove(fs, "clients")
		return func(ctx context.Context, t *cli.Terminal, _ []string) error {
			return m.run(ctx, t, deed{
				action: "disconnect", did: "told to disconnect",
				many: func(to emitter.Target) error { return to.DisconnectSockets(ctx, *closing) },
				one:  func(n *member) error { return n.RemoteDisconnect(ctx, m.socket, *closing) },
			})
		}
	},
}
