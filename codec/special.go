package codec

import "time"

// node is a tree that is being decoded.
type node struct {
	t any
	// special reports that t holds something that JSON cannot represent: bytes, a time, or a Node.js Buffer
	// that may be decoded as bytes.
	special bool
	parts   []node // the elements or members, if n is special
	buffer  []byte // the bytes of t if it is a Buffer
}

// examine finds the special parts of t once, so that decode need not search them again at every level.
func examine(t any, depth int) (node, error) {
	n := node{t: t}
	switch t := t.(type) {
	case []byte, time.Time:
		n.special = true
	case []any:
		if depth == 0 {
			return n, errTooDeep
		}
		for i, e := range t {
			if err := n.add(e, i, len(t), depth); err != nil {
				return n, err
			}
		}
	case Object:
		if depth == 0 {
			return n, errTooDeep
		}
		n.buffer, n.special = BufferBytes(t)
		for i, m := range t {
			if err := n.add(m.Value, i, len(t), depth); err != nil {
				return n, err
			}
		}
	case nil, bool, int64, uint64, float64, string:
	default:
		return n, errNoTree(t)
	}
	return n, nil
}

// add examines the i-th of total parts. Only special nodes keep their parts.
func (n *node) add(t any, i, total, depth int) error {
	part, err := examine(t, depth-1)
	if err != nil {
		return err
	}
	if part.special && n.parts == nil {
		n.special = true
		n.parts = make([]node, total)
		n.fillParts(i)
	}
	if n.parts != nil {
		n.parts[i] = part
	}
	return nil
}

// fillParts adds the parts before the i-th, which are not special.
func (n *node) fillParts(i int) {
	for k := range i {
		switch t := n.t.(type) {
		case []any:
			n.parts[k].t = t[k]
		case Object:
			n.parts[k].t = t[k].Value
		}
	}
}
