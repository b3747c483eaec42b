package classic

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// The types of packets. Socket.IO 2 marks events that hold bytes; without the mark, its clients would get them as JSON.
// Later versions find out themselves.
const (
	PacketEvent       = 2
	PacketBinaryEvent = 5
)

// The keys in the options of a broadcast, and in its flags, that Node.js does not know, and does not read.
const (
	keyNonce   = "nonce"
	keyRelayed = "relayed"
)

// WriteBroadcast writes the message of a codec.Broadcast that asks for nothing, [uid, packet, opts]. If it holds bytes,
// its packet has the type binary.
func WriteBroadcast(w *msgpack.Writer, env *codec.Envelope, binary int64) error {
	w.OpenArray(3)
	w.Str(env.UID)
	if err := WritePacket(w, env, binary); err != nil {
		return err
	}
	WriteOpts(w, env, binary == PacketEvent)
	w.Close()
	return nil
}

// WritePacket writes the event of a codec.Broadcast and its namespace.
func WritePacket(w *msgpack.Writer, env *codec.Envelope, binary int64) error {
	w.OpenMap(3)
	w.Key("type")
	packetType := len(w.Out)
	w.Int(PacketEvent)
	w.Key("data")
	if env.Args.Value().IsNull() {
		return message.ErrNoEvent
	}
	if err := w.Value(env.Args.Value()); err != nil {
		return err
	}
	if w.Bytes {
		w.Out[packetType] = byte(binary)
	}
	w.Key("nsp")
	w.Str(env.NSP)
	w.Close()
	return nil
}

// WriteOpts writes the options of a codec.Broadcast. acks: there are flags about acknowledgements.
func WriteOpts(w *msgpack.Writer, env *codec.Envelope, acks bool) {
	n := 3
	if env.Nonce != 0 {
		n++
	}
	w.OpenMap(n)
	w.Key("rooms")
	WriteNames(w, env.Opts.Rooms)
	w.Key("except")
	WriteNames(w, env.Opts.Except)
	w.Key("flags")
	writeFlags(w, &env.Opts.Flags, acks)
	if env.Nonce != 0 {
		w.Key(keyNonce)
		w.Int(int64(env.Nonce & message.MaxSafe))
	}
	w.Close()
}

// WriteNames writes an array of names.
func WriteNames(w *msgpack.Writer, list []string) {
	w.OpenArray(len(list))
	for _, s := range list {
		w.Str(s)
	}
	w.Close()
}

func writeFlags(w *msgpack.Writer, f *codec.Flags, acks bool) {
	timeout, single := acks && f.Timeout > 0, acks && f.ExpectSingleResponse
	n := 0
	for _, set := range []bool{f.Volatile, f.Compress != nil, timeout, single, f.Relayed} {
		if set {
			n++
		}
	}
	w.OpenMap(n)
	if f.Volatile {
		w.Key("volatile")
		w.Bool(true)
	}
	if f.Compress != nil {
		w.Key("compress")
		w.Bool(*f.Compress)
	}
	if timeout {
		w.Key("timeout")
		w.Int(message.Milliseconds(f.Timeout))
	}
	if single {
		w.Key("expectSingleResponse")
		w.Bool(true)
	}
	if f.Relayed {
		w.Key(keyRelayed)
		w.Bool(true)
	}
	w.Close()
}
