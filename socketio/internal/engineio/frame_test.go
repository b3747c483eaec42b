package engineio

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// The short way to a frame leads where the library's does.
func TestFramesAreTheLibrarys(t *testing.T) {
	for _, size := range []int{0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 70000} {
		data := bytes.Repeat([]byte("x"), size)
		f := NewFrame(Part{Data: data}, Part{Data: data, Binary: true})
		require.Equal(t, f.encode(plainly), f.webSocket(), "%d bytes", size)

		text := NewTextFrame(append(make([]byte, Headroom), data...))
		require.Equal(t, text.encode(plainly), text.webSocket(), "%d bytes", size)
		require.Equal(t, NewFrame(Part{Data: data}).payload(), text.payload())
		require.Equal(t, size, text.Size())
	}
	frame, err := ws.ReadFrame(bytes.NewReader(NewFrame(Part{Data: []byte("a")}).webSocket()))
	require.NoError(t, err)
	require.Equal(t, ws.NewTextFrame([]byte("4a")), frame)
}

func FuzzShortHeader(f *testing.F) {
	for _, size := range []int{0, 125, 126, 65535, 65536} {
		frame := ws.MustCompileFrame(ws.MaskFrameWith(ws.NewTextFrame(make([]byte, size)), [4]byte{1, 2, 3, 4}))
		f.Add(frame[:min(20, len(frame))])
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		r := bytes.NewReader(p)
		want, err := ws.ReadHeader(r)
		got, size := shortHeader(p)
		if err != nil || !want.Masked || len(p) > 1 && p[1]&0x7f == 127 {
			require.Zero(t, size)
			return
		}
		require.Equal(t, want, got)
		require.Equal(t, len(p)-r.Len(), size)
	})
}
