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
	}
	frame, err := ws.ReadFrame(bytes.NewReader(NewFrame(Part{Data: []byte("a")}).webSocket()))
	require.NoError(t, err)
	require.Equal(t, ws.NewTextFrame([]byte("4a")), frame)
}
