package interop_test

import (
	"context"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// side is a namespace on a node of the cluster, Node.js or Go. Each scenario is written once, for sides, and runs in
// both directions. The methods are those of interop.Namespace.
type side interface {
	kind() kind
	UID() string
	Emit(ctx context.Context, to interop.Target, event string, args ...any) error
	EmitWithAck(ctx context.Context, to interop.Target, event string, args ...any) (interop.Answer, error)
	Join(ctx context.Context, to interop.Target, rooms ...string) error
	Leave(ctx context.Context, to interop.Target, rooms ...string) error
	Disconnect(ctx context.Context, to interop.Target, closing bool) error
	FetchSockets(ctx context.Context, to interop.Target) ([]interop.Socket, error)
	ServerSideEmit(ctx context.Context, event string, args ...any) error
	ServerSideEmitWithAck(ctx context.Context, event string, args ...any) (interop.Answer, error)
	OnServerSide(ctx context.Context, event string, ack *interop.Ack) error
	NextServerSide(ctx context.Context) (interop.Event, error)
	ServerCount(ctx context.Context) (int, error)
	AwaitServerCount(ctx context.Context, count int) error
	Close(ctx context.Context) error

	connect(ctx context.Context, c interop.ClientSpec) (client, error)
	remote(id string) remote
}

// client is a client of a side.
type client interface {
	ID() string
	Next(ctx context.Context) (interop.Event, error)
	Disconnected(ctx context.Context) (string, error)
	Joined(ctx context.Context, room string) error
	Left(ctx context.Context, room string) error
	Rooms(ctx context.Context) ([]string, error)
}

// remote is a socket of any side, used through the cluster.
type remote interface {
	Emit(ctx context.Context, event string, args ...any) error
	EmitWithAck(ctx context.Context, event string, args ...any) (interop.Answer, error)
	Join(ctx context.Context, rooms ...string) error
	Leave(ctx context.Context, rooms ...string) error
	Disconnect(ctx context.Context, closing bool) error
}

// kind distinguishes sides where their promises differ.
type kind struct {
	adapter string // an adapter of package interop, or "go"
	peer    *interop.Peer
}

const adapterGo = "go"

func (k kind) isGo() bool { return k.adapter == adapterGo }

// announcesLeaving reports whether the adapter sends and understands ADAPTER_CLOSE.
func (k kind) announcesLeaving() bool { return k.adapter != interop.Adapter03 }

// doublesAttached reports whether workers receive large and binary messages of each other twice: workers of one
// primary get them directly and once more over PostgreSQL, because the reference that the primary publishes does not
// name its sender. A request of that size is answered twice, so it completes too early or with too many answers.
func (k kind) doublesAttached() bool { return k.adapter == interop.Cluster }

// opener opens sides, each in another namespace.
type opener interface {
	open(ctx context.Context, nsp string) (side, error)
	// nodes is the number of nodes that a side consists of.
	nodes() int
}

// nodeSide is a side on a Node.js node.
type nodeSide struct {
	*interop.Namespace
	k kind
}

func (s nodeSide) kind() kind { return s.k }

func (s nodeSide) connect(ctx context.Context, c interop.ClientSpec) (client, error) {
	return s.Connect(ctx, c)
}

func (s nodeSide) remote(id string) remote { return s.Remote(id) }

type nodeOpener struct{ k kind }

func (o nodeOpener) open(ctx context.Context, nsp string) (side, error) {
	ns, err := o.k.peer.Namespace(ctx, nsp)
	return nodeSide{ns, o.k}, err
}

func (nodeOpener) nodes() int { return 1 }

// clusterSide is a side on the first worker of a cluster. The second worker is a node without clients.
type clusterSide struct {
	nodeSide
	second *interop.Namespace
}

func (s clusterSide) OnServerSide(ctx context.Context, event string, ack *interop.Ack) error {
	if err := s.second.OnServerSide(ctx, event, ack); err != nil {
		return err
	}
	return s.nodeSide.OnServerSide(ctx, event, ack)
}

type clusterOpener struct{ k kind }

func (o clusterOpener) open(ctx context.Context, nsp string) (side, error) {
	first, err := o.k.peer.Worker(1).Namespace(ctx, nsp)
	if err != nil {
		return nil, err
	}
	second, err := o.k.peer.Worker(2).Namespace(ctx, nsp)
	return clusterSide{nodeSide{first, o.k}, second}, err
}

func (clusterOpener) nodes() int { return 2 }
