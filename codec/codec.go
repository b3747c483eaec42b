// Package codec defines what a node says to its peers, an Envelope, and how user data stays encoded on its way
// through: a Value, or the Args of an event, keep the bytes they came in until somebody decodes them.
//
// A Codec turns envelopes into bytes and back. Package codec/jsonmsgpack speaks the wire of Node.js's Postgres
// adapter and is the default; package codec/cbor is smaller, for clusters without Node.js.
package codec

import "errors"

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
	ErrDepth = errors.New("codec: nested too deeply")
)

// MaxDepth is how many arrays and maps may stand inside each other, the outermost being the envelope. It is the
// limit of what Node.js's adapters write (@msgpack/msgpack 2.8). NewValue and NewArgs keep a few levels of it for the
// message around the data.
const MaxDepth = 100

// Codec writes and reads envelopes. It is safe for concurrent use.
//
// What a codec carries is everything that an Envelope can say: text of any language, uids and ids of any length, any number of rooms, Opts with
// Except and without Rooms, maps and lists of any length up to MaxDepth levels. A number arrives as the same number: integers exactly, up to
// 64 bits, everything else as a float64, the sign of -0 included. A time arrives as the same instant, to the millisecond, also before 1970
// and after 2038. User data that was parsed (Raw, RawArgs) is passed on as it is, duplicate keys included.
type Codec interface {
	// Append appends env in the given form to dst and returns the extended slice. It returns ErrBinary if f is
	// Text and env holds bytes that the text form cannot carry, and ErrNobody if Opts.Nobody is set; dst's content up to its
	// length is then unchanged.
	Append(dst []byte, env *Envelope, f Format) ([]byte, error)

	// Parse reads one envelope. The envelope may keep parts of p, which the caller must not change afterwards.
	// It never panics on foreign bytes: whatever it cannot read is an error that wraps ErrMalformed, and so are bytes behind
	// the message. A type it does not know is
	// no error (the envelope then has that Type and no data).
	//
	// It skips what is invalid but not needed, and counts it in Envelope.Skipped: unknown fields, values of a wrong type in
	// fields that are not required, elements of a list of rooms that are not names, and sockets without an id. That
	// never selects more sockets: if there are rooms but none can be read, or Except is not a list, Opts.Nobody is set.
	Parse(p []byte, f Format) (*Envelope, error)
}

// Peeker is implemented by a Codec that can tell its own writing by the first bytes. A node looks at every message that
// way, since its own come back to it: they are dropped without a Parse.
type Peeker interface {
	// SentBy reports whether p is a message that uid has sent: Parse would find this UID. It is true at least for most of
	// what Append wrote with this UID; false means that it takes a Parse to know. It does not validate p, never panics on
	// foreign bytes, and should allocate nothing and read no further than the sender.
	SentBy(p []byte, f Format, uid string) bool
}
