package wsframe

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

func TestFormsOfBinaryMessages(t *testing.T) {
	data := []byte(strings.Repeat("bytes ", 50))
	text := ws.MustCompileFrame(ws.NewTextFrame([]byte("4x")))
	f := Item{Frame: NewFrame(Part{Data: []byte("x")}, Part{Binary: true, Data: data}, Part{Data: []byte("x")})}
	for form, want := range map[Binary]ws.Frame{
		Bare:   ws.NewBinaryFrame(data),
		Typed:  ws.NewBinaryFrame(append([]byte{4}, data...)),
		Base64: ws.NewTextFrame([]byte("b4" + base64.StdEncoding.EncodeToString(data))),
	} {
		for range 2 {
			require.Equal(t, string(text)+string(ws.MustCompileFrame(want))+string(text),
				string(Form{Binary: form}.of(f)), "form %d", form)
		}
		require.Same(t, &Form{Binary: form}.of(f)[0], &Form{Binary: form}.of(f)[0], "it is encoded only once")
		compressed := Form{Binary: form, Compress: 100}
		require.Less(t, len(compressed.of(f)), len(data))
		require.Same(t, &compressed.of(f)[0], &compressed.of(f)[0])
		f.Plain = true
		require.Equal(t, Form{Binary: form}.of(f), compressed.of(f))
		f.Plain = false
	}
	for _, f := range []*Frame{NewTextFrame(append(make([]byte, Headroom), 'x')), NewFrame(Part{Data: []byte("x")}),
		NewPacketFrame("2"), NewFrame()} {
		require.False(t, f.HasBinary())
		require.Same(t, f, f.as(Typed), "a frame of text must not be converted")
	}
}

func TestLineHasBinary(t *testing.T) {
	for n := range 40 {
		for at := range n {
			var l Line
			for i := range n {
				l.push(Item{Frame: NewFrame(Part{Binary: i == at})})
			}
			for i := range n {
				require.Equal(t, i <= at, l.HasBinary(), "%d of %d", at, n)
				l.Pop()
			}
		}
	}
}
