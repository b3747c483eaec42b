package parser

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
)

// encodeTree encodes an Event or an Ack that contains more than JSON.
func (e Encoder) encodeTree(t Type, namespace string, id int64, array codec.Value, extra []codec.Value) ([]byte,
	[][]byte, error) {
	tree, err := array.Tree()
	if err != nil {
		return nil, nil, fmt.Errorf("socketio: %w", err)
	}
	list, ok := tree.([]any)
	if !ok {
		return nil, nil, errNoArray(t)
	}
	if len(extra) > 0 {
		list = append(make([]any, 0, len(list)+len(extra)), list...)
		for _, e := range extra {
			if tree, err = e.Tree(); err != nil {
				return nil, nil, fmt.Errorf("socketio: %w", err)
			}
			list = append(list, tree)
		}
	}

	var d deconstruction
	data, err := d.value(list, codec.MaxDepth)
	switch {
	case err != nil:
		return nil, nil, err
	case len(d.attachments) > 0 && d.ambiguous:
		return nil, nil, errAmbiguous
	case len(d.attachments) > 0:
		t += BinaryEvent - Event // an Ack becomes a BinaryAck
	}
	text, err := appendHeader(make([]byte, e, e+128), t, len(d.attachments), namespace, id)
	if err != nil {
		return nil, nil, err
	}
	if text, err = codec.FromTree(data).AppendJSON(text); err != nil {
		return nil, nil, fmt.Errorf("socketio: %w", err)
	}
	return text, d.attachments, nil
}

// errAmbiguous is the error for an object of the application that looks like a placeholder, in a packet with real
// attachments. A client that received it would close the connection.
var errAmbiguous = errors.New(
	`socketio: an object with "_placeholder" set to true cannot be sent together with binary data`)

// deconstruction collects the bytes of a tree.
type deconstruction struct {
	attachments [][]byte
	ambiguous   bool
}

// value returns t with placeholders in place of bytes. It does not modify t, which other goroutines may be
// reading.
func (d *deconstruction) value(t any, depth int) (any, error) {
	switch t := t.(type) {
	case []byte:
		d.attachments = append(d.attachments, t)
		return codec.Object{{Key: placeholderKey, Value: true},
			{Key: placeholderNum, Value: int64(len(d.attachments) - 1)}}, nil
	case []any:
		return d.array(t, depth)
	case codec.Object:
		d.ambiguous = d.ambiguous || isPlaceholder(t)
		return d.object(t, depth)
	}
	return t, nil
}

func (d *deconstruction) array(t []any, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("socketio: %w", codec.ErrDepth)
	}
	var changed []any
	for i, e := range t {
		before := len(d.attachments)
		e, err := d.value(e, depth-1)
		if err != nil {
			return nil, err
		}
		if len(d.attachments) == before {
			continue
		}
		if changed == nil {
			changed = append(make([]any, 0, len(t)), t...)
		}
		changed[i] = e
	}
	if changed == nil {
		return t, nil
	}
	return changed, nil
}

func (d *deconstruction) object(t codec.Object, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("socketio: %w", codec.ErrDepth)
	}
	var changed codec.Object
	for i, m := range t {
		before := len(d.attachments)
		e, err := d.value(m.Value, depth-1)
		if err != nil {
			return nil, err
		}
		if len(d.attachments) == before {
			continue
		}
		if changed == nil {
			changed = append(make(codec.Object, 0, len(t)), t...)
		}
		changed[i].Value = e
	}
	if changed == nil {
		return t, nil
	}
	return changed, nil
}
