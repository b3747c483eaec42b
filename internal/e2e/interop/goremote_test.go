package interop_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

func valueOf(v any) (backplane.Value, error) { return codec.NewValue(v) }

func (s *goSide) FetchSockets(ctx context.Context, to interop.Target) ([]interop.Socket, error) {
	found, err := s.target(to).FetchSockets(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]interop.Socket, len(found))
	for i, r := range found {
		handshake, err := r.Handshake()
		if err != nil {
			return nil, err
		}
		p, err := json.Marshal(handshake)
		if err != nil {
			return nil, err
		}
		out[i] = interop.Socket{ID: r.ID(), Rooms: r.Rooms()}
		if err := json.Unmarshal(p, &out[i].Handshake); err != nil {
			return nil, err
		}
		if out[i].Data, err = plainOf(r.Data()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// goRemote looks up its socket for each call, as interop.Remote does.
type goRemote struct {
	side *goSide
	id   string
}

func (s *goSide) remote(id string) remote { return goRemote{s, id} }

func (r goRemote) find(ctx context.Context) (*backplane.RemoteSocket, error) {
	found, err := r.side.ns.To(r.id).FetchSockets(ctx)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d sockets have the id %s", len(found), r.id)
	}
	return found[0], nil
}

func (r goRemote) Emit(ctx context.Context, event string, args ...any) error {
	s, err := r.find(ctx)
	if err != nil {
		return err
	}
	return s.Emit(ctx, event, args...)
}

func (r goRemote) EmitWithAck(ctx context.Context, event string, args ...any) (interop.Answer, error) {
	s, err := r.find(ctx)
	if err != nil {
		return interop.Answer{}, err
	}
	v, err := s.EmitWithAck(ctx, event, args...)
	if err != nil {
		return interop.Answer{}, err
	}
	return answerOf([]backplane.Value{v}, nil)
}

func (r goRemote) Join(ctx context.Context, rooms ...string) error {
	s, err := r.find(ctx)
	if err != nil {
		return err
	}
	return s.Join(ctx, rooms...)
}

func (r goRemote) Leave(ctx context.Context, rooms ...string) error {
	s, err := r.find(ctx)
	if err != nil {
		return err
	}
	return s.Leave(ctx, rooms...)
}

func (r goRemote) Disconnect(ctx context.Context, closing bool) error {
	s, err := r.find(ctx)
	if err != nil {
		return err
	}
	return s.Disconnect(ctx, closing)
}
