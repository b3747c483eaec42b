package engineio

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// FuzzPayload takes payloads apart. What is accepted, put together again, is the same packets.
func FuzzPayload(f *testing.F) {
	f.Add([]byte("4hello\x1ebAQID\x1e3\x1e6"))
	f.Add([]byte("bAQ"))
	f.Add([]byte("4\x1e"))
	f.Add([]byte("0{}\x1e1\x1e2probe\x1e5"))
	f.Fuzz(func(t *testing.T, p []byte) {
		whole := bytes.Clone(p)
		var again []string
		err := eachPacket(p, func(one packet) bool {
			switch one.kind {
			case typeBinary:
				again = append(again, "b"+base64.StdEncoding.EncodeToString(one.data))
			default:
				require.True(t, utf8.Valid(one.data))
				again = append(again, string(one.kind)+string(one.data))
			}
			return true
		})
		if err != nil {
			return
		}
		want := strings.Split(string(whole), string(rune(separator)))
		require.Len(t, again, len(want))
		for i := range want {
			if want[i][0] != typeBinary { // base64 may be written in more than one way
				require.Equal(t, want[i], again[i])
			}
		}
		var twice []string
		require.NoError(t, eachPacket([]byte(strings.Join(again, string(rune(separator)))), func(one packet) bool {
			if one.kind == typeBinary {
				one.data = []byte(base64.StdEncoding.EncodeToString(one.data))
			}
			twice = append(twice, string(one.kind)+string(one.data))
			return true
		}))
		require.Equal(t, again, twice)
	})
}

// collected is a sink that keeps everything.
type collected struct{ got []string }

func (c *collected) message(binary bool, data []byte, shared bool) bool {
	kind := "text "
	if binary {
		kind = "binary "
	}
	c.got = append(c.got, kind+string(data))
	return true
}

func (c *collected) control(op ws.OpCode, payload []byte) bool {
	c.got = append(c.got, string(rune('a'+op))+string(payload))
	return op != ws.OpClose
}

// feedAll gives p to a new inbound in pieces of size bytes.
func feedAll(t testing.TB, p []byte, size int, deflate bool) ([]string, error) {
	in := inbound{limit: 500, deflate: deflate}
	sc := &scratch{buf: make([]byte, 2048)}
	var to collected
	for len(p) > 0 {
		n := copy(in.space(sc.buf), p[:min(size, len(p))])
		p = p[n:]
		if _, err := in.feed(sc, n, &to); err != nil {
			return to.got, err
		}
		require.LessOrEqual(t, cap(in.message), 600, "more than the limit is held")
		require.LessOrEqual(t, cap(in.commands), 256)
	}
	return to.got, nil
}

// FuzzInbound reads WebSocket frames. However they are cut up, the same comes out.
func FuzzInbound(f *testing.F) {
	frame := func(x ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrameWith(x, [4]byte{1, 2, 3, 4})) }
	f.Add(frame(ws.NewTextFrame([]byte("hello"))), 1, false)
	f.Add(bytes.Join([][]byte{frame(ws.NewFrame(ws.OpText, false, []byte("he"))), frame(ws.NewPingFrame([]byte("p"))), frame(ws.NewFrame(ws.OpContinuation, true, []byte("llo")))}, nil), 3, false)
	f.Add(frame(ws.Frame{Header: ws.Header{Fin: true, Rsv: ws.Rsv(true, false, false), OpCode: ws.OpText, Length: 7}, Payload: []byte("\xf2H\xcd\xc9\xc9\x07\x00")}), 2, true)
	f.Add(frame(ws.NewBinaryFrame(make([]byte, 400))), 100, true)
	f.Fuzz(func(t *testing.T, p []byte, size int, deflate bool) {
		if size < 1 || len(p) > 1500 {
			return
		}
		whole, errWhole := feedAll(t, p, 1500, deflate)
		pieces, errPieces := feedAll(t, p, size, deflate)
		require.Equal(t, whole, pieces)
		require.Equal(t, errWhole == nil, errPieces == nil, "%v, in pieces %v", errWhole, errPieces)
	})
}
