package wire_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

// recording is a bus that keeps the published payloads.
type recording struct {
	limits   transport.Limits
	payloads [][]byte
}

func (r *recording) Limits() transport.Limits { return r.limits }

func (r *recording) Publish(_ context.Context, msgs ...transport.Message) error {
	for _, m := range msgs {
		r.payloads = append(r.payloads, bytes.Clone(m.Payload))
	}
	return nil
}

// published sends env on a channel and returns the payload that the bus received.
func published(t testing.TB, config wire.Config, channel string, env *codec.Envelope) []byte {
	t.Helper()
	rec := &recording{limits: config.Limits}
	w := newWire(t, config)
	sender := &wire.Sender{Wire: w, Bus: rec, Store: config.Store}
	o, err := w.Outgoing(channel, env)
	require.NoError(t, err)
	defer o.Release()
	require.NoError(t, sender.Send(t.Context(), []*wire.Outgoing{&o}))
	require.NoError(t, o.Err)
	require.Len(t, rec.payloads, 1)
	return rec.payloads[0]
}

func TestSignatures(t *testing.T) {
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	config := func(secrets ...[]byte) wire.Config {
		return wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore(),
			Limits: transport.Limits{Payload: 7999, Text: true}, Secrets: secrets}
	}
	env := func(n int) *codec.Envelope {
		args, err := codec.NewArgs("e", strings.Repeat("x", n))
		require.NoError(t, err)
		return &codec.Envelope{Type: codec.Broadcast, UID: "u", NSP: "/", Args: args}
	}
	t.Run("AnyChangedBitInvalidatesASignature", func(t *testing.T) {
		w := newWire(t, config(key))
		p := published(t, config(key), "c", env(10))
		opened, err := w.Open("c", p)
		require.NoError(t, err)
		_, err = w.Decode(channel, opened)
		require.NoError(t, err)
		for i := range p {
			for bit := range 8 {
				p[i] ^= 1 << bit
				_, err := w.Open("c", p)
				require.ErrorIs(t, err, fault.ErrUnsigned, "byte %d", i)
				p[i] ^= 1 << bit
			}
		}
		for n := range p {
			_, err := w.Open("c", p[:n])
			require.ErrorIs(t, err, fault.ErrUnsigned)
		}
	})
	t.Run("ASignatureIsForOneChannel", func(t *testing.T) {
		_, err := newWire(t, config(key)).Open("d", published(t, config(key), "c", env(10)))
		assert.ErrorIs(t, err, fault.ErrUnsigned)
	})
	t.Run("ASignatureOfAnySecretIsValid", func(t *testing.T) {
		p := published(t, config(key), "c", env(10))
		for name, c := range map[string]struct {
			secrets [][]byte
			err     error
		}{
			"Same": {[][]byte{key}, nil}, "Second": {[][]byte{other, key}, nil}, "AfterNone": {[][]byte{key, nil}, nil},
			"Other": {[][]byte{other}, fault.ErrUnsigned},
		} {
			_, err := newWire(t, config(c.secrets...)).Open("c", p)
			assert.ErrorIs(t, err, c.err, name)
		}
	})
	t.Run("TheLimitIncludesTheSignature", func(t *testing.T) {
		for n := 7700; n < 8000; n++ {
			p := published(t, config(key), "c", env(n))
			require.LessOrEqual(t, len(p), 7999, "%d bytes of text", n)
			if isReference := bytes.Contains(p, []byte("attachmentId")); !isReference && len(p) == 7999 {
				return
			}
		}
		t.Error("none of the messages was as large as the bus allows")
	})
	t.Run("ASignedMessageIsAtMostMaxMessageBytes", func(t *testing.T) {
		c := config(key)
		plain := c
		plain.Secrets = nil
		c.MaxMessageBytes = len(published(t, plain, "c", env(10))) + 42
		_, err := newWire(t, c).Outgoing("c", env(10))
		var large *fault.TooLargeError
		require.ErrorAs(t, err, &large)
		c.MaxMessageBytes++
		require.Len(t, published(t, c, "c", env(10)), c.MaxMessageBytes)
	})
}

func BenchmarkSignature(b *testing.B) {
	for _, size := range []int{100, 7000} {
		for _, secrets := range [][][]byte{nil, {make([]byte, 32)}} {
			name := "Plain"
			if secrets != nil {
				name = "Signed"
			}
			args, err := codec.NewArgs("e", strings.Repeat("x", size))
			require.NoError(b, err)
			w := newWire(b, wire.Config{Codec: jsonmsgpack.Codec{}, Limits: transport.Limits{Payload: 7999, Text: true},
				Secrets: secrets})
			env := &codec.Envelope{Type: codec.Broadcast, UID: "0123456789abcdef", NSP: "/", Args: args}
			b.Run(name+fmt.Sprintf("/Encode/%dB", size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					o, err := w.Outgoing("socket.io#/", env)
					if err != nil {
						b.Fatal(err)
					}
					o.Release()
				}
			})
			rec := &recording{}
			sender := &wire.Sender{Wire: w, Bus: rec}
			o, err := w.Outgoing("socket.io#/", env)
			require.NoError(b, err)
			require.NoError(b, sender.Send(b.Context(), []*wire.Outgoing{&o}))
			b.Run(name+fmt.Sprintf("/Decode/%dB", size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p, err := w.Open("socket.io#/", rec.payloads[0])
					if err == nil {
						_, err = w.Decode(channel, p)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
