// Package classic has what the dialects legacy and redisclassic share: the broadcasts of socket.io-redis 5, from which
// both adapters of Node.js come, and reading the parts of messages.
//
// # Files
//
//   - channels.go: the kinds of channels
//   - broadcast.go: writes broadcasts
//   - parsebroadcast.go: reads broadcasts
//   - reader.go: reads optional parts, and skips invalid ones
//   - raw.go: the members and elements of encoded values
//   - heartbeat.go: the messages of the process's own namespace
package classic

import (
	"errors"
	"fmt"
	"math"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
	"github.com/backplane-go/backplane/internal/msgpack"
)

var (
	ErrNotName  = errors.New("not a text")
	ErrNotArray = errors.New("not an array")
	ErrNotMap   = errors.New("not a map")
)

// Reader reads parts of messages, of the types that codec.Encoding lists.
type Reader struct {
	// Dialect is its name in errors.
	Dialect string
	// Acks: broadcasts may ask for acknowledgements, so there are flags about them.
	Acks bool
	// Skipped is the number of invalid parts that were skipped.
	Skipped int
}

// Malformed returns the error of a part that makes the whole message invalid.
func (r *Reader) Malformed(field string, err error) error {
	return message.Malformed(r.Dialect+": "+field, err)
}

// Missing returns the error of a message without a required field.
func (r *Reader) Missing(field string) error { return r.Malformed(field, message.ErrMissing) }

// Text returns a string, or a number as its text, since JavaScript takes numbers for names.
func Text(t any) (string, bool) {
	switch t := t.(type) {
	case string:
		return t, true
	case int64:
		return msgpack.Number{I: t, Integer: true}.Text(), true
	case uint64:
		return fmt.Sprint(t), true
	case float64:
		return msgpack.FloatNumber(t).Text(), true
	}
	return "", false
}

// Names reads an array of names. Nothing is an empty array. given reports whether there is anything, even if no name
// is valid.
func (r *Reader) Names(t any) (list []string, given bool) {
	if t == nil {
		return nil, false
	}
	elems, ok := t.([]any)
	if !ok {
		r.Skipped++
		return nil, true
	}
	for _, e := range elems {
		if s, ok := Text(e); ok {
			if list == nil {
				list = make([]string, 0, len(elems))
			}
			list = append(list, s)
		} else {
			r.Skipped++
		}
	}
	return list, len(elems) > 0
}

// Rooms reads the rooms that select sockets. Skipping never selects more of them.
func (r *Reader) Rooms(o *codec.Opts, t any) {
	var given bool
	o.Rooms, given = r.Names(t)
	o.Nobody = given && len(o.Rooms) == 0
}

// Flag reads true or false.
func (r *Reader) Flag(t any) bool {
	b, ok := t.(bool)
	if !ok && t != nil {
		r.Skipped++
	}
	return b
}

// Opts reads the third part of a broadcast.
func (r *Reader) Opts(env *codec.Envelope, t any) {
	if t == nil {
		return
	}
	object, ok := t.(codec.Object)
	if !ok {
		r.Skipped++
		env.Opts.Nobody = true
		return
	}
	unclear := false
	for _, m := range object {
		switch m.Key {
		case "rooms":
			r.Rooms(&env.Opts, m.Value)
		case "except":
			_, list := m.Value.([]any)
			unclear = !list && m.Value != nil
			env.Opts.Except, _ = r.Names(m.Value)
		case "flags":
			r.Flags(&env.Opts.Flags, m.Value)
		case keyNonce:
		default:
			r.Skipped++
		}
	}
	if unclear {
		env.Opts.Nobody, env.Opts.Rooms = true, nil
	}
}

// Flags reads the flags of a broadcast.
func (r *Reader) Flags(to *codec.Flags, t any) {
	*to = codec.Flags{}
	object, ok := t.(codec.Object)
	if !ok && t != nil {
		r.Skipped++
	}
	for _, m := range object {
		switch m.Key {
		case "volatile":
			to.Volatile = r.Flag(m.Value)
		case "compress":
			to.Compress = nil
			if b, ok := m.Value.(bool); ok {
				to.Compress = &b
			} else if m.Value != nil {
				r.Skipped++
			}
		case keyRelayed:
			to.Relayed = r.Flag(m.Value)
		case "timeout":
			to.Timeout = 0
			if ms, ok := number(m.Value); ok && r.Acks {
				to.Timeout = message.Timeout(ms)
			} else if m.Value != nil {
				r.Skipped++
			}
		case "expectSingleResponse":
			if to.ExpectSingleResponse = r.Acks && r.Flag(m.Value); !r.Acks {
				r.Skipped++
			}
		case "local", "broadcast", "binary", "json": // matter only to the server that sends
		default:
			r.Skipped++
		}
	}
}

// EventName returns the name of an event. Numbers without a JSON form are none.
func EventName(t any) (string, bool) {
	if f, ok := t.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return "", false
	}
	return Text(t)
}

// number returns a number of any type.
func number(t any) (float64, bool) {
	switch t := t.(type) {
	case int64:
		return float64(t), true
	case uint64:
		return float64(t), true
	case float64:
		return t, true
	}
	return 0, false
}
