package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

// postgres are the limits of NOTIFY.
var postgres = transport.Limits{Payload: 7999, Channel: 63, Text: true}

// sized returns a broadcast whose text form has exactly n bytes.
func sized(t testing.TB, c codec.Codec, n int, filler string) *codec.Envelope {
	t.Helper()
	text := ""
	for range 3 { // the length of a length may change
		env := broadcast(t, text)
		p, err := c.Append(nil, env, codec.Text)
		require.NoError(t, err)
		if len(p) == n {
			return env
		}
		room := len(text) + n - len(p)
		text = strings.Repeat(filler, room/len(filler)) + strings.Repeat("x", room%len(filler))
	}
	env := broadcast(t, text)
	p, err := c.Append(nil, env, codec.Text)
	require.NoError(t, err)
	require.Len(t, p, n)
	return env
}

func broadcast(t testing.TB, args ...any) *codec.Envelope {
	t.Helper()
	a, err := codec.NewArgs("event", args...)
	require.NoError(t, err)
	return &codec.Envelope{Type: codec.Broadcast, UID: "0123456789abcdef", NSP: "/", Args: a}
}

// The bound counts the bytes of the final payload, not characters: 7999 of them fit NOTIFY, 8000 do not.
func TestMessagesThatDoNotFitBecomeAttachments(t *testing.T) {
	for _, c := range []struct {
		name      string
		limits    transport.Limits
		threshold int
		size      int
		toStore   bool
	}{
		{"DefaultFits", postgres, 0, 7999, false},
		{"DefaultDoesNot", postgres, 0, 8000, true},
		{"NodesDefaultFits", postgres, 8000, 7999, false},
		{"NodesDefaultDoesNot", postgres, 8000, 8000, true},
		{"LargerIsClampedFits", postgres, 9000, 7999, false},
		{"LargerIsClampedDoesNot", postgres, 9000, 8000, true},
		{"SmallerFits", postgres, 500, 499, false},
		{"SmallerDoesNot", postgres, 500, 500, true},
		{"NoLimit", transport.Limits{}, 0, 1 << 20, false},
		{"NoLimitButThresholdFits", transport.Limits{}, 5000, 4999, false},
		{"NoLimitButThresholdDoesNot", transport.Limits{}, 5000, 5000, true},
	} {
		for _, filler := range []string{"x", "é", "😀"} {
			t.Run(c.name+"/"+filler, func(t *testing.T) {
				w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore(), Limits: c.limits,
					Threshold: c.threshold})
				env := sized(t, jsonmsgpack.Codec{}, c.size, filler)
				p, toStore, err := w.Encode([]byte("before"), env)
				require.NoError(t, err)
				assert.Equal(t, c.toStore, toStore, "Encode of %d bytes", c.size)
				require.Equal(t, "before", string(p[:6]), "Encode appends")
				p = p[6:]
				if !toStore {
					assert.Len(t, p, c.size)
					got, err := w.Decode(channel, p)
					require.NoError(t, err)
					assert.Equal(t, env.Args.String(), got.Args.String())
					return
				}
				got, err := w.DecodeBody(env, p)
				require.NoError(t, err)
				assert.Equal(t, env.Args.String(), got.Args.String())
				ref, err := w.Reference(nil, env, "42")
				require.NoError(t, err)
				assert.Less(t, len(ref), 200)
				head, err := w.Decode(channel, ref)
				require.NoError(t, err)
				assert.Equal(t, codec.Envelope{Type: codec.Broadcast, UID: env.UID, NSP: "/", AttachmentID: "42",
					AttachmentKey: got.AttachmentKey}, *head)
				assert.Len(t, got.AttachmentKey, 16)
			})
		}
	}
}

func TestWithoutStoreTheLimitIsAnError(t *testing.T) {
	w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Limits: postgres, Threshold: 100})
	_, toStore, err := w.Encode(nil, sized(t, jsonmsgpack.Codec{}, 7999, "x"))
	require.NoError(t, err, "without a store the threshold is ignored")
	assert.False(t, toStore)
	_, _, err = w.Encode(nil, sized(t, jsonmsgpack.Codec{}, 8000, "x"))
	var large *fault.TooLargeError
	require.ErrorAs(t, err, &large)
	assert.Equal(t, fault.TooLargeError{Message: "BROADCAST", Size: 8000, Limit: 7999}, *large)
	assert.Contains(t, err.Error(), "Store", "the error says what to do")
}

