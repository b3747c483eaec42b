package engine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// flood is a connection on which the answer to LISTEN stands behind megabytes of notifications.
type flood struct {
	link      *Link
	deliver   func(channel string, payload []byte)
	megabytes int
	cut       bool
}

func (f *flood) DialPublisher(context.Context, *Link) (Publisher, error) { panic("not used") }

func (f *flood) DialListener(_ context.Context, link *Link, deliver func(channel string, payload []byte)) (Listener, error) {
	f.link, f.deliver = link, deliver
	link.Attach(func() { f.cut = true })
	return f, nil
}

func (f *flood) Exec(statement string) (bool, error) {
	if !strings.HasPrefix(statement, "LISTEN") {
		return false, nil
	}
	megabyte := bytes.Repeat([]byte("x"), 1<<20)
	for range f.megabytes {
		if f.cut {
			return false, errors.New("use of closed network connection")
		}
		f.deliver("c", megabyte)
	}
	return true, nil
}

func (f *flood) Wait(context.Context) error { return errors.New("not used") }

func (f *flood) Close() {}

func TestSessionHoldsNoMoreThanItMay(t *testing.T) {
	ctx := t.Context()
	f := &flood{megabytes: maxHeld>>20 - 1}
	s, err := NewBus(f).Open(ctx)
	require.NoError(t, err)
	require.NoError(t, s.Listen(ctx, "c"))
	for range f.megabytes {
		_, err := s.Receive(ctx)
		require.NoError(t, err)
	}

	f = &flood{megabytes: 1 << 20}
	s, err = NewBus(f).Open(ctx)
	require.NoError(t, err)
	require.ErrorIs(t, s.Listen(ctx, "c"), postgres.ErrOverflow)
	received := 0
	for ; err == nil; received++ {
		_, err = s.Receive(ctx)
	}
	require.ErrorIs(t, err, postgres.ErrOverflow, "the session is over once what it holds is received")
	require.Less(t, received, 65)
	require.NoError(t, s.Close(ctx))
	_, err = s.Receive(ctx)
	require.ErrorIs(t, err, transport.ErrClosed)
}
