package engineio

import (
	"bytes"
	"compress/flate"
	"io"
	"slices"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// negotiate accepts the first offer of permessage-deflate without context takeover on either side, so that a compressed frame can be sent on
// all connections, and an idle one holds no window. It returns the answer to the offers, "" if none is accepted. ok is false if the
// lines are not a list of offers.
func negotiate(lines []string) (answer string, ok bool) {
	extension := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	offers := slices.Collect(members(lines))
	for _, text := range slices.Backward(offers) {
		options, ok := httphead.ParseOptions([]byte(text), nil)
		if !ok || len(options) != 1 {
			return "", false
		}
		accepted, err := extension.Negotiate(options[0])
		if err == nil && accepted.Size() > 0 && answer == "" { // an offer that makes no sense is one that is not taken up
			var b bytes.Buffer
			_, _ = httphead.WriteOptions(&b, []httphead.Option{accepted}) // to memory
			answer = b.String()
		}
	}
	return answer, true
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
