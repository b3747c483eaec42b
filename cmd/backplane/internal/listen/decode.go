package listen

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Decoder decodes messages. One goroutine at a time calls Parse for the messages of a channel.
type Decoder struct {
	// Spaces has the namespace of each channel, or name for several channels. It is nil if namespaces share a channel.
	Spaces map[string]string
	Wire   *wire.Wire
	// Store has the attachments. Nil: this program does not know it.
	Store storage.Sizer
	// Timeout bounds a query to Store.
	Timeout time.Duration
	// Namespaces are those to decode if namespaces share a channel. Nil: each has its own.
	Namespaces []string

	pieces pieces
}

// Parsed is a message without its attachment.
type Parsed struct {
	message transport.Message
	env     *codec.Envelope // nil if there is an error other than dialect.ErrForeign
	err     error
	bytes   int
}

// Parse decodes a message. It returns false if there is nothing to print: the message is a piece of one that is not
// complete yet, or belongs to another cluster or namespace.
func (d *Decoder) Parse(m transport.Message) (Parsed, bool) {
	p := Parsed{message: m, bytes: len(m.Payload)}
	if p.env, p.err = d.decode(m); d.Namespaces == nil {
		return p, p.env != nil || p.err != nil
	}
	p.bytes = d.pieces.size(m.Payload, p.env != nil || p.err != nil)
	switch {
	case p.err != nil:
		return p, true
	case p.env == nil:
		return p, false
	}
	for _, nsp := range append(d.Wire.Overlaps(p.env), p.env.NSP) {
		if slices.Contains(d.Namespaces, nsp) {
			return p, true
		}
	}
	return p, false
}

// Header is the sender of a message, its type and its namespace.
type Header struct {
	Type codec.Type
	UID  string
	NSP  string
}

// decode decodes a message. If messages are signed, its signature must be valid.
func (d *Decoder) decode(m transport.Message) (*codec.Envelope, error) {
	payload, err := d.Wire.Open(m.Channel, m.Payload)
	if err != nil {
		return nil, err
	}
	return d.Wire.Decode(m.Channel, payload)
}

// Header decodes the header of a message. It does not fetch the attachment.
func (d *Decoder) Header(m transport.Message) (Header, error) {
	env, err := d.decode(m)
	if err != nil && !errors.Is(err, dialect.ErrForeign) {
		return Header{}, err
	}
	if env == nil {
		return Header{}, errors.New("the message is not complete")
	}
	return Header{Type: env.Type, UID: env.UID, NSP: env.NSP}, nil
}

// Line describes a message and fetches its attachment. If that fails, the line has the error.
func (d *Decoder) Line(ctx context.Context, p Parsed, at time.Time) Line {
	l := Line{Time: at.UTC().Format("2006-01-02T15:04:05.000000Z"), Bytes: p.bytes}
	if d.Namespaces == nil {
		l.NSP = d.Spaces[p.message.Channel]
	}
	env, err := p.env, p.err
	foreign := errors.Is(err, dialect.ErrForeign)
	if err != nil && !foreign {
		l.Error, l.Payload = err.Error(), string(p.message.Payload)
		return l
	}
	l.setHeader(env)
	switch {
	case foreign && d.Namespaces != nil:
		l.Error = fmt.Sprintf("it is for %q and arrived on another channel: nodes drop it", env.NSP)
	case foreign:
		l.Error = fmt.Sprintf("it is for %q and arrived on the channel of %q: nodes drop it", env.NSP, l.NSP)
	}
	if d.Namespaces != nil {
		l.NSP = env.NSP
	}
	if env.AttachmentID != "" {
		l.Attachment = env.AttachmentID
		if env, l.Bytes, err = d.attachment(ctx, env); err != nil {
			l.Error = fmt.Sprintf("attachment %s: %v", l.Attachment, err)
			return l
		}
		l.setHeader(env)
	}
	if err := l.setBody(env); err != nil {
		l.Error = err.Error()
	}
	return l
}

func (d *Decoder) attachment(ctx context.Context, ref *codec.Envelope) (*codec.Envelope, int, error) {
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	if d.Store == nil {
		return nil, 0, errors.New("it is in a store that this program does not know")
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	found, err := d.Store.GetUpTo(ctx, []string{ref.AttachmentID}, maxAttachment)
	if err != nil {
		return nil, 0, err
	}
	switch body := found[0].Body; {
	case found[0].Size == storage.NotFound:
		return nil, 0, errors.New("it has expired or is in another table")
	case body == nil:
		return nil, found[0].Size, fmt.Errorf("it has %d bytes and the limit is %d", found[0].Size, maxAttachment)
	default:
		env, err := d.Wire.DecodeBody(ref, body)
		return env, len(body), err
	}
}

// maxAttachment is the largest attachment that is fetched, in bytes. It is the default of a cluster's MaxMessageBytes.
const maxAttachment = 16 << 20

// pieces adds up the sizes of the pieces of messages in the legacy dialect.
type pieces map[string]int

// maxPieces is how many incomplete messages are remembered.
const maxPieces = 4096

// pieceStart finds what the pieces of a message have in common: the channel, and the id of the message.
var pieceStart = regexp.MustCompile(`^\["(?:[^"\\]|\\.)*","_chunk_[^_"]*_`)

// size returns the size of a message in bytes: that of p, and of the earlier pieces if p is one. complete reports
// whether p is the last piece that comes.
func (ps *pieces) size(p []byte, complete bool) int {
	start := pieceStart.Find(p)
	if start == nil {
		return len(p)
	}
	size := (*ps)[string(start)] + len(p)
	if complete {
		delete(*ps, string(start))
		return size
	}
	if *ps == nil || len(*ps) >= maxPieces {
		*ps = make(pieces)
	}
	(*ps)[string(start)] = size
	return size
}
