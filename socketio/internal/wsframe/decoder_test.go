package wsframe

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// decodeInPieces passes p to a new Decoder in pieces of size bytes, and returns all events as texts, up to a
// close frame in each piece.
func decodeInPieces(t testing.TB, p []byte, size int, deflate bool) (events []string, err error) {
	const room = 16
	d := Decoder{Limit: 500, Deflate: deflate}
	buf := make([]byte, room+2048)
	for len(p) > 0 {
		n := copy(buf[room:], p[:min(size, len(p))])
		p = p[n:]
		for in := d.Join(buf[:room+n], room); ; {
			var e Event
			if e, in, err = d.Next(in); err != nil {
				return events, err
			}
			if e.Op == 0 {
				break
			}
			events = append(events, string(rune('a'+e.Op))+string(e.Data))
		}
		require.LessOrEqual(t, cap(d.message), 600, "the decoder must not hold more of a message than the limit")
		require.LessOrEqual(t, cap(d.commands), 256)
	}
	return events, nil
}

// FuzzDecoder decodes frames. The events must be the same however the input is cut into pieces.
func FuzzDecoder(f *testing.F) {
	frame := func(x ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrameWith(x, [4]byte{1, 2, 3, 4})) }
	f.Add(frame(ws.NewTextFrame([]byte("hello"))), 1, false)
	f.Add(bytes.Join([][]byte{
		frame(ws.NewFrame(ws.OpText, false, []byte("he"))), frame(ws.NewPingFrame([]byte("p"))),
		frame(ws.NewFrame(ws.OpContinuation, true, []byte("llo"))),
	}, nil), 3, false)
	deflated := ws.Header{Fin: true, Rsv: ws.Rsv(true, false, false), OpCode: ws.OpText, Length: 7}
	f.Add(frame(ws.Frame{Header: deflated, Payload: []byte("\xf2H\xcd\xc9\xc9\x07\x00")}), 2, true)
	f.Add(frame(ws.NewBinaryFrame(make([]byte, 400))), 100, true)
	f.Fuzz(func(t *testing.T, p []byte, size int, deflate bool) {
		if size < 1 || len(p) > 1500 {
			return
		}
		whole, errWhole := decodeInPieces(t, p, 1500, deflate)
		pieces, errPieces := decodeInPieces(t, p, size, deflate)
		require.Equal(t, whole, pieces)
		require.Equal(t, errWhole == nil, errPieces == nil, "error %v, in pieces %v", errWhole, errPieces)
	})
}

func BenchmarkDecoder(b *testing.B) {
	frame := ws.MustCompileFrame(ws.MaskFrameWith(ws.NewTextFrame(bytes.Repeat([]byte("4"), 100)), [4]byte{1, 2, 3, 4}))
	d := Decoder{Limit: 1000}
	buf := append(make([]byte, 16), bytes.Repeat(frame, 10)...)
	in := bytes.Clone(buf)
	b.ReportAllocs()
	for b.Loop() {
		copy(in, buf)
		for p := d.Join(in, 16); ; {
			e, rest, err := d.Next(p)
			if p = rest; err != nil {
				b.Fatal(err)
			}
			if e.Op == 0 {
				break
			}
		}
	}
}
