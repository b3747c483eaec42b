package redisstreams

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/streamentry"
)

// The fields of an entry. Node.js writes the first four, in this order. The last one is ours, and makes equal messages
// differ; Node.js ignores it.
const (
	fieldUID   = "uid"
	fieldNSP   = "nsp"
	fieldType  = "type"
	fieldData  = "data"
	fieldNonce = "nonce"
)

// appendEntry appends a message as an entry. Only data with bytes is MessagePack, in base64.
func appendEntry(dst []byte, env *codec.Envelope) ([]byte, error) {
	data, err := messages.AppendData(nil, env, codec.Text)
	if errors.Is(err, codec.ErrBinary) {
		var packed []byte
		if packed, err = messages.AppendData(nil, env, codec.Binary); err == nil {
			data = base64.StdEncoding.AppendEncode(nil, packed)
		}
	}
	if err != nil {
		return dst, err
	}
	fields := [][]byte{
		[]byte(fieldUID), []byte(jsontext.ValidUTF8(env.UID)), []byte(fieldNSP), []byte(env.NSP),
		[]byte(fieldType), strconv.AppendInt(nil, int64(env.Type), 10), []byte(fieldData), data,
	}
	if env.Nonce != 0 {
		fields = append(fields, []byte(fieldNonce), strconv.AppendUint(nil, env.Nonce, 10))
	}
	return streamentry.Append(dst, fields...), nil
}

func malformed(what string, err error) error {
	return fmt.Errorf("%w: redisstreams: %s: %w", codec.ErrMalformed, what, err)
}

var (
	errNotType = errors.New("not a decimal number")
	errTwice   = errors.New("there are several")
)

// parseEntry reads an entry.
func parseEntry(p []byte) (*codec.Envelope, error) {
	env := &codec.Envelope{}
	var kind, data []byte
	senders := 0
	err := streamentry.Each(p, func(name, value []byte) { // the last one of a name counts, as in Node.js
		switch string(name) {
		case fieldUID:
			env.UID = jsontext.ValidUTF8(string(value))
			senders++
		case fieldNSP:
			env.NSP = string(value)
		case fieldType:
			kind = value
		case fieldData:
			data = value
		}
	})
	if err != nil {
		return nil, malformed("the fields of an entry", err)
	}
	if senders > 1 {
		return nil, malformed("the sender of an entry", errTwice)
	}
	n, err := strconv.ParseUint(string(kind), 10, 31)
	if err != nil {
		return nil, malformed("the type of an entry", errNotType)
	}
	env.Type = codec.Type(n)
	form := codec.Text
	if !bytes.HasPrefix(data, []byte("{")) {
		if len(data) == 0 {
			return withoutData(env)
		}
		form = codec.Binary
		if data, err = base64.StdEncoding.AppendDecode(nil, data); err != nil {
			return nil, malformed("the data of an entry", err)
		}
	}
	if !env.Type.Known() {
		return env, nil
	}
	if err := messages.ParseData(data, form, env); err != nil {
		return nil, err
	}
	return env, nil
}

var errNoData = errors.New("missing")

// withoutData returns the envelope of an entry without data, as heartbeats are.
func withoutData(env *codec.Envelope) (*codec.Envelope, error) {
	switch env.Type {
	case codec.InitialHeartbeat, codec.Heartbeat, codec.AdapterClose:
		return env, nil
	}
	if !env.Type.Known() {
		return env, nil
	}
	return nil, malformed("the data of an entry", errNoData)
}

// isEntry reports whether a message is an entry: nothing else begins in this way.
func isEntry(p []byte) bool { return len(p) > 0 && p[0] == '*' }

// entrySentBy is SentBy for an entry.
func entrySentBy(p []byte, uid string) bool {
	name, sender, ok := streamentry.First(p)
	return ok && string(name) == fieldUID && string(sender) == uid
}
