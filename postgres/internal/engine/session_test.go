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

// flood is a driver whose connection sends megabytes of notifications before its answer to LISTEN.
type flood struct {
	handle    *Handle
	deliver   func(channel string, payload []byte)
	megabytes int
	cut       bool
}

func (f *flood) DialPublisher(context.Context, *Handle) (PublishConn, error) { panic("not used") }

func (f *flood) DialEntry(context.Context, *Handle) (EntryConn, error) { panic("not used") }

func (f *flood) DialListener(
	_ context.Context, handle *Handle, deliver func(channel string, payload []byte),
) (ListenConn, error) {
	f.handle, f.deliver = handle, deliver
	handle.OnCut(func() { f.cut = true })
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

func TestSessionEndsWhenItsQueueIsFull(t *testing.T) {
	ctx := t.Context()
	f := &flood{megabytes: maxQueuedBytes>>20 - 1}
	s, err := NewBus(f, nil, postgres.Config{}).Open(ctx)
	require.NoError(t, err)
	require.NoError(t, s.Listen(ctx, "c"))
	for range f.megabytes {
		_, err := s.Receive(ctx)
		require.NoError(t, err)
	}

	f = &flood{megabytes: 1 << 20}
	s, err = NewBus(f, nil, postgres.Config{}).Open(ctx)
	require.NoError(t, err)
	require.ErrorIs(t, s.Listen(ctx, "c"), postgres.ErrOverflow)
	received := 0
	for ; err == nil; received++ {
		_, err = s.Receive(ctx)
	}
	require.ErrorIs(t, err, postgres.ErrOverflow, "the queued messages must be received before the final error")
	require.Less(t, received, 65)
	require.NoError(t, s.Close(ctx))
	_, err = s.Receive(ctx)
	require.ErrorIs(t, err, transport.ErrClosed)
}
