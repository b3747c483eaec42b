package jsonmsgpack

import (
	"fmt"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// AppendData appends what Append writes as the data of a message, for wires that carry the type and the sender
// elsewhere. It appends nothing for a type without data. Its errors are those of Append.
func (c Codec) AppendData(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	if !env.Type.Known() {
		return dst, fmt.Errorf("codec/jsonmsgpack: cannot encode a message of unknown %v", env.Type)
	}
	if message.FieldsOf(env.Type) == 0 {
		return dst, nil
	}
	var out []byte
	var err error
	switch f {
	case codec.Text:
		w := &textWriter{b: dst, plain: c.Notepack}
		err = writeData(w, env)
		out = w.b
	case codec.Binary:
		w := msgpack.NewWriter(dst, c.form())
		err = writeData(binaryWriter{w}, env)
		out = w.Release()
	default:
		err = fmt.Errorf("codec/jsonmsgpack: %v", f)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// ParseData reads what AppendData has written, or Node.js as the data of a message, into env. The type of env is that
// of the message. Fields that are not in the data keep their values only if they are not a part of any data. The user
// data in env shares memory with p. Errors wrap codec.ErrMalformed.
func (c Codec) ParseData(p []byte, f codec.Format, env *codec.Envelope) error {
	var r reader
	switch f {
	case codec.Text:
		if !utf8.Valid(p) {
			return message.Malformed("data", errNotUTF8)
		}
		r = &textReader{p: p, plain: c.Notepack}
	case codec.Binary:
		r = &binaryReader{p: p, form: c.form()}
	default:
		return fmt.Errorf("codec/jsonmsgpack: %v", f)
	}
	d := parser{r: r}
	d.data(env)
	if d.err == nil {
		d.fail("data", r.end())
	}
	env.Skipped += d.skipped
	return d.err
}
