package parser

import "github.com/backplane-go/backplane/codec"

// In a packet with attachments, an object {"_placeholder":true,"num":n} is the place of attachment n.
const (
	placeholderKey = "_placeholder"
	placeholderNum = "num"
)

// complete puts the attachments in their places. The payload was checked before.
func (p *pending) complete() (*Packet, error) {
	tree, err := codec.JSON.Tree(p.payload)
	if err != nil {
		return nil, &Error{Reason: "invalid payload", Err: err}
	}
	r := reconstruction{attachments: p.attachments, used: make([]bool, len(p.attachments)), places: p.places,
		bytes: p.bytes}
	switch tree = r.value(tree); {
	case r.illegal:
		return nil, malformed("illegal attachments")
	case r.places < 0 || r.bytes < 0:
		return nil, &Error{Reason: "too many places of attachments", Err: ErrLimit}
	}
	p.packet.Data = codec.FromTree(tree)
	if p.packet.Type == Event {
		if p.packet.args, err = codec.ArgsOf(p.packet.Data); err != nil {
			return nil, &Error{Reason: "invalid payload", Err: err}
		}
	}
	return p.packet, nil
}

// reconstruction puts attachments into a tree, which it modifies. An attachment may have several places or
// none. Each place after the first receives a copy, which counts as another attachment.
type reconstruction struct {
	attachments [][]byte
	used        []bool // attachments that have a place
	places      int    // places that may follow
	bytes       int    // bytes that copies may still take
	illegal     bool
}

func (r *reconstruction) value(t any) any {
	switch t := t.(type) {
	case []any:
		for i := range t {
			t[i] = r.value(t[i])
		}
	case codec.Object:
		if isPlaceholder(t) {
			return r.attachment(t)
		}
		for i := range t {
			t[i].Value = r.value(t[i].Value)
		}
	}
	return t
}

// attachment returns the attachment that a placeholder names.
func (r *reconstruction) attachment(placeholder codec.Object) any {
	i := -1
	switch num, _ := placeholder.Lookup(placeholderNum); num := num.(type) {
	case int64:
		if num >= 0 && num < int64(len(r.attachments)) {
			i = int(num)
		}
	case float64: // 1.0 is 1 in JavaScript
		if num >= 0 && num < float64(len(r.attachments)) && num == float64(int(num)) {
			i = int(num)
		}
	}
	if i < 0 {
		r.illegal = true
		return nil
	}
	r.places--
	p := r.attachments[i]
	if !r.used[i] {
		r.used[i] = true
		return p
	}
	if r.bytes -= len(p); r.places < 0 || r.bytes < 0 {
		return nil
	}
	return append([]byte{}, p...)
}

func isPlaceholder(o codec.Object) bool {
	is, _ := o.Lookup(placeholderKey)
	return is == true
}
