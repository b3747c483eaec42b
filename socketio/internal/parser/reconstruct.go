package parser

import "github.com/backplane-go/backplane/codec"

// In a packet with attachments an object {"_placeholder":true,"num":n} stands for the n-th of them.
const (
	placeholderKey = "_placeholder"
	placeholderNum = "num"
)

// complete puts the attachments in their places. Its payload has been checked.
func (p *pending) complete() (*Packet, error) {
	tree, err := codec.JSON.Tree(p.payload)
	if err != nil {
		return nil, &Error{Reason: "invalid payload", Err: err}
	}
	r := reconstruction{attachments: p.attachments}
	if tree = r.value(tree); r.illegal || r.used < len(p.attachments) {
		return nil, malformed("illegal attachments")
	}
	p.packet.Data = codec.FromTree(tree)
	if p.packet.Type == Event {
		if p.packet.args, err = codec.ArgsOf(p.packet.Data); err != nil {
			return nil, &Error{Reason: "invalid payload", Err: err}
		}
	}
	return p.packet, nil
}

// reconstruction changes a tree that nobody else has seen.
type reconstruction struct {
	attachments [][]byte // nil where one has been put in its place
	used        int
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

// attachment is what a placeholder stands for. Each attachment has one place.
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
	if i < 0 || r.attachments[i] == nil {
		r.illegal = true
		return nil
	}
	p := r.attachments[i]
	r.attachments[i] = nil
	r.used++
	return p
}

func isPlaceholder(o codec.Object) bool {
	is, _ := o.Lookup(placeholderKey)
	return is == true
}