func TestBinaryMessages(t *testing.T) {
	binary := map[string]any{"a": []any{[]byte{0, 1, 255}}}
	for name, c := range map[string]codec.Codec{"node": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
		t.Run(name, func(t *testing.T) {
			t.Run("GoesInlineOverABusOfBytes", func(t *testing.T) {
				w := newWire(t, wire.Config{Codec: c, Store: memory.NewStore(),
					Limits: transport.Limits{Payload: 1000}})
				env := broadcast(t, binary)
				p, toStore, err := w.Encode(nil, env)
				require.NoError(t, err)
				assert.False(t, toStore)
				got, err := w.Decode(channel, p)
				require.NoError(t, err)
				assert.Equal(t, env.Args.String(), got.Args.String())
				assert.True(t, w.SentBy(p, env.UID))
				assert.False(t, w.SentBy(p, env.UID+"x"))
			})
			t.Run("BecomesAnAttachmentWhenTooLarge", func(t *testing.T) {
				w := newWire(t, wire.Config{Codec: c, Store: memory.NewStore(),
					Limits: transport.Limits{Payload: 1000}})
				env := broadcast(t, make([]byte, 1000))
				p, toStore, err := w.Encode(nil, env)
				require.NoError(t, err)
				assert.True(t, toStore)
				got, err := w.DecodeBody(env, p)
				require.NoError(t, err)
				assert.Equal(t, env.Args.String(), got.Args.String())
			})
			t.Run("IsTooLargeWithoutStore", func(t *testing.T) {
				w := newWire(t, wire.Config{Codec: c, Limits: transport.Limits{Payload: 1000}})
				_, _, err := w.Encode(nil, broadcast(t, make([]byte, 1000)))
				var large *fault.TooLargeError
				assert.ErrorAs(t, err, &large)
			})
		})
	}
	t.Run("BecomesAnAttachmentOverABusOfText", func(t *testing.T) {
		w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore(), Limits: postgres})
		_, toStore, err := w.Encode(nil, broadcast(t, binary))
		require.NoError(t, err)
		assert.True(t, toStore, "JSON cannot carry bytes, however few")
	})
	t.Run("OverABusOfTextNeedsAStore", func(t *testing.T) {
		w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Limits: postgres})
		_, _, err := w.Encode(nil, broadcast(t, binary))
		require.ErrorIs(t, err, codec.ErrBinary)
		assert.Contains(t, err.Error(), "Store", "the error says what to do")
	})
}

// failing is a codec that cannot encode one of its forms.
type failing struct {
	jsonmsgpack.Codec
	form codec.Format
}

var errForm = errors.New("cannot write this form")

func (f failing) Append(dst []byte, env *codec.Envelope, form codec.Format) ([]byte, error) {
	if form == f.form {
		return dst, errForm
	}
	return f.Codec.Append(dst, env, form)
}

func TestErrorsOfTheCodecAreReturned(t *testing.T) {
	for name, c := range map[string]struct {
		form codec.Format
		arg  any
	}{"Text": {codec.Text, "x"}, "BinaryInline": {codec.Binary, []byte("x")},
		"BinaryAttachment": {codec.Binary, strings.Repeat("x", 1000)}} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, wire.Config{Codec: failing{form: c.form}, Store: memory.NewStore(),
				Limits: transport.Limits{Payload: 500}})
			p, toStore, err := w.Encode([]byte("before"), broadcast(t, c.arg))
			assert.ErrorIs(t, err, errForm)
			assert.False(t, toStore)
			assert.Equal(t, "before", string(p))
		})
	}
}

func TestAttachmentMustNotReferToAnother(t *testing.T) {
	w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore()})
	body, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.Broadcast, UID: "a", AttachmentID: "7"},
		codec.Binary)
	require.NoError(t, err)
	_, err = w.DecodeBody(&codec.Envelope{Type: codec.Broadcast, UID: "a"}, body)
	assert.ErrorIs(t, err, codec.ErrMalformed, "an attachment could refer to itself")
}

func TestReferenceNamesTheRequesterOfAnAnswer(t *testing.T) {
	w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore()})
	ref, err := w.Reference(nil,
		&codec.Envelope{Type: codec.BroadcastAck, UID: "a", NSP: "/", RequesterUID: "b", RequestID: "r"}, "7")
	require.NoError(t, err)
	head, err := w.Decode(channel, ref)
	require.NoError(t, err)
	assert.Equal(t, "b", head.RequesterUID, "other nodes need not read it")
}

func TestBodyBelongsToItsReference(t *testing.T) {
	for name, c := range map[string]codec.Codec{"node": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, wire.Config{Codec: c, Store: memory.NewStore(), Limits: postgres, Threshold: 1})
			encodeBody := func() (ref *codec.Envelope, body []byte) {
				env := broadcast(t, strings.Repeat("x", 100))
				body, toStore, err := w.Encode(nil, env)
				require.NoError(t, err)
				require.True(t, toStore)
				p, err := w.Reference(nil, env, "7")
				require.NoError(t, err)
				ref, err = w.Decode(channel, p)
				require.NoError(t, err)
				return ref, body
			}
			ref, body := encodeBody()
			_, err := w.DecodeBody(ref, body)
			require.NoError(t, err)

			_, other := encodeBody() // the same message of the same sender, sent again
			_, err = w.DecodeBody(ref, other)
			require.ErrorIs(t, err, fault.ErrAttachmentReplaced)

			older, err := c.Append(nil, broadcast(t, "x"), codec.Binary) // as Node.js writes it
			require.NoError(t, err)
			_, err = w.DecodeBody(ref, older)
			require.ErrorIs(t, err, fault.ErrAttachmentReplaced, "a body without a key under a reference with one")
			ref.AttachmentKey = ""
			_, err = w.DecodeBody(ref, older)
			require.NoError(t, err, "neither has a key: the sender is Node.js")
			_, err = w.DecodeBody(ref, body)
			require.ErrorIs(t, err, fault.ErrAttachmentReplaced, "a reference without a key to a body with one")

			ref.UID = "another"
			_, err = w.DecodeBody(ref, older)
			require.ErrorIs(t, err, codec.ErrMalformed)
		})
	}
}

