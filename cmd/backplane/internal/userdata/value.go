// Package userdata writes the data of users (arguments, answers, handshakes) as JSON.
package userdata

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// Value is user data that marshals to JSON. Bytes become {"type":"Buffer","base64":"…"}. Node.js writes a Buffer as a
// list of numbers instead, which is about three times as long.
type Value struct{ codec.Value }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	text, err := v.JSON()
	if err == nil {
		return text, nil
	}
	if !errors.Is(err, codec.ErrBinary) {
		return nil, err
	}
	tree, err := v.Tree()
	if err != nil {
		return nil, err
	}
	return appendTree(nil, tree)
}

// Values converts a list. The result is never nil.
func Values(vs []codec.Value) []Value {
	all := make([]Value, 0, len(vs))
	for _, v := range vs {
		all = append(all, Value{v})
	}
	return all
}

// Args returns the arguments of an event.
func Args(a codec.Args) ([]Value, error) {
	values, err := a.Values()
	return Values(values), err
}

// appendTree appends a tree. Its nodes have the types that codec.Encoding lists.
func appendTree(dst []byte, tree any) ([]byte, error) {
	switch t := tree.(type) {
	case []byte:
		return appendJSON(dst, struct {
			Type   string `json:"type"`
			Base64 []byte `json:"base64"`
		}{"Buffer", t})
	case time.Time:
		return appendJSON(dst, t.UTC().Format("2006-01-02T15:04:05.000Z")) // like Date.prototype.toJSON
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return append(dst, "null"...), nil // like JSON.stringify
		}
	case []any:
		return appendList(dst, t)
	case codec.Object:
		return appendObject(dst, t)
	}
	return appendJSON(dst, tree)
}

func appendList(dst []byte, list []any) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, element := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendTree(dst, element); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendObject(dst []byte, object codec.Object) (_ []byte, err error) {
	dst = append(dst, '{')
	for i, member := range object {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, member.Key); err != nil {
			return nil, err
		}
		if dst, err = appendTree(append(dst, ':'), member.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendJSON(dst []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(dst, text...), err
}
