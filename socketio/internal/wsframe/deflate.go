package wsframe

import (
	"bytes"
	"compress/flate"
	"io"
	"slices"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// Negotiate answers a client's offers of extensions. It accepts the first acceptable offer of
// permessage-deflate, without context takeover on either side, so that the same compressed frame can be sent on
// all connections, and an idle connection holds no window. The answer is "" if no offer is accepted. ok is
// false if an offer is malformed.
func Negotiate(offers []string) (answer string, ok bool) {
	extension := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	for _, text := range offers {
		options, ok := httphead.ParseOptions([]byte(text), nil)
		if !ok || len(options) != 1 {
			return "", false
		}
		accepted, err := extension.Negotiate(options[0])
		if err == nil && accepted.Size() > 0 && answer == "" { // an offer with invalid parameters is declined
			var b bytes.Buffer
			_, _ = httphead.WriteOptions(&b, []httphead.Option{accepted}) // writing to memory does not fail
			answer = b.String()
		}
	}
	return answer, true
}

var (
	deflaters = sync.Pool{New: func() any {
		// The fastest level, because the goroutine that sends a message compresses it.
		w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // the level is valid
		return w
	}}
	inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

	textHead = []byte{textType}
	// blockEnd is the end of each compressed message, which the sender omits (RFC 7692, 7.2.1).
	blockEnd = []byte{0, 0, 0xff, 0xff}
	// tail is blockEnd and an empty last block, so that the decompressor finds the end.
	tail = slices.Concat(blockEnd, []byte{1, 0, 0, 0xff, 0xff})
)

// appendCompressed appends p as a compressed frame, or uncompressed if p is smaller than least or compression
// does not make it smaller.
func appendCompressed(out []byte, p Part, least int) []byte {
	op, head := p.begin()
	if len(head)+len(p.Data) < least {
		return appendPart(out, p)
	}
	var buf bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	w.Reset(&buf)
	// Writing to a buffer does not fail.
	_, _ = w.Write(head)
	_, _ = w.Write(p.Data)
	_ = w.Flush()
	deflaters.Put(w)
	small := bytes.TrimSuffix(buf.Bytes(), blockEnd)
	if len(small) >= len(head)+len(p.Data) {
		return appendPart(out, p)
	}
	return append(appendHeader(out, op, compressed, len(small)), small...)
}

// inflate decompresses a message of at most limit bytes. Memory grows with the decompressed data, not with the
// size that the client announces.
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
		return nil, ErrTooLarge
	case err != nil:
		return nil, err
	}
	return out.Bytes(), nil
}
