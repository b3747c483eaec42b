package interop_test

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// sizeScenarios are broadcasts whose notification has exactly this many bytes, unless it becomes an attachment.
func sizeScenarios() []scenario {
	var all []scenario
	for _, size := range []int{7999, 8000, 8001, 64 << 10, 1 << 20} {
		all = append(all, scenario{types: codec.Broadcast, name: fmt.Sprintf("payloadOf%dBytes", size),
			brief: size == 7999 || size == 8000, emitter: size != 8000, run: func(f *fixture) { sized(f, size) }})
	}
	for _, size := range []int{64 << 10, 1 << 20} {
		all = append(all, scenario{types: codec.Broadcast, name: fmt.Sprintf("binaryOf%dBytes", size), emitter: true,
			run: func(f *fixture) {
				c := f.join(f.to)
				body := bytes.Repeat([]byte("\x00\xff\x7f\x80"), size/4)
				f.emit(f.from, interop.Target{}, "big", "before", body)
				f.expect([]client{c}, "big", "before", body)
			}})
	}
	return all
}

func sized(f *fixture, size int) {
	receivers := []client{f.join(f.to), f.join(f.to)}
	f.emit(f.from, interop.Target{}, "sized", "")
	f.expect(receivers, "sized", "")
	pad := strings.Repeat("x", size-len(f.sent(f.from, 3).Payload))
	f.emit(f.from, interop.Target{}, "sized", pad)

	if k := f.from.kind(); !k.isGo() && size == 8000 {
		// upstream: the adapters use attachments above 8000 bytes, but PostgreSQL refuses 8000, so the message is lost
		e, err := k.peer.Errors.Next(f.ctx)
		require.NoError(f, err)
		require.Equal(f, "22023", e.Code, "%s", e.Message)
		f.fence(f.from, receivers...)
		return
	}
	f.expect(receivers, "sized", pad)
	m := f.sent(f.from, 3)
	if size < 8000 {
		require.Len(f, m.Payload, size)
		require.Empty(f, m.AttachmentID, "a message that fits into a notification must not use an attachment")
	} else {
		require.NotEmpty(f, m.AttachmentID, "a message that does not fit into a notification must use an attachment")
	}
	f.fence(f.from, receivers...)
}
