// Package show writes user data as JSON for people and programs.
package show

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// Value is user data that becomes JSON. Bytes in it become {"type":"Buffer","base64":"…"}: as Node.js writes a Buffer, but
// for the list of numbers, which is four times as long.
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

// Values are Value for each of vs, never nil.
func Values(vs []codec.Value) []Value {
	all := make([]Value, 0, len(vs))
	for _, v := range vs {
		all = append(all, Value{v})
	}
	return all
}

// Args are an event's arguments.
func Args(a codec.Args) ([]Value, error) {
	values, err := a.Values()
	return Values(values), err
}

// appendTree appends a tree of the types that codec.Encoding lists.
func appendTree(dst []byte, tree any) ([]byte, error) {
	switch t := tree.(type) {
	case []byte:
		return appendJSON(dst, struct {
			Type   string `json:"type"`
			Base64 []byte `json:"base64"`
		}{"Buffer", t})
	case time.Time:
		return appendJSON(dst, t.UTC().Format("2006-01-02T15:04:05.000Z")) // as JavaScript's toJSON
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return append(dst, "null"...), nil // as JavaScript's JSON.stringify
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
