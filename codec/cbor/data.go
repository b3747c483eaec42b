package cbor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
)

// The major types of CBOR. They are the upper three bits of the first byte.
const (
	majorUint   byte = 0
	majorInt    byte = 1
	majorBytes  byte = 2
	majorText   byte = 3
	majorArray  byte = 4
	majorMap    byte = 5
	majorTag    byte = 6
	majorSimple byte = 7
)

// tagJSON marks a byte string that holds JSON (registered with IANA as "embedded JSON").
const tagJSON = 262

// Simple values, as whole first bytes. The values above simpleOther are floats.
const (
	simpleFalse byte = 0xf4
	null        byte = 0xf6
	undefined   byte = 0xf7
	simpleOther byte = 0xf8
)

// appendHead appends the head of a CBOR value in its shortest form.
func appendHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

// readHead decodes the head at the start of p. n is the number in the head; size is the length of the head, or 0 if
// p does not hold a whole head.
func readHead(p []byte) (major byte, n uint64, size int) {
	if len(p) == 0 {
		return 0, 0, 0
	}
	major = p[0] >> 5
	switch info := p[0] & 31; {
	case info < 24:
		return major, uint64(info), 1
	case info == 24 && len(p) >= 2:
		return major, uint64(p[1]), 2
	case info == 25 && len(p) >= 3:
		return major, uint64(binary.BigEndian.Uint16(p[1:])), 3
	case info == 26 && len(p) >= 5:
		return major, uint64(binary.BigEndian.Uint32(p[1:])), 5
	case info == 27 && len(p) >= 9:
		return major, binary.BigEndian.Uint64(p[1:]), 9
	}
	return major, 0, 0
}

// newData encodes v. level is the number of arrays and maps of the message around it.
func newData(v codec.Value, level int) (data, error) {
	if v.IsNull() {
		return nil, nil
	}
	if p, ok := v.Bytes(CBOR); ok {
		return p, nil
	}
	if p, ok := v.Bytes(codec.JSON); ok {
		dst := make([]byte, 0, len(p)+12)
		dst = appendHead(dst, majorTag, tagJSON)
		dst = appendHead(dst, majorBytes, uint64(len(p)))
		return append(dst, p...), nil
	}
	t, err := v.Tree()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := appendTree(&buf, t, codec.MaxDepth-level); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// appendTree encodes t, in which arrays and maps may nest up to depth levels.
func appendTree(buf *bytes.Buffer, t any, depth int) error {
	var head [9]byte
	switch t := t.(type) {
	case nil, bool, int64, uint64, float64, []byte:
		return encMode.MarshalToBuffer(t, buf)
	case time.Time:
		return appendTime(buf, t)
	case string:
		return encMode.MarshalToBuffer(jsontext.ValidUTF8(t), buf)
	case []any:
		if depth == 0 {
			return codec.ErrDepth
		}
		buf.Write(appendHead(head[:0], majorArray, uint64(len(t))))
		for _, e := range t {
			if err := appendTree(buf, e, depth-1); err != nil {
				return err
			}
		}
	case codec.Object:
		if depth == 0 {
			return codec.ErrDepth
		}
		buf.Write(appendHead(head[:0], majorMap, uint64(len(t))))
		for _, m := range t {
			if err := encMode.MarshalToBuffer(jsontext.ValidUTF8(m.Key), buf); err != nil {
				return err
			}
			if err := appendTree(buf, m.Value, depth-1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("codec/cbor: a tree cannot hold a %T", t)
	}
	return nil
}

// appendTime encodes t as the library does, with two differences: the library encodes the zero time as null, and it
// accepts years that RFC 3339 cannot represent.
func appendTime(buf *bytes.Buffer, t time.Time) error {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("codec/cbor: RFC 3339 cannot represent the year %d", y)
	}
	var p [48]byte
	text := t.AppendFormat(p[9:9], time.RFC3339Nano)
	buf.WriteByte(majorTag<<5 | tagTimeText)
	buf.Write(appendHead(p[:0], majorText, uint64(len(text))))
	buf.Write(text)
	return nil
}

var errEvent = errors.New("not an event: an event is an array that begins with a string or a number")

// json returns the JSON that is embedded in d. ok is false if d holds no JSON. d must be one CBOR value.
func (d data) json() ([]byte, bool) {
	major, tag, size := readHead(d)
	if major != majorTag || tag != tagJSON || size == 0 {
		return nil, false
	}
	d = d[size:]
	major, n, size := readHead(d)
	if major != majorBytes || size == 0 || n != uint64(len(d)-size) {
		return nil, false
	}
	return d[size:], true
}

// value decodes user data. level is the number of arrays and maps of the message around it.
func (d data) value(level int) (codec.Value, error) {
	if len(d) == 0 || d[0] == null || d[0] == undefined {
		return codec.Value{}, nil
	}
	if p, ok := d.json(); ok {
		return checkedJSON(p, level)
	}
	return d.cbor()
}

// cbor returns d as a Value, after checking it.
func (d data) cbor() (codec.Value, error) {
	if err := check(d); err != nil {
		return codec.Value{}, err
	}
	return codec.Raw(CBOR, d), nil
}

// args decodes d as an event.
func (d data) args() (codec.Args, error) {
	if p, ok := d.json(); ok {
		if !utf8.Valid(p) {
			return codec.Args{}, errUTF8
		}
		return codec.ArgsOf(codec.Raw(codec.JSON, p)) // ArgsOf checks the JSON
	}
	major, n, size := readHead(d)
	if major != majorArray || n == 0 || size == 0 {
		return codec.Args{}, errEvent
	}
	if _, err := d.cbor(); err != nil {
		return codec.Args{}, err
	}
	rest, err := decMode.UnmarshalFirst(d[size:], new(any))
	if err != nil {
		return codec.Args{}, err
	}
	first, err := CBOR.Tree(d[size : len(d)-len(rest)])
	if err != nil {
		return codec.Args{}, err
	}
	event, err := codec.ArgsOf(codec.FromTree([]any{first}))
	if err != nil {
		return codec.Args{}, err
	}
	return codec.RawArgs(CBOR, d, event.Event(), int(n-1)), nil
}
