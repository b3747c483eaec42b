package wsframe

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

func TestFramesAreEncodedAsByTheLibrary(t *testing.T) {
	for _, size := range []int{0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 70000} {
		data := bytes.Repeat([]byte("x"), size)
		wantText := ws.MustCompileFrame(ws.NewTextFrame(append([]byte{textType}, data...)))
		wantBinary := ws.MustCompileFrame(ws.NewBinaryFrame(data))
		f := NewFrame(Part{Data: data}, Part{Data: data, Binary: true})
		require.Equal(t, append(bytes.Clone(wantText), wantBinary...), f.Plain(),
			"NewFrame with two parts of %d bytes", size)

		text := NewTextFrame(append(make([]byte, Headroom), data...))
		require.Equal(t, wantText, text.Plain(), "NewTextFrame with %d bytes", size)
		require.Equal(t, size, text.Size())
	}
	require.Equal(t, ws.MustCompileFrame(ws.NewTextFrame([]byte("2"))), NewPacketFrame("2").Plain())
}

func TestOtherEncodingIsMadeOnce(t *testing.T) {
	calls := 0
	encode := func(parts []Part) []byte {
		calls++
		return parts[0].Data
	}
	for _, f := range []*Frame{NewFrame(Part{Data: []byte("a")}), NewTextFrame(append(make([]byte, Headroom), 'a'))} {
		calls = 0
		for range 3 {
			require.Equal(t, "a", string(f.Other(encode)))
		}
		require.Equal(t, 1, calls)
	}
	require.Equal(t, "given", string(NewEncodedFrame([]byte("x"), []byte("given")).Other(nil)))
}

// FuzzHeader parses headers. The results must equal those of package ws.
func FuzzHeader(f *testing.F) {
	for _, size := range []int{0, 125, 126, 65535, 65536} {
		frame := ws.MustCompileFrame(ws.MaskFrameWith(ws.NewTextFrame(make([]byte, size)), [4]byte{1, 2, 3, 4}))
		f.Add(frame[:min(20, len(frame))])
		f.Add(ws.MustCompileFrame(ws.NewTextFrame(make([]byte, size)))[:2])
	}
	f.Add([]byte{0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, p []byte) {
		r := bytes.NewReader(p)
		want, wantErr := ws.ReadHeader(r)
		got, size, err := parseHeader(p)
		switch {
		case wantErr == ws.ErrHeaderLengthMSB:
			require.Equal(t, wantErr, err)
		case wantErr != nil: // the header is incomplete
			require.NoError(t, err)
			require.Zero(t, size)
		default:
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, len(p)-r.Len(), size)
		}
	})
}
