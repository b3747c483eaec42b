package msgpack

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/message"
)

var (
	errJSONEnd   = errors.New("json: unexpected end")
	errJSONComma = errors.New("json: expected a comma or the end of the array or object")
	errJSONKey   = errors.New("json: expected a key")
)

// json translates JSON to msgpack in two passes, without building a tree. msgpack writes the length of a map or an
// array before its elements, so the first pass counts them.
func (w *Writer) json(p []byte) error {
	w.count(p)
	t := translation{w: w, p: p, counts: w.counts, depth: codec.MaxDepth - w.open}
	return t.value()
}

// count lists the lengths of all arrays and objects in p, in the order of their opening brackets. It looks only at
// brackets, commas and quotes; the second pass finds syntax errors.
func (w *Writer) count(p []byte) {
	counts := w.counts[:0]
	var stack [codec.MaxDepth]int // for each open array or object, its index in counts
	open := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '"':
			end, err := jsontext.SkipString(p, i)
			if err != nil {
				i = len(p)
				break
			}
			i = end - 1
		case '[', '{':
			if open == len(stack) {
				i = len(p)
				break
			}
			stack[open] = len(counts)
			open++
			n := 1
			if next := jsontext.Space(p, i+1); next < len(p) && p[next] == p[i]+2 {
				n = 0
			}
			counts = append(counts, n)
		case ',':
			if open > 0 {
				counts[stack[open-1]]++
			}
		case ']', '}':
			if open > 0 {
				open--
			}
		}
	}
	w.counts = counts
}

// translation is the second pass.
type translation struct {
	w      *Writer
	p      []byte
	i      int
	counts []int
	depth  int // how many more levels may be opened
}

func (t *translation) peek() byte {
	t.i = jsontext.Space(t.p, t.i)
	if t.i >= len(t.p) {
		return 0
	}
	return t.p[t.i]
}

func (t *translation) value() error {
	var err error
	switch t.peek() {
	case '"':
		s, err := t.string()
		if err != nil {
			return err
		}
		t.w.strBytes(s)
		return nil
	case '{':
		return t.object()
	case '[':
		return t.array()
	case 't':
		t.w.Bool(true)
		t.i, err = jsontext.Literal(t.p, t.i, "true")
	case 'f':
		t.w.Bool(false)
		t.i, err = jsontext.Literal(t.p, t.i, "false")
	case 'n':
		t.w.Null()
		t.i, err = jsontext.Literal(t.p, t.i, "null")
	default:
		return t.number()
	}
	return message.Malformed("", err)
}

func (t *translation) string() ([]byte, error) {
	end, err := jsontext.SkipString(t.p, t.i)
	if err != nil {
		return nil, message.Malformed("", err)
	}
	raw := t.p[t.i:end]
	t.i = end
	s := jsontext.Unquote(raw, t.w.scratch[:0])
	if len(s) < len(raw)-2 { // the string had escapes, so s is scratch, possibly reallocated
		t.w.scratch = s[:0]
	}
	return s, nil
}

func (t *translation) number() error {
	end, err := jsontext.SkipNumber(t.p, t.i)
	if err != nil {
		return message.Malformed("", err)
	}
	text := t.p[t.i:end]
	t.i = end
	if n, ok := smallInteger(text); ok {
		t.w.Out = AppendInt(t.w.Out, n)
		return nil
	}
	if len(text) > 15 && len(text) <= 20 && bytes.IndexFunc(text[1:], notDigit) < 0 {
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			t.w.Int(n)
			return nil
		}
		if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			t.w.unum(n)
			return nil
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64) // out of range is infinite, as in JavaScript
	t.w.float(f)
	return nil
}

func notDigit(c rune) bool { return c < '0' || c > '9' }

// smallInteger parses an integer of up to 15 digits, which a float64 represents exactly. It refuses -0.
func smallInteger(p []byte) (n int64, ok bool) {
	digits := p
	if p[0] == '-' {
		digits = p[1:]
	}
	if len(digits) > 15 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(p) {
		return -n, n != 0
	}
	return n, true
}

// enter opens an array or object and returns its length.
func (t *translation) enter() (int, error) {
	if t.depth == 0 {
		return 0, codec.ErrDepth
	}
	if len(t.counts) == 0 {
		return 0, message.Malformed("", errJSONEnd)
	}
	n := t.counts[0]
	t.counts = t.counts[1:]
	t.depth--
	t.i++
	return n, nil
}

// leave reads the comma or the closing bracket after an element. left is the number of elements that follow.
func (t *translation) leave(left int, closing byte) error {
	want := byte(',')
	if left == 0 {
		want = closing
	}
	if t.peek() != want {
		return message.Malformed("", errJSONComma)
	}
	t.i++
	return nil
}

func (t *translation) array() error {
	n, err := t.enter()
	if err != nil {
		return err
	}
	t.w.Out = AppendArrayHead(t.w.Out, n)
	if n == 0 {
		t.depth++
		return t.leave(0, ']')
	}
	for n > 0 {
		if err := t.value(); err != nil {
			return err
		}
		n--
		if err := t.leave(n, ']'); err != nil {
			return err
		}
	}
	t.depth++
	return nil
}

func (t *translation) object() error {
	n, err := t.enter()
	if err != nil {
		return err
	}
	t.w.Out = AppendMapHead(t.w.Out, n)
	if n == 0 {
		t.depth++
		return t.leave(0, '}')
	}
	for n > 0 {
		if t.peek() != '"' {
			return message.Malformed("", errJSONKey)
		}
		key, err := t.string()
		if err != nil {
			return err
		}
		if string(key) == protoKey {
			return errProto
		}
		t.w.strBytes(key)
		if t.i, err = jsontext.Colon(t.p, t.i); err != nil {
			return message.Malformed("", err)
		}
		if err := t.value(); err != nil {
			return err
		}
		n--
		if err := t.leave(n, '}'); err != nil {
			return err
		}
	}
	t.depth++
	return nil
}
