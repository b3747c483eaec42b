package jsonmsgpack

import (
	"errors"
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// textReader implements reader for JSON whose UTF-8 has been checked.
type textReader struct {
	p     []byte
	i     int
	open  int  // open maps and arrays of the message itself
	fresh bool // no element of the innermost open map or array has been read
	plain bool // the data of sockets has no bytes
}

var (
	errEnd      = errors.New("json: unexpected end")
	errComma    = errors.New("json: expected a comma or the end of the array or object")
	errKey      = errors.New("json: expected a key")
	errTrailing = errors.New("unexpected data follows the message")
)

// peek returns the first byte of the next token, or 0 at the end.
func (r *textReader) peek() byte {
	r.i = jsontext.Space(r.p, r.i)
	if r.i >= len(r.p) {
		return 0
	}
	return r.p[r.i]
}

func (r *textReader) kind() kind {
	switch c := r.peek(); c {
	case '{':
		return kindMap
	case '[':
		return kindArray
	case '"':
		return kindString
	case 't', 'f':
		return kindBool
	case 'n':
		if _, err := jsontext.Literal(r.p, r.i, "null"); err == nil {
			return kindNull
		}
	default:
		if c == '-' || '0' <= c && c <= '9' {
			return kindNumber
		}
	}
	return kindOther
}

func (r *textReader) null() { r.i += len("null") }

// raw reads a string and returns it with its quotes.
func (r *textReader) raw() ([]byte, error) {
	if r.peek() != '"' {
		return nil, errNotString
	}
	end, err := jsontext.SkipString(r.p, r.i)
	if err != nil {
		return nil, err
	}
	raw := r.p[r.i:end]
	r.i = end
	return raw, nil
}

func (r *textReader) str() (string, error) {
	raw, err := r.raw()
	if err != nil {
		return "", err
	}
	return string(jsontext.Unquote(raw, nil)), nil
}

func (r *textReader) num() (number, error) {
	if r.kind() != kindNumber {
		return number{}, errNotNumber
	}
	end, err := jsontext.SkipNumber(r.p, r.i)
	if err != nil {
		return number{}, err
	}
	text := string(r.p[r.i:end])
	r.i = end
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number{I: i, Integer: true}, nil
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as in JavaScript
	return msgpack.FloatNumber(f), nil
}

func (r *textReader) boolean() (bool, error) {
	word := "true"
	switch r.peek() {
	case 't':
	case 'f':
		word = "false"
	default:
		return false, errNotBool
	}
	var err error
	r.i, err = jsontext.Literal(r.p, r.i, word)
	return word == "true", err
}

func (r *textReader) openMap() error   { return r.enter('{', errNotMap) }
func (r *textReader) openArray() error { return r.enter('[', errNotArray) }

func (r *textReader) enter(bracket byte, otherwise error) error {
	if r.peek() != bracket {
		return otherwise
	}
	r.i++
	r.open++
	r.fresh = true
	return nil
}

// more moves to the next element, or past the closing bracket.
func (r *textReader) more(closing byte) (bool, error) {
	fresh := r.fresh
	r.fresh = false
	switch c := r.peek(); {
	case c == 0:
		return false, errEnd
	case c == closing:
		r.i++
		r.open--
		return false, nil
	case fresh:
		return true, nil
	case c == ',':
		r.i++
		return true, nil
	}
	return false, errComma
}

func (r *textReader) key() ([]byte, bool, error) {
	more, err := r.more('}')
	if !more {
		return nil, false, err
	}
	raw, err := r.raw()
	if err != nil {
		return nil, false, errKey
	}
	if r.i, err = jsontext.Colon(r.p, r.i); err != nil {
		return nil, false, err
	}
	return jsontext.Unquote(raw, nil), true, nil
}

func (r *textReader) elem() (bool, error) { return r.more(']') }

func (r *textReader) skip() error {
	end, err := jsontext.Skip(r.p, r.i, codec.MaxDepth-r.open)
	if err != nil {
		return err
	}
	r.i = end
	return nil
}

func (r *textReader) pos() int { return r.i }

func (r *textReader) since(pos int) []byte { return r.p[pos:r.i] }

func (r *textReader) encoding() codec.Encoding { return codec.JSON }

func (r *textReader) buffers() bool { return !r.plain }

func (r *textReader) seek(pos int) {
	r.i = pos
	r.open = 1
	r.fresh = false
}

func (r *textReader) end() error {
	if r.peek() != 0 || r.i < len(r.p) {
		return errTrailing
	}
	return nil
}