func TestMaxMessageBytesBoundsEveryForm(t *testing.T) {
	const limit = 2000
	for name, c := range map[string]struct {
		limits transport.Limits
		store  wire.Store
		arg    func(n int) any
	}{
		"Inline":       {transport.Limits{}, nil, func(n int) any { return strings.Repeat("x", n) }},
		"InlineBinary": {transport.Limits{}, memory.NewStore(), func(n int) any { return make([]byte, n) }},
		"Attachment": {transport.Limits{Payload: 500, Text: true}, memory.NewStore(), func(n int) any {
			return strings.Repeat("x", n)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: c.store, Limits: c.limits,
				MaxMessageBytes: limit})
			size := func(n int) int {
				p, _, err := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: c.store,
					Limits: c.limits}).Encode(nil, broadcast(t, c.arg(n)))
				require.NoError(t, err)
				return len(p)
			}
			fits := 1000 + limit - size(1000)
			require.Equal(t, limit, size(fits))
			p, _, err := w.Encode([]byte("before"), broadcast(t, c.arg(fits)))
			require.NoError(t, err, "the limit is inclusive")
			require.Len(t, p, limit+len("before"))
			p, toStore, err := w.Encode([]byte("before"), broadcast(t, c.arg(fits+1)))
			var large *fault.TooLargeError
			require.ErrorAs(t, err, &large)
			require.Equal(t, fault.TooLargeError{Message: "BROADCAST", Size: limit + 1, Limit: limit,
				Option: "MaxMessageBytes"}, *large)
			require.Contains(t, err.Error(), "MaxMessageBytes")
			require.False(t, toStore)
			require.Equal(t, "before", string(p))
		})
	}
}

func FuzzDecode(f *testing.F) {
	text := newWire(f, wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore(), Limits: postgres})
	bytes := newWire(f, wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore()})
	compact := newWire(f, wire.Config{Codec: cbor.Codec{}, Store: memory.NewStore()})
	for _, args := range [][]any{nil, {"x"}, {[]byte("x")}, {strings.Repeat("é", 5000)}, {map[string]any{"a": 1.5}}} {
		for _, w := range []*wire.Wire{text, bytes, compact} {
			p, _, err := w.Encode(nil, broadcast(f, args...))
			require.NoError(f, err)
			f.Add(p)
		}
	}
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{0, 0xff})
	f.Fuzz(func(t *testing.T, p []byte) {
		for i, w := range []*wire.Wire{text, bytes, compact} {
			w.SentBy(p, "u")
			env, err := w.Decode(channel, p)
			if err == nil {
				reencode(t, w, env)
			}
			if err != nil && !errors.Is(err, codec.ErrMalformed) && !errors.Is(err, dialect.ErrForeign) {
				t.Fatalf("wire %d: %v does not wrap ErrMalformed", i, err)
			}
			_, err = w.DecodeBody(&codec.Envelope{Type: codec.Broadcast}, p)
			if err != nil && !errors.Is(err, codec.ErrMalformed) && !errors.Is(err, fault.ErrAttachmentReplaced) {
				t.Fatalf("wire %d: %v does not wrap ErrMalformed", i, err)
			}
		}
	})
}

// reencode encodes a decoded envelope. Its sender must be the only one for which SentBy is true.
func reencode(t *testing.T, w *wire.Wire, env *codec.Envelope) {
	p, toStore, err := w.Encode(nil, env)
	if err != nil || toStore {
		return // a type of a later version, or one that has no binary form inline
	}
	for _, uid := range []string{"u", "", env.UID + "x", env.NSP} {
		if uid != env.UID && w.SentBy(p, uid) {
			t.Fatalf("SentBy(%q) is true for %+v: a node would drop another node's message as its own", uid, env)
		}
	}
}

// channel is the channel of the namespace "/" of a Wire that newWire returns.
const channel = "#/"

// newWire returns a Wire whose channels begin with "#".
func newWire(t testing.TB, config wire.Config) *wire.Wire {
	t.Helper()
	if config.Dialect == nil {
		config.Dialect = standard.Dialect{}
	}
	w, err := wire.New(config)
	require.NoError(t, err)
	return w
}
