package legacy

import (
	"bytes"
	"encoding/base64"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// maxRoomChannel is the length of the longest channel of a room, as JSON text. The messages of other rooms go over the
// channel of the namespace, where every server looks at the options.
const maxRoomChannel = 400

// broadcast writes a codec.Broadcast.
func (d *draft) broadcast(n *names, env *codec.Envelope) error {
	if env.RequestID != "" {
		return unsupported(env.Type, "broadcast without acknowledgements, or ask with CustomRequest")
	}
	channel := classic.Broadcast.Channel(n.prefix, env.NSP)
	if len(env.Opts.Rooms) == 1 {
		d.channel = jsontext.AppendString(d.channel, channel+env.Opts.Rooms[0]+"#")
	}
	if len(d.channel) == 0 || len(d.channel) > maxRoomChannel {
		d.channel = jsontext.AppendString(d.channel[:0], channel)
	}
	w := msgpack.NewWriter(d.buf[:0], msgpack.Notepack)
	err := classic.WriteBroadcast(w, env, classic.PacketBinaryEvent)
	d.buf = w.Release()
	d.payload = base64.StdEncoding.AppendEncode(d.payload, d.buf)
	d.plain = true
	return err
}

// parseBroadcast reads a codec.Broadcast, in base64. rest is what follows the kind in its channel.
func parseBroadcast(r *classic.Reader, rest, payload []byte) (*codec.Envelope, error) {
	p := make([]byte, base64.RawStdEncoding.DecodedLen(len(payload)))
	n, err := base64.RawStdEncoding.Decode(p, bytes.TrimRight(payload, "="))
	if err != nil {
		return nil, r.Malformed("broadcast", err)
	}
	env, err := r.Broadcast(p[:n])
	if err == nil && !classic.Belongs(rest, env.NSP, &env.Opts) {
		err = dialect.ErrForeign
	}
	return env, err
}
