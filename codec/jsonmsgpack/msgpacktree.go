package jsonmsgpack

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/internal/jsontext"
	"github.com/backplane-go/backplane/codec/internal/message"
)

// Msgpack is the encoding of msgpack values as Node.js writes them.
var Msgpack codec.Encoding = encoding{}

type encoding struct{}

func (encoding) Name() string { return "msgpack" }

func (encoding) Tree(p []byte) (any, error) {
	end, err := skip(p, 0, codec.MaxDepth)
	if err == nil && end < len(p) {
		err = errTrailing
	}
	if err != nil {
		return nil, message.Malformed("msgpack", err)
	}
	t, _ := tree(p, 0)
	return t, nil
}

// tree decodes the value at p[i] and returns the index after it. skip must have checked the value.
func tree(p []byte, i int) (any, int) {
	h, err := readHead(p, i)
	if err != nil {
		return nil, len(p)
	}
	first := p[i]
	i = h.at
	end := i + h.n
	switch h.kind {
	case headBool:
		return first == codeTrue, i
	case headStr:
		return jsontext.ValidUTF8(string(p[i:end])), end
	case headBin:
		return p[i:end:end], end
	case headTime:
		return timestamp(p[i:end]), end
	case headArray:
		list := make([]any, h.n)
		for k := range list {
			list[k], i = tree(p, i)
		}
		return list, i
	case headMap:
		o := make(codec.Object, h.n)
		for k := range o {
			o[k].Key, i = key(p, i)
			o[k].Value, i = tree(p, i)
		}
		return o, i
	case headNil:
		return nil, i
	}
	n := readNumber(p, h, first)
	switch {
	case n.integer:
		return n.i, end
	case h.kind == headUint:
		return binary.BigEndian.Uint64(p[i:]), end
	}
	return n.f, end
}

// readNumber reads the number with the head h.
func readNumber(p []byte, h head, first byte) number {
	if h.kind == headFix {
		return number{i: int64(int8(first)), integer: true}
	}
	u, _ := readUint(p, h.at, h.n)
	switch h.kind {
	case headUint:
		if u > math.MaxInt64 {
			return number{f: float64(u)}
		}
		return number{i: int64(u), integer: true}
	case headInt:
		shift := 64 - 8*h.n
		return number{i: int64(u<<shift) >> shift, integer: true}
	}
	if h.n == 4 {
		return number{f: float64(math.Float32frombits(uint32(u)))}
	}
	return number{f: math.Float64frombits(u)}
}

// key reads the key of a map. A number becomes its text.
func key(p []byte, i int) (string, int) {
	t, i := tree(p, i)
	switch t := t.(type) {
	case string:
		return t, i
	case int64:
		return strconv.FormatInt(t, 10), i
	case uint64:
		return strconv.FormatUint(t, 10), i
	case float64:
		return number{f: t}.text(), i
	}
	return "", i
}

func timestamp(p []byte) time.Time {
	var sec, nsec int64
	switch len(p) {
	case 4:
		sec = int64(binary.BigEndian.Uint32(p))
	case 8:
		u := binary.BigEndian.Uint64(p)
		sec, nsec = int64(u&(1<<34-1)), int64(u>>34)
	default:
		sec, nsec = int64(binary.BigEndian.Uint64(p[4:])), int64(binary.BigEndian.Uint32(p))
	}
	return time.Unix(sec, nsec).UTC()
}
