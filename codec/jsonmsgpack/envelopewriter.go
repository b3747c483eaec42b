package jsonmsgpack

import (
	"fmt"
	"math/bits"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
)

// writer is the part of encoding in which the two forms differ. Maps and arrays are opened with their length,
// because msgpack needs it first.
type writer interface {
	openMap(n int)
	openArray(n int)
	close() // closes the map or array that was opened last
	key(k string)
	str(s string)
	num(n int64)
	boolean(b bool)
	value(v codec.Value) error
	// socketValue is like value, for the data of sockets, where the text form can represent bytes too.
	socketValue(v codec.Value) error
}

// source marks the messages of an adapter. With adapter 0.5, workers behind a primary process ignore messages
// without it.
const source = "_sio_adapter"

func writeEnvelope(w writer, env *codec.Envelope) error {
	switch {
	case env.AttachmentID != "":
		n := 1
		if env.RequesterUID != "" {
			n++
		}
		writeHeader(w, env, n)
		w.key("attachmentId")
		w.str(env.AttachmentID)
		writeOptional(w, "requesterUid", env.RequesterUID)
	case !env.Type.Known():
		return fmt.Errorf("codec/jsonmsgpack: cannot encode a message of unknown %v", env.Type)
	case message.FieldsOf(env.Type) == 0:
		writeHeader(w, env, 0)
	default:
		writeHeader(w, env, 1)
		w.key("data")
		if err := writeData(w, env); err != nil {
			return err
		}
	}
	w.close()
	return nil
}

// writeHeader opens the message and writes the fields that every type has. more is the number of keys that the
// caller will add.
func writeHeader(w writer, env *codec.Envelope, more int) {
	n := 3 + more
	for _, set := range [...]bool{
		env.NSP != "", env.Nonce != 0, env.AttachmentKey != "", env.Process != "", env.Clock != 0, env.CloseHash != "",
		env.CloseKey != "",
	} {
		if set {
			n++
		}
	}
	w.openMap(n)
	w.key("uid")
	w.str(env.UID)
	w.key("type")
	w.num(int64(env.Type))
	writeOptional(w, "nsp", env.NSP)
	w.key("source")
	w.str(source)
	if env.Nonce != 0 {
		w.key("nonce")
		w.num(int64(env.Nonce & message.MaxSafe)) // msgpack would round a larger number
	}
	writeOptional(w, "attachmentKey", env.AttachmentKey)
	writeOptional(w, "process", env.Process)
	if env.Clock != 0 {
		w.key("clock")
		w.num(int64(env.Clock & message.MaxSafe))
	}
	writeOptional(w, "closeHash", env.CloseHash)
	writeOptional(w, "closeKey", env.CloseKey)
}

// writeOptional writes a field that is left out when it is empty.
func writeOptional(w writer, key, s string) {
	if s != "" {
		w.key(key)
		w.str(s)
	}
}

func writeData(w writer, env *codec.Envelope) error {
	has := message.FieldsOf(env.Type)
	if has.Has(message.Opts) && env.Opts.Nobody {
		return codec.ErrNobody
	}
	n := bits.OnesCount8(uint8(has))
	asked := has.Has(message.RequestID)
	if asked && env.RequestID == "" && message.MayAsk(env.Type) {
		asked = false
		n--
	}
	rest := codec.Value{}
	if has.Has(message.Rest) {
		if rest = env.Value.Rest(); rest.IsNull() {
			n--
		}
	}

	w.openMap(n)
	if has.Has(message.Packet) {
		w.key("packet")
		if err := writePacket(w, env); err != nil {
			return err
		}
	}
	if !rest.IsNull() {
		w.key("rest")
		if err := w.value(rest); err != nil {
			return err
		}
	}
	if has.Has(message.Opts) {
		w.key("opts")
		writeOpts(w, &env.Opts)
	}
	if asked {
		w.key("requestId")
		w.str(env.RequestID)
	}
	if has.Has(message.Rooms) {
		w.key("rooms")
		writeStrings(w, env.Rooms)
	}
	if has.Has(message.Close) {
		w.key("close")
		w.boolean(env.Close)
	}
	if has.Has(message.ClientCount) {
		if env.ClientCount < 0 {
			return fmt.Errorf("codec/jsonmsgpack: ClientCount is negative: %d", env.ClientCount)
		}
		w.key("clientCount")
		w.num(int64(env.ClientCount))
	}
	if has.Has(message.Sockets) {
		w.key("sockets")
		if err := writeSockets(w, env.Sockets); err != nil {
			return err
		}
	}
	w.close()
	return nil
}

// packetType is EVENT in Socket.IO's protocol.
const packetType = 2

func writePacket(w writer, env *codec.Envelope) error {
	switch env.Type {
	case codec.Broadcast:
		if env.Args.Value().IsNull() {
			return message.ErrNoEvent
		}
		w.openMap(2)
		w.key("type")
		w.num(packetType)
		w.key("data")
		if err := w.value(env.Args.Value()); err != nil {
			return err
		}
		w.close()
		return nil
	case codec.ServerSideEmit:
		if env.Args.Value().IsNull() {
			return message.ErrNoEvent
		}
		return w.value(env.Args.Value())
	}
	return w.value(env.Value)
}

func writeOpts(w writer, o *codec.Opts) {
	w.openMap(3)
	w.key("rooms")
	writeStrings(w, o.Rooms)
	w.key("except")
	writeStrings(w, o.Except)
	w.key("flags")
	writeFlags(w, &o.Flags)
	w.close()
}

// writeFlags leaves out flags that are not set, because Node.js treats a volatile flag that is present as set, even
// if it is false.
func writeFlags(w writer, f *codec.Flags) {
	n := 0
	for _, set := range [...]bool{f.Volatile, f.Compress != nil, f.Timeout > 0, f.ExpectSingleResponse, f.Relayed} {
		if set {
			n++
		}
	}
	w.openMap(n)
	if f.Volatile {
		w.key("volatile")
		w.boolean(true)
	}
	if f.Compress != nil {
		w.key("compress")
		w.boolean(*f.Compress)
	}
	if f.Timeout > 0 {
		w.key("timeout")
		w.num(message.Milliseconds(f.Timeout))
	}
	if f.ExpectSingleResponse {
		w.key("expectSingleResponse")
		w.boolean(true)
	}
	if f.Relayed {
		w.key("relayed")
		w.boolean(true)
	}
	w.close()
}

func writeSockets(w writer, sockets []codec.Socket) error {
	w.openArray(len(sockets))
	for i := range sockets {
		s := &sockets[i]
		w.openMap(4)
		w.key("id")
		w.str(s.ID)
		w.key("handshake")
		if err := w.socketValue(s.Handshake); err != nil {
			return fmt.Errorf("handshake of socket %q: %w", s.ID, err)
		}
		w.key("rooms")
		writeStrings(w, s.Rooms)
		w.key("data")
		if err := w.socketValue(s.Data); err != nil {
			return fmt.Errorf("data of socket %q: %w", s.ID, err)
		}
		w.close()
	}
	w.close()
	return nil
}

func writeStrings(w writer, list []string) {
	w.openArray(len(list))
	for _, s := range list {
		w.str(s)
	}
	w.close()
}
