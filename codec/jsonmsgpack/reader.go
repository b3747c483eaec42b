package jsonmsgpack

import (
	"errors"
	"math"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// reader reads one message. It reads the maps and arrays of the message itself step by step, and user data as a
// whole.
type reader interface {
	kind() kind // returns the kind of the next value and does not move past it
	null()      // moves past a null
	str() (string, error)
	num() (number, error)
	boolean() (bool, error)
	openMap() error
	openArray() error
	// key reads the next key of the innermost open map. ok is false at the end of the map, which it closes.
	key() (k []byte, ok bool, err error)
	// elem moves to the next element of the innermost open array. ok is false at the end of the array, which it
	// closes.
	elem() (ok bool, err error)
	skip() error          // checks any value and moves past it
	pos() int             // after kind: the position of the next value
	seek(pos int)         // moves to a position in the outermost map
	since(pos int) []byte // returns what was read from pos on
	encoding() codec.Encoding
	buffers() bool // the data of sockets may hold bytes in the JSON form of Node.js Buffers
	end() error    // returns an error if anything follows
}

// kind is the kind of a value.
type kind int

const (
	kindOther  kind = 0
	kindNull   kind = 1
	kindBool   kind = 2
	kindNumber kind = 3
	kindString kind = 4
	kindArray  kind = 5
	kindMap    kind = 6
)

var (
	errNotString = errors.New("not a string")
	errNotNumber = errors.New("not a number")
	errNotInt    = errors.New("not an integer in range")
	errNotBool   = errors.New("not true or false")
	errNotMap    = errors.New("not a map")
	errNotArray  = errors.New("not an array")
	errNotEvent  = errors.New("not an event: its first element must be a string or a finite number")
	errEmpty     = errors.New("empty")
)

// number is a number in the message itself.
type number = msgpack.Number

// parser parses an envelope. It stops at the first error.
type parser struct {
	r       reader
	k       []byte // the last key that was read
	err     error
	skipped int // invalid values and values of unknown keys
}

func (p *parser) fail(field string, err error) {
	if p.err == nil && err != nil {
		p.err = message.Malformed(field, err)
	}
}

// key reads the next key of a map into p.k. It returns false at the end of the map.
func (p *parser) key() bool {
	if p.err != nil {
		return false
	}
	k, ok, err := p.r.key()
	p.fail("", err)
	p.k = k
	return ok && err == nil
}

func (p *parser) elem(field string) bool {
	if p.err != nil {
		return false
	}
	ok, err := p.r.elem()
	p.fail(field, err)
	return ok && err == nil
}

func (p *parser) openMap(field string) {
	if p.err == nil {
		p.fail(field, p.r.openMap())
	}
}

func (p *parser) skip() {
	if p.err == nil {
		p.fail("", p.r.skip())
	}
}

// null moves past a null. It returns false if the next value is not null.
func (p *parser) null() bool {
	if p.err != nil || p.r.kind() != kindNull {
		return false
	}
	p.r.null()
	return true
}

// str reads a string. null is an empty string.
func (p *parser) str(field string) string {
	if p.err != nil || p.null() {
		return ""
	}
	s, err := p.r.str()
	p.fail(field, err)
	return s
}

// integer reads an integer in the range low to high.
func (p *parser) integer(field string, low, high int64) int64 {
	if p.err != nil {
		return 0
	}
	n, err := p.r.num()
	if err == nil && (!n.Integer || n.I < low || n.I > high) {
		err = errNotInt
	}
	p.fail(field, err)
	return n.I
}

// value reads any value and keeps its bytes.
func (p *parser) value(field string) codec.Value {
	if p.err != nil || p.null() {
		return codec.Value{}
	}
	start := p.r.pos()
	if err := p.r.skip(); err != nil {
		p.fail(field, err)
		return codec.Value{}
	}
	return codec.Raw(p.r.encoding(), p.r.since(start))
}

// socketValue is like value, for the data of sockets, where the text form can represent bytes too.
func (p *parser) socketValue(field string) codec.Value {
	v := p.value(field)
	if p.err != nil || !p.r.buffers() {
		return v
	}
	v, err := reviveBuffers(v)
	p.fail(field, err)
	return v
}

// args reads an event and keeps its bytes. It checks and counts the arguments in one pass.
func (p *parser) args(field string) codec.Args {
	if p.err != nil {
		return codec.Args{}
	}
	p.r.kind()
	start := p.r.pos()
	p.fail(field, p.r.openArray())
	if !p.elem(field) {
		p.fail(field, errEmpty)
		return codec.Args{}
	}
	event := p.event(field)
	n := 0
	for p.elem(field) {
		p.skip()
		n++
	}
	if p.err != nil {
		return codec.Args{}
	}
	return codec.RawArgs(p.r.encoding(), p.r.since(start), event, n)
}

// event reads the name of an event: a string, or a number as its text. JSON has only finite numbers, so an event
// with another number as its name could not be forwarded.
func (p *parser) event(field string) string {
	switch p.r.kind() {
	case kindString:
		return p.str(field)
	case kindNumber:
		n, err := p.r.num()
		if f := n.Float(); err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
			err = errNotEvent
		}
		p.fail(field, err)
		return n.Text()
	}
	p.fail(field, errNotEvent)
	return ""
}
