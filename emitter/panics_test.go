package emitter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport"
)

// nilError is an error whose Error method panics when it is nil.
type nilError struct{ text *string }

func (e *nilError) Error() string { return *e.text }

// failing is a bus and a store whose calls fail as publish and put do.
type failing struct {
	recorder
	publish, put func() error
}

func (f *failing) Publish(ctx context.Context, msgs ...transport.Message) error {
	if f.publish != nil {
		return f.publish()
	}
	return f.recorder.Publish(ctx, msgs...)
}

func (f *failing) Put(ctx context.Context, body []byte) (string, error) {
	if f.put != nil {
		return "", f.put()
	}
	return f.recorder.Put(ctx, body)
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("on purpose") }

func TestPanicsBecomeErrors(t *testing.T) {
	f := &failing{}
	f.limits = transport.Limits{Payload: 1000}
	e, err := emitter.New(emitter.Config{Bus: f})
	require.NoError(t, err)
	large := strings.Repeat("x", 2000)
	for how, fail := range map[string]func() error{
		"panic":     func() error { panic("on purpose") },
		"typed nil": func() error { var e *nilError; return e },
	} {
		var p *codec.PanicError
		f.publish = fail
		err = e.Emit(t.Context(), "a")
		require.ErrorAs(t, err, &p, how)
		require.ErrorIs(t, err, emitter.ErrUnconfirmed, "a bus that panics may have sent it")
		b := e.Batch()
		require.NoError(t, b.Emit(t.Context(), "a"))
		require.ErrorAs(t, b.Send(t.Context()), &p, how)
		f.publish, f.put = nil, fail
		require.ErrorAs(t, e.Emit(t.Context(), "a", large), &p, how)
		f.put = nil
		require.ErrorAs(t, e.Emit(t.Context(), "a", panics{}), &p, how)
		require.ErrorAs(t, e.Batch().Emit(t.Context(), "a", panics{}), &p, how)
		f.lines = nil
		require.NoError(t, e.Emit(t.Context(), "b"))
		require.NoError(t, e.Emit(t.Context(), "b", large))
		assert.Len(t, f.lines, 2)
	}
}
