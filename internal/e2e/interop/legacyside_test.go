package interop_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// asker is a side of a legacy cluster, with the requests of the old adapters. The methods are those of
// interop.Namespace, and a request that ends by timeout has an Answer.Error.
type asker interface {
	side
	EmitFrom(ctx context.Context, c client, to interop.Target, event string, args ...any) error
	Clients(ctx context.Context, rooms ...string) (interop.Answer, error)
	ClientRooms(ctx context.Context, id string) (interop.Answer, error)
	AllRooms(ctx context.Context) (interop.Answer, error)
	RemoteJoin(ctx context.Context, id, room string) (interop.Answer, error)
	RemoteLeave(ctx context.Context, id, room string) (interop.Answer, error)
	RemoteDisconnect(ctx context.Context, id string, closing bool) (interop.Answer, error)
	CustomRequest(ctx context.Context, data any) (interop.Answer, error)
	CustomHook(ctx context.Context, answer *interop.Ack) error
}

var (
	_ asker = legacySide{}
	_ asker = (*goSide)(nil)
)

// newLegacyWorld is a world whose nodes are of a legacy cluster. Its channel prefix is the key of Node.js's nodes.
func newLegacyWorld(t *testing.T) *world {
	url := pgtest.Database(t)
	return &world{url: url, recorder: interop.Record(t, url, ""), prefix: legacyKey(url), legacy: true}
}

// startLegacy starts a peer with socket.io-adapter-postgres. It sends over one connection unless change says otherwise,
// so that its messages keep their order, and it counts nodes as numbers, so that its requests end.
func (w *world) startLegacy(t *testing.T, change ...func(*interop.Config)) legacyOpener {
	t.Helper()
	c := interop.Config{Adapter: interop.Legacy, DatabaseURL: w.url, PoolSize: 1,
		Legacy: interop.LegacyOptions{Key: w.prefix, CountAsNumber: true, RequestsTimeout: patience}}
	for _, f := range change {
		f(&c)
	}
	return legacyOpener{kind{adapter: interop.Legacy, peer: interop.Start(t, c)}}
}

type legacyOpener struct{ k kind }

func (o legacyOpener) open(ctx context.Context, nsp string) (side, error) {
	ns, err := o.k.peer.Namespace(ctx, nsp)
	return legacySide{nodeSide{ns, o.k}}, err
}

func (legacyOpener) nodes() int { return 1 }

// legacySide is a side on a Node.js node of a legacy cluster.
type legacySide struct{ nodeSide }

func (s legacySide) EmitFrom(ctx context.Context, c client, to interop.Target, event string, args ...any) error {
	return s.Namespace.EmitFrom(ctx, c.(*interop.Client), to, event, args...)
}

// Close does nothing: Socket.IO 2 does not close namespaces.
func (legacySide) Close(context.Context) error { return nil }

// EmitFrom sends as a server does on behalf of a client, which does not get the event itself.
func (s *goSide) EmitFrom(ctx context.Context, c client, to interop.Target, event string, args ...any) error {
	to.Except = append(to.Except, c.ID())
	return s.Emit(ctx, to, event, args...)
}

func (s *goSide) Clients(ctx context.Context, rooms ...string) (interop.Answer, error) {
	return listAnswer(s.ns.Clients(ctx, rooms...))
}

func (s *goSide) ClientRooms(ctx context.Context, id string) (interop.Answer, error) {
	return listAnswer(s.ns.ClientRooms(ctx, id))
}

func (s *goSide) AllRooms(ctx context.Context) (interop.Answer, error) {
	return listAnswer(s.ns.AllRooms(ctx))
}

func (s *goSide) RemoteJoin(ctx context.Context, id, room string) (interop.Answer, error) {
	return listAnswer(nil, s.ns.RemoteJoin(ctx, id, room))
}

func (s *goSide) RemoteLeave(ctx context.Context, id, room string) (interop.Answer, error) {
	return listAnswer(nil, s.ns.RemoteLeave(ctx, id, room))
}

func (s *goSide) RemoteDisconnect(ctx context.Context, id string, closing bool) (interop.Answer, error) {
	return listAnswer(nil, s.ns.RemoteDisconnect(ctx, id, closing))
}

func (s *goSide) CustomRequest(ctx context.Context, data any) (interop.Answer, error) {
	encoded, err := valueOf(data)
	if err != nil {
		return interop.Answer{}, err
	}
	return answerOf(s.ns.CustomRequest(ctx, encoded))
}

// CustomHook implements asker. NextServerSide returns the requests. Echo answers with the data.
func (s *goSide) CustomHook(_ context.Context, ack *interop.Ack) error {
	s.ns.OnCustomRequest(func(data backplane.Value, answer func(any)) {
		plain, err := plainOf(data)
		if err != nil {
			plain = "undecodable: " + err.Error()
		}
		s.emitted.Put(interop.Event{Event: "customHook", Args: []interop.Value{{V: plain}}})
		if ack.Mode == "echo" {
			answer(data)
			return
		}
		acknowledge(ack, nil, func(v backplane.Value) { answer(v) })
	})
	return nil
}

// listAnswer converts the result of a request. An error about a timeout is part of the answer.
func listAnswer(names []string, err error) (interop.Answer, error) {
	a := interop.Answer{Values: []any{}}
	for _, name := range names {
		a.Values = append(a.Values, name)
	}
	if errors.Is(err, backplane.ErrTimeout) {
		a.Error, err = err.Error(), nil
	}
	return a, err
}

// ask requires that a request has ended because all nodes had answered, and returns the answers.
func (f *fixture) answered(a interop.Answer, err error) []any {
	f.Helper()
	require.NoError(f, err)
	require.Empty(f, a.Error)
	return a.Values
}

// askers returns the sides of a fixture in a legacy cluster.
func (f *fixture) askers() (from, to asker) { return f.from.(asker), f.to.(asker) }
