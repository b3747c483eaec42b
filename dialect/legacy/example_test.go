package legacy_test

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// openLegacy joins the cluster whose key is "myapp".
func openLegacy(ctx context.Context, bus transport.Bus) (*backplane.Cluster, error) {
	return backplane.Open(ctx, backplane.Config{
		Bus:           bus, // with Node.js: pgxdriver.New(pool) or pqdriver.New(db, dsn)
		Dialect:       legacy.Dialect{},
		ChannelPrefix: "myapp", // the key of the Node.js package
	})
}

// Two nodes of a cluster in the legacy dialect.
func ExampleDialect() {
	ctx := context.Background()
	bus := memory.NewHub()
	for _, id := range []string{"ann", "bob"} {
		cluster, err := openLegacy(ctx, bus)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer cluster.Close(ctx)
		registry := backplane.NewRegistry(backplane.RegistryConfig{})
		registry.Add(user(id))
		ns, err := cluster.Namespace(ctx, "/", registry)
		if err != nil {
			fmt.Println(err)
			return
		}
		ids, err := ns.Clients(ctx)
		fmt.Println(ids, err)
	}
	// Output:
	// [ann] <nil>
	// [ann bob] <nil>
}

// user is a socket that ignores what it is sent.
type user string

func (u user) ID() string           { return string(u) }
func (user) Send(*backplane.Packet) {}
func (user) Disconnect(bool)        {}
