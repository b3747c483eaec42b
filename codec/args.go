package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// Args is the name and the arguments of an event. It is an array ["event", …] that stays encoded, as a Value does.
// The zero Args has no event and cannot be sent. Args is immutable and safe for concurrent use.
type Args struct {
	v     Value
	event string
	n     int // arguments after the event
}

// NewArgs encodes an event and its arguments. It encodes each argument as NewValue does. The error is an
// *EncodeError that names the argument.
func NewArgs(event string, args ...any) (Args, error) {
	w := newJSONWriter()
	defer w.release()
	w.p = jsontext.AppendString(append(w.p, '['), event)
	v, err := w.encodeArgs(args)
	if err != nil {
		return Args{}, err
	}
	return Args{v: v, event: event, n: len(args)}, nil
}

var (
	errNoEvent = fmt.Errorf("%w: an event must be a non-empty array", ErrMalformed)
	errNoName  = fmt.Errorf("%w: the name of an event must be a string or a number", ErrMalformed)
)

// ArgsOf returns v as Args. v must be an array whose first element names the event. If that is a number, its decimal
// text is the name, since JavaScript accepts numbers as event names. Otherwise the error wraps ErrMalformed. It also
// wraps ErrMalformed if the arguments nest deeper than NewArgs allows.
func ArgsOf(v Value) (Args, error) {
	if p, ok := v.Bytes(JSON); ok {
		return argsOfJSON(v, p)
	}
	t, err := v.Tree()
	if err != nil {
		return Args{}, err
	}
	list, _ := t.([]any)
	if len(list) == 0 {
		return Args{}, errNoEvent
	}
	event, ok := eventName(list[0])
	if !ok {
		return Args{}, errNoName
	}
	return Args{v: v, event: event, n: len(list) - 1}, nil
}

func argsOfJSON(v Value, p []byte) (Args, error) {
	var event string
	named := false
	n := 0
	err := eachElement(p, maxUserDepth, func(elem []byte) {
		if n == 0 {
			first := treeReader{p: elem, text: string(elem)}
			switch c := elem[0]; {
			case c == '"':
				event, named = first.string(), true
			case c == '-' || '0' <= c && c <= '9':
				event, named = eventName(first.value())
			}
		}
		n++
	})
	switch {
	case err != nil:
		return Args{}, err
	case n == 0:
		return Args{}, errNoEvent
	case !named:
		return Args{}, errNoName
	}
	return Args{v: v, event: event, n: n - 1}, nil
}

// RawArgs returns p as Args without checking it. p must be a valid array in enc that begins with event and holds n
// more elements. It is meant for codecs. The Args keeps p, so the caller must not change p afterwards.
func RawArgs(enc Encoding, p []byte, event string, n int) Args {
	return Args{v: Raw(enc, p), event: event, n: n}
}

func eventName(t any) (string, bool) {
	switch t := t.(type) {
	case string:
		return t, true
	case int64, uint64, float64:
		if t == 0.0 {
			t = int64(0) // JavaScript converts -0 to "0"
		}
		p, err := appendTree(nil, t, bytesRefused, 0)
		// JSON has no NaN or infinity, so such an event could not be sent
		return string(p), err == nil && string(p) != "null"
	}
	return "", false
}

// eachElement checks a JSON array and calls do with each of its elements. The elements may nest up to depth levels.
func eachElement(p []byte, depth int, do func(elem []byte)) error {
	i := jsontext.Space(p, 0)
	if i >= len(p) || p[i] != '[' {
		return errNoEvent
	}
	next := jsontext.Space(p, i+1)
	if next < len(p) && p[next] == ']' {
		return endJSON(p, next+1)
	}
	for {
		start := jsontext.Space(p, i+1)
		end, err := jsontext.Skip(p, start, depth)
		if err != nil {
			return malformed(err)
		}
		do(p[start:end:end])
		i = jsontext.Space(p, end)
		switch {
		case i < len(p) && p[i] == ',':
		case i < len(p) && p[i] == ']':
			return endJSON(p, i+1)
		default:
			return fmt.Errorf("%w: unterminated json array", ErrMalformed)
		}
	}
}

