package parser_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// message is an Engine.IO message: a string is a text message, a []byte a binary one.
type message any

// decode decodes messages. The last message must complete the packet or be refused.
func decode(t testing.TB, d *parser.Decoder, messages ...message) (*parser.Packet, error) {
	t.Helper()
	for i, m := range messages {
		var p *parser.Packet
		var err error
		if text, ok := m.(string); ok {
			p, err = d.Text([]byte(text))
		} else {
			p, err = d.Binary(m.([]byte))
		}
		if i == len(messages)-1 {
			require.Equal(t, p == nil && err == nil, d.Pending(), "Pending after %q", messages)
			return p, err
		}
		require.NoError(t, err, "message %d of %q", i, messages)
		require.Nil(t, p, "message %d of %q must not complete the packet", i, messages)
		require.True(t, d.Pending(), "Pending must be true after message %d of %q", i, messages)
	}
	return nil, nil
}

// messages returns the result of Encode as a list.
func messages(text []byte, attachments [][]byte) []message {
	all := []message{string(text)}
	for _, a := range attachments {
		all = append(all, a)
	}
	return all
}

// say returns a packet as text, with all of its fields.
func say(p *parser.Packet) string {
	return fmt.Sprintf("%v in %s, id %d: %v", p.Type, p.Namespace, p.ID, p.Data)
}

// raw returns JSON text as a Value, unchanged.
func raw(t testing.TB, text string) codec.Value {
	t.Helper()
	v, err := codec.RawJSON([]byte(text))
	require.NoError(t, err)
	return v
}

// value returns v as a Value.
func value(t testing.TB, v any) codec.Value {
	t.Helper()
	out, err := codec.NewValue(v)
	require.NoError(t, err)
	return out
}

func args(t testing.TB, event string, list ...any) codec.Args {
	t.Helper()
	a, err := codec.NewArgs(event, list...)
	require.NoError(t, err)
	return a
}
