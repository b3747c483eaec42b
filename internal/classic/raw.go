package classic

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// undefined is JavaScript's undefined as notepack.io 2 writes it.
const undefined = "\xd4\x00\x00"

// Raw is an encoded value, in codec.JSON or msgpack.Notepack, that was checked. Its parts are checked too.
type Raw struct {
	Encoding codec.Encoding
	Bytes    []byte
}

// Check returns the value p, or an error if it is not valid as a whole.
func Check(e codec.Encoding, p []byte) (Raw, error) {
	var end int
	var err error
	if e == codec.JSON {
		if end, err = jsontext.Skip(p, 0, codec.MaxDepth); err == nil {
			end = jsontext.Space(p, end)
		}
	} else {
		end, err = msgpack.Notepack.Skip(p, 0, codec.MaxDepth)
	}
	if err == nil && end < len(p) {
		err = ErrTrailing
	}
	return Raw{e, p}, err
}

// Tree returns the decoded value.
func (v Raw) Tree() any {
	if v.Encoding == nil {
		return nil
	}
	t, _ := v.Encoding.Tree(v.Bytes)
	return t
}

// Value returns the value as user data. null and nothing are the same.
func (v Raw) Value() codec.Value {
	if v.Encoding == nil || v.isNull() {
		return codec.Value{}
	}
	return codec.Raw(v.Encoding, v.Bytes)
}

func (v Raw) isNull() bool {
	if v.Encoding == codec.JSON {
		return string(v.Bytes) == "null"
	}
	return string(v.Bytes) == "\xc0" || string(v.Bytes) == undefined
}

// Members calls do with each member of an object. It returns false if the value is none. Keys of msgpack that are no
// text are "".
func (v Raw) Members(do func(key string, value Raw)) bool {
	p := v.Bytes
	switch {
	case v.Encoding == nil:
		return false
	case v.Encoding != codec.JSON:
		c := cursor{p: p}
		head, _ := msgpack.ReadHead(p, 0)
		if head.Kind != msgpack.KindMap {
			return false
		}
		c.i = head.At
		for range head.N {
			key := string(c.key())
			do(key, Raw{v.Encoding, c.skip()})
		}
		return true
	}
	i := jsontext.Space(p, 0)
	if p[i] != '{' {
		return false
	}
	for i++; ; {
		if i = jsontext.Space(p, i); p[i] == '}' {
			return true
		}
		if p[i] == ',' {
			i = jsontext.Space(p, i+1)
		}
		end, _ := jsontext.SkipString(p, i)
		key := string(jsontext.Unquote(p[i:end], nil))
		i, _ = jsontext.Colon(p, end)
		i = jsontext.Space(p, i)
		end, _ = jsontext.Skip(p, i, codec.MaxDepth)
		do(key, Raw{v.Encoding, p[i:end:end]})
		i = end
	}
}

// Elements calls do with each element of an array. It returns false if the value is none.
func (v Raw) Elements(do func(element Raw)) bool {
	p := v.Bytes
	switch {
	case v.Encoding == nil:
		return false
	case v.Encoding != codec.JSON:
		head, _ := msgpack.ReadHead(p, 0)
		if head.Kind != msgpack.KindArray {
			return false
		}
		c := cursor{p: p, i: head.At}
		for range head.N {
			do(Raw{v.Encoding, c.skip()})
		}
		return true
	}
	i := jsontext.Space(p, 0)
	if p[i] != '[' {
		return false
	}
	for i++; ; {
		if i = jsontext.Space(p, i); p[i] == ']' {
			return true
		}
		if p[i] == ',' {
			i = jsontext.Space(p, i+1)
		}
		end, _ := jsontext.Skip(p, i, codec.MaxDepth)
		do(Raw{v.Encoding, p[i:end:end]})
		i = end
	}
}

// ArgsOf returns an event with its arguments, which keep their bytes.
func ArgsOf(v Raw) (args codec.Args, ok bool) {
	n, event := 0, ""
	array := v.Elements(func(e Raw) {
		if n++; n == 1 {
			event, ok = EventName(e.Tree())
		}
	})
	if !array || !ok {
		return codec.Args{}, false
	}
	return codec.RawArgs(v.Encoding, v.Bytes, event, n-1), true
}

// cursor reads msgpack that Skip has checked.
type cursor struct {
	p []byte
	i int
}

func (c *cursor) skip() []byte {
	start := c.i
	c.i, _ = msgpack.Notepack.Skip(c.p, c.i, codec.MaxDepth)
	return c.p[start:c.i:c.i]
}

// key reads the key of a map. A number is not the key of any field.
func (c *cursor) key() []byte {
	head, _ := msgpack.ReadHead(c.p, c.i)
	c.i = head.At + head.N
	if head.Kind != msgpack.KindStr {
		return nil
	}
	return c.p[head.At:c.i]
}

// tree reads a value.
func (c *cursor) tree() any {
	t, _ := msgpack.Notepack.Tree(c.skip())
	return t
}
