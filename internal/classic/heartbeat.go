package classic

import (
	"errors"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
)

// AppendHeartbeat appends a message of the process's own namespace.
func AppendHeartbeat(dst []byte, env *codec.Envelope, name string) ([]byte, error) {
	if env.Type != codec.Heartbeat {
		return dst, &fault.UnsupportedError{Op: env.Type.String(), Dialect: name,
			Hint: "the process's own namespace has only HEARTBEAT"}
	}
	return jsonmsgpack.Codec{}.Append(dst, env, codec.Text)
}

// Heartbeat reads a message of the process's own namespace.
func (r *Reader) Heartbeat(p []byte) (*codec.Envelope, error) {
	env, err := jsonmsgpack.Codec{}.Parse(p, codec.Text)
	switch {
	case err != nil:
		return nil, err
	case env.NSP != "":
		return env, dialect.ErrForeign
	case env.Type != codec.Heartbeat || env.AttachmentID != "":
		return nil, r.Malformed("type", errors.New("not a heartbeat"))
	}
	return env, nil
}