// Event returns the event's name.
func (a Args) Event() string { return a.event }

// Value returns the whole array, including the event.
func (a Args) Value() Value { return a.v }

// Len returns the number of arguments. The event does not count.
func (a Args) Len() int { return a.n }

// Values returns the arguments, without the event.
func (a Args) Values() ([]Value, error) {
	if a.n == 0 {
		return nil, nil
	}
	out, err := a.AppendValues(make([]Value, 0, a.n), a.n)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AppendValues appends up to most arguments, without the event, to dst. The limit matters because many small
// arguments take much more memory as Values than in their encoding. On an error it returns dst unchanged; the errors
// are those of Values.
func (a Args) AppendValues(dst []Value, most int) ([]Value, error) {
	if a.n == 0 || most <= 0 {
		return dst, nil
	}
	before := len(dst)
	if p, ok := a.v.Bytes(JSON); ok {
		i := 0
		err := eachElement(p, MaxDepth, func(elem []byte) {
			if i > 0 && i <= most {
				dst = append(dst, Raw(JSON, elem))
			}
			i++
		})
		if err != nil {
			dst = dst[:before]
		}
		return dst, err
	}
	list, err := a.list()
	if err != nil {
		return dst, err
	}
	list = list[1:]
	for _, e := range list[:min(len(list), most)] {
		dst = append(dst, FromTree(e))
	}
	return dst, nil
}

// Decode decodes the arguments in order, without the event, as Value.Decode does. A nil target skips its argument.
// If there are more targets than arguments, the other targets stay unchanged. If there are more arguments than
// targets, the other arguments are ignored.
func (a Args) Decode(into ...any) error {
	values, err := a.Values()
	if err != nil {
		return err
	}
	for i := range min(len(into), len(values)) {
		if into[i] == nil {
			continue
		}
		if err := values[i].Decode(into[i]); err != nil {
			return fmt.Errorf("codec: argument %d: %w", i, err)
		}
	}
	return nil
}

// Append returns a with more arguments at the end. The error is that of NewArgs; its index counts the arguments that
// a already has.
func (a Args) Append(extra ...any) (Args, error) {
	if a.v.IsNull() {
		return Args{}, errors.New("codec: cannot append arguments: Args has no event")
	}
	if len(extra) == 0 {
		return a, nil
	}
	w := newJSONWriter()
	defer w.release()
	if p, ok := a.v.Bytes(JSON); ok {
		p, ok = bytes.CutSuffix(bytes.TrimRight(p, " \t\r\n"), []byte{']'})
		if !ok {
			return Args{}, errNoEvent
		}
		w.p = append(w.p, p...)
	} else {
		list, err := a.list()
		if err != nil {
			return Args{}, err
		}
		w.p = append(w.p, '[')
		for i, t := range list {
			if i > 0 {
				w.p = append(w.p, ',')
			}
			w.putAside(t)
		}
	}
	v, err := w.encodeArgs(extra)
	if err != nil {
		return Args{}, shiftArg(err, a.n)
	}
	return Args{v: v, event: a.event, n: a.n + len(extra)}, nil
}

// list returns the whole array as a tree.
func (a Args) list() ([]any, error) {
	t, err := a.v.Tree()
	if err != nil {
		return nil, err
	}
	list, _ := t.([]any)
	if len(list) == 0 {
		return nil, errNoEvent
	}
	return list, nil
}

// AppendJSON appends the whole array as JSON text to dst. It returns ErrBinary if an argument holds bytes.
func (a Args) AppendJSON(dst []byte) ([]byte, error) { return a.v.AppendJSON(dst) }

// MarshalJSON encodes a as Value.MarshalJSON does.
func (a Args) MarshalJSON() ([]byte, error) { return a.v.MarshalJSON() }

// UnmarshalJSON decodes an array ["event", …].
func (a *Args) UnmarshalJSON(p []byte) error {
	var v Value
	if err := v.UnmarshalJSON(p); err != nil {
		return err
	}
	out, err := ArgsOf(v)
	if err == nil {
		*a = out
	}
	return err
}

// String returns a as Value.String does.
func (a Args) String() string { return a.v.String() }

var _ json.Unmarshaler = (*Args)(nil)
