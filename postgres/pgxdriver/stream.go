package pgxdriver

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// streamSize is how many bytes one read of the connection takes at most. The server sends 8 KiB at a time, so that this
	// is a few of those when they come faster than they are read.
	streamSize = 32 << 10
	// maxMessage is how large a message of the server may be. A notification has 8 KB; errors and notices may quote more.
	maxMessage = 1 << 20
	// header is the size of what is ahead of each message: its kind and its length.
	header = 5
)

// stream splits what the server sends into messages, which it does not copy: they stand in its buffer.
//
// The listening connection is read here and not by pgconn because every node receives every message: of one with 262 bytes, all
// that is between the network and the session takes 0.2 µs and one allocation this way, 0.4 µs and six allocations the other
// way. A node that does 100 000 messages per second has 10 µs for everything.
type stream struct {
	from       io.Reader
	buf        []byte
	start, end int // what has been read and not been taken yet
}

func newStream(from io.Reader) *stream { return &stream{from: from, buf: make([]byte, streamSize)} }

// malformed is what the server sent that is no message of the protocol, or none that a listening connection gets.
func malformed(kind byte, what string) error {
	return fmt.Errorf("pgxdriver: the server sent a message of kind %q that %s", kind, what)
}

// next takes the next message, if all of it has been read. Its body can be used until more is read.
func (s *stream) next() (kind byte, body []byte, ok bool, err error) {
	size, err := s.size()
	if err != nil || s.end-s.start < size {
		return 0, nil, false, err
	}
	message := s.buf[s.start : s.start+size]
	s.start += size
	return message[0], message[header:], true, nil
}

// size is that of the next message, as far as it is known: at least a header's.
func (s *stream) size() (int, error) {
	if s.end-s.start < header {
		return header, nil
	}
	kind := s.buf[s.start]
	length := binary.BigEndian.Uint32(s.buf[s.start+1:]) // counts itself, but not the kind
	switch {
	case length < header-1:
		return 0, malformed(kind, "is too short to be one")
	case length >= maxMessage:
		return 0, malformed(kind, fmt.Sprintf("has %d bytes, which is more than any has", length))
	}
	return int(length) + 1, nil
}

// fill reads once. What it has read it keeps, whatever happens: an error means that nothing was read.
func (s *stream) fill() error {
	if err := s.makeRoom(); err != nil {
		return err
	}
	for range 100 {
		n, err := s.from.Read(s.buf[s.end:])
		s.end += n
		switch {
		case n > 0:
			return nil // the error comes again
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what is there to the front of the buffer, which is larger than usual only while a message needs it.
func (s *stream) makeRoom() error {
	size, err := s.size()
	if err != nil {
		return err
	}
	rest := s.buf[s.start:s.end]
	size = max(size, streamSize)
	switch {
	case size != len(s.buf) && len(rest) < size:
		s.buf = make([]byte, size)
	case s.start == 0:
		return nil
	}
	s.start, s.end = 0, copy(s.buf, rest)
	return nil
}
