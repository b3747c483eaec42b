package engineio

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// negotiate accepts an offer of permessage-deflate if it lets both sides start each message without context, so that a
// compressed frame is good for all connections, and an idle one holds no window.
func negotiate(accepted *bool) func(httphead.Option) (httphead.Option, error) {
	extension := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	return func(offer httphead.Option) (httphead.Option, error) {
		answer, err := extension.Negotiate(offer)
		if err != nil {
			return httphead.Option{}, nil // an offer that makes no sense is one that is not taken up
		}
		_, *accepted = extension.Accepted()
		return answer, nil
	}
}

var (
	deflaters = sync.Pool{New: func() any {
		// Level 1: each message is compressed on its own, in the time of whoever sends it.
		w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // the level is valid
		return w
	}}
	inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}
)

// deflate compresses a message as RFC 7692 has it, 7.2.1. What does not get smaller stays as it is.
func deflate(op ws.OpCode, head, data []byte) (ws.Header, [][]byte) {
	var out bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	w.Reset(&out)
	// Writing to a buffer does not fail.
	_, _ = w.Write(head)
	_, _ = w.Write(data)
	_ = w.Flush()
	deflaters.Put(w)
	small := bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
	if len(small) >= len(head)+len(data) {
		return plainly(op, head, data)
	}
	return ws.Header{Fin: true, Rsv: ws.Rsv(true, false, false), OpCode: op, Length: int64(len(small))}, [][]byte{small}
}

// tail is what RFC 7692, 7.2.2, appends to a compressed message, and a last block, so that the end is known.
var tail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

// inflate decompresses a message of at most limit bytes. Memory grows with what comes out, not with what is claimed.
func inflate(p []byte, limit int) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(p), bytes.NewReader(tail)), nil); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	n, err := out.ReadFrom(io.LimitReader(r, int64(limit)+1))
	switch {
	case n > int64(limit):
		return nil, errTooLarge
	case err != nil:
		return nil, err
	}
	return out.Bytes(), nil
}
