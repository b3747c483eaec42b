// Package codec defines what a node says to its peers, an Envelope, and how user data stays encoded on its way
// through: a Value, or the Args of an event, keep the bytes they came in until somebody decodes them.
//
// A Codec turns envelopes into bytes and back. Package codec/jsonmsgpack speaks the wire of Node.js's Postgres
// adapter and is the default; package codec/cbor is smaller, for clusters without Node.js.
package codec

import (
	"errors"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// Format tells which of a codec's two forms is meant.
type Format int

const (
	// Text is valid UTF-8 without NUL, for buses that carry only text.
	Text Format = 1
	// Binary may hold any byte, for attachments and for buses that carry bytes.
	Binary Format = 2
)

func (f Format) String() string {
	switch f {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "unknown format"
}

var (
	// ErrBinary is returned when a value that holds bytes is to be written in a form that has none.
	ErrBinary = errors.New("codec: the value holds binary data, which the text form cannot carry")
	// ErrNobody is returned for a message that is for nobody: without rooms, peers would take it for everybody.
	ErrNobody = errors.New("codec: a message for nobody cannot be written")
	// ErrMalformed is wrapped by every error about bytes that cannot be parsed.
	ErrMalformed = errors.New("codec: malformed")
	// ErrDepth is wrapped, with ErrMalformed, when a value nests deeper than MaxDepth.
	ErrDepth = jsontext.ErrDepth
)

// MaxDepth is how many arrays and maps may stand inside each other, the outermost being the envelope. It is the
// limit of what Node.js's adapters write (@msgpack/msgpack 2.8). NewValue and NewArgs keep a few levels of it for the
// message around the data.
const MaxDepth = 100

// Codec writes and reads envelopes. It is safe for concurrent use.
//
// What a codec carries is everything that an Envelope can say: text of any language, uids and ids of any length, any number of rooms, Opts with
// Except and without Rooms, maps and lists of any length. User data may nest as deep as NewValue and NewArgs let it; beyond that Append
// returns an error, at the latest above MaxDepth, or writes what Parse reads.
//
// A number arrives as the same number: an integer exactly, up to 64 bits, everything else as the same float64, the sign of -0 included. JSON writes
// it with the same digits as before. A time arrives as the same instant, to the millisecond, in the years 1 to 9999; where a form has no times,
// it arrives as its text (RFC 3339). The keys of a map keep their order, since JavaScript lets programs see it.
//
// User data that was parsed (Raw, RawArgs) is passed on as it is, with keys that come twice, in every Encoding, also one that the codec does not
// know: Value.Tree reads it. What a form cannot say is an error of Append, and never changed. The key __proto__ may be such an error: Node.js's
// msgpack refuses to read it.
//
// Calls do not change the results of others: Append keeps neither dst nor env, and what was parsed stays as it is.
type Codec interface {
	// Append appends env in the given form to dst and returns the extended slice. It returns ErrBinary if f is
	// Text and env holds bytes that the text form cannot carry, and ErrNobody if Opts.Nobody is set; dst's content up to its
	// length is then unchanged, as after any other error.
	Append(dst []byte, env *Envelope, f Format) ([]byte, error)

	// Parse reads one envelope. The envelope may keep parts of p, which the caller must not change afterwards.
	// It never changes p, and never panics on foreign bytes: whatever it cannot read is an error that wraps ErrMalformed, and so are bytes
	// behind the message, except for white space behind a text form, which may be skipped. The memory that it takes is in proportion to p, whatever lengths p
	// claims. A type it does not know is no error (the envelope then has that Type and no data).
	//
	// It skips what is invalid but not needed, and counts it in Envelope.Skipped: unknown fields, values of a wrong type in
	// fields that are not required, elements of a list of rooms that are not names, and sockets without an id. That
	// never selects more sockets: if there are rooms but none can be read, or Except is not a list, Opts.Nobody is set.
	Parse(p []byte, f Format) (*Envelope, error)
}

// Peeker is implemented by a Codec that can tell its own writing by the first bytes. A node looks at every message that
// way, since its own come back to it: they are dropped without a Parse.
type Peeker interface {
	// SentBy reports whether p is a message that uid has sent: Parse would find this UID. It is true for whatever Append wrote with this UID
	// if that is 16 hexadecimal digits, as nodes have them, or EmitterUID, and at least for most with another one; false then means
	// that it takes a Parse to know. It does not validate p and never panics on foreign bytes. It allocates nothing and reads no further than
	// the sender, which has to stand within the first 4096 bytes.
	SentBy(p []byte, f Format, uid string) bool
}
