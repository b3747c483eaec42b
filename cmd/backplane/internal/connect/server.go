package connect

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Server carries the messages of a cluster: a server, several that are one, or memory. What else it can do, type
// assertions show: see abilities.go.
type Server interface {
	// Name describes it without secrets. Engine is a shorter description, without the address.
	Name() string
	Engine() string
	// Driver returns a bus for another node. It does no I/O.
	Driver() transport.Bus
	// Explain adds advice to an error of a node or an emitter, if there is advice for it.
	Explain(err error) error
	// Close closes what the buses share. Call it after they are closed.
	Close()
}

// place is the part of a Server that says what and where it is.
type place struct{ engine, name, where string }

// Name implements Server.
func (p *place) Name() string { return p.name }

// Engine implements Server.
func (p *place) Engine() string { return p.engine }

// Where returns the address.
func (p *place) Where() string { return p.where }

// closeTimeout bounds the time in which a bus is closed.
const closeTimeout = 3 * time.Second

// WithDriver calls use with a bus of the existing cluster, and closes the bus afterwards. It adds advice to the error
// that use returns, if there is advice for it.
func (f *Flags) WithDriver(ctx context.Context, use func(Server, transport.Bus) error) error {
	server, err := f.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	bus := server.Driver()
	defer CloseDriver(ctx, bus)
	return server.Explain(use(server, bus))
}

// CloseDriver closes a bus that is not used any more, even if ctx has ended.
func CloseDriver(ctx context.Context, bus transport.Bus) {
	if closer, ok := bus.(transport.Closer); ok {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = closer.Close(ctx) // the command is done with it
	}
}
