package wsframe

import (
	"encoding/base64"
	"slices"
	"sync/atomic"
)

// Form is the form in which a connection receives frames.
type Form struct {
	// Compress is the size in bytes from which on a message is compressed. 0 means that none is.
	Compress int
	// Binary is the form of binary messages.
	Binary Binary
}

// Binary is a form of binary messages.
type Binary uint8

// The forms of binary messages.
const (
	Bare   Binary = 0 // bytes without a packet type, as in Engine.IO 4
	Typed  Binary = 1 // bytes after the packet type, which is one byte, as in Engine.IO 3
	Base64 Binary = 2 // "b", the packet type and base64 as text, for clients of Engine.IO 3 that want no bytes
)

// binaryType is Engine.IO's packet type before each binary message of the form Typed.
const binaryType = textType - '0'

func (form Form) of(i Item) []byte {
	f := i.Frame
	if form.Binary != Bare {
		f = f.as(form.Binary)
	}
	if form.Compress > 0 && !i.Plain {
		return f.Compressed(form.Compress)
	}
	return f.Plain()
}

// Prepare encodes f, so that the goroutine that writes it need not.
func (form Form) Prepare(f *Frame) { form.of(Item{Frame: f}) }

// variants are the same frame with other forms of binary messages.
type variants [2]atomic.Pointer[Frame]

// as returns the frame with binary messages in this form, which is not Bare. All connections with the same form
// share the result.
func (f *Frame) as(form Binary) *Frame {
	if !f.HasBinary() {
		return f
	}
	all := f.variants.Load()
	if all == nil {
		f.variants.CompareAndSwap(nil, new(variants))
		all = f.variants.Load()
	}
	place := &all[form-1]
	if v := place.Load(); v != nil {
		return v
	}
	place.CompareAndSwap(nil, f.convert(form))
	return place.Load()
}

func (f *Frame) convert(form Binary) *Frame {
	parts := slices.Clone(f.parts)
	for i, p := range parts {
		switch {
		case !p.Binary:
		case form == Typed:
			parts[i].Data = append(append(make([]byte, 0, 1+len(p.Data)), binaryType), p.Data...)
		default:
			text := append(make([]byte, 0, len("b4")+base64.StdEncoding.EncodedLen(len(p.Data))), 'b', textType)
			parts[i] = Part{Data: base64.StdEncoding.AppendEncode(text, p.Data), typed: true}
		}
	}
	return NewFrame(parts...)
}

// HasBinary reports whether one of the frame's messages is binary.
func (f *Frame) HasBinary() bool {
	return slices.ContainsFunc(f.parts, func(p Part) bool { return p.Binary })
}

// HasBinary reports whether a message of one of the frames is binary.
func (l *Line) HasBinary() bool {
	i := l.first
	for k := l.head; k != nil; k, i = k.next, 0 {
		if slices.ContainsFunc(k.items[i:k.n], func(item Item) bool { return item.Frame.HasBinary() }) {
			return true
		}
	}
	return false
}
