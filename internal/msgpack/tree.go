package msgpack

import (
	"encoding/binary"
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
)

// tree decodes the value at p[i] and returns the index after it. Skip must have checked the value.
func (f Form) tree(p []byte, i int) (any, int) {
	h, err := ReadHead(p, i)
	if err != nil {
		return nil, len(p)
	}
	first := p[i]
	i = h.At
	end := i + h.N
	switch h.Kind {
	case KindBool:
		return first == CodeTrue, i
	case KindStr:
		return jsontext.ValidUTF8(string(p[i:end])), end
	case KindBin:
		return p[i:end:end], end
	case KindExt, KindFixed:
		return f.extensionTree(p, h), end
	case KindArray:
		list := make([]any, h.N)
		for k := range list {
			list[k], i = f.tree(p, i)
		}
		return list, i
	case KindMap:
		o := make(codec.Object, h.N)
		for k := range o {
			o[k].Key, i = f.key(p, i)
			o[k].Value, i = f.tree(p, i)
		}
		return o, i
	case KindNil:
		return nil, i
	}
	n := ReadNumber(p, h, first)
	switch {
	case n.Integer:
		return n.I, end
	case h.Kind == KindUint:
		return binary.BigEndian.Uint64(p[i:]), end
	}
	return n.F, end
}

// key reads the key of a map. A number becomes its text.
func (f Form) key(p []byte, i int) (string, int) {
	t, i := f.tree(p, i)
	switch t := t.(type) {
	case string:
		return t, i
	case int64:
		return strconv.FormatInt(t, 10), i
	case uint64:
		return strconv.FormatUint(t, 10), i
	case float64:
		return Number{F: t}.Text(), i
	}
	return "", i
}
