package core

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

// Position is a place in the log of a namespace: that of a message, which is kept. Positions can be compared with ==,
// stored, and passed on as text. The zero value is no position.
type Position struct {
	// Epoch identifies the life of the log. Offsets of different epochs cannot be compared.
	Epoch string
	// Namespace is a hash of the name of the namespace, so that a position of another one is recognized.
	Namespace uint32
	// Offset grows with each message of the namespace.
	Offset transport.Offset
}

// NewPosition returns the position of a message in the log of a namespace, for programs that read the log of a bus
// themselves.
func NewPosition(namespace string, p transport.Position) Position {
	return Position{Epoch: p.Epoch, Namespace: namespaceHash(namespace), Offset: p.Offset}
}

// IsZero reports whether p is no position.
func (p Position) IsZero() bool { return p == Position{} }

// Before reports whether p is before q in the same log.
func (p Position) Before(q Position) bool {
	return p.Epoch == q.Epoch && p.Namespace == q.Namespace && p.Offset.Compare(q.Offset) < 0
}

// String returns the text form: the epoch, the hash of the namespace and the offset, separated by dots. Numbers are in
// base 36. It is "" for no position, and otherwise has at most 68 characters.
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	b := make([]byte, 0, 48)
	b = append(append(b, p.Epoch...), '.')
	b = append(strconv.AppendUint(b, uint64(p.Namespace), 36), '.')
	b = strconv.AppendUint(b, p.Offset.Major, 36)
	if p.Offset.Minor != 0 {
		b = strconv.AppendUint(append(b, '-'), p.Offset.Minor, 36)
	}
	return string(b)
}

// ParsePosition reads the text form of a position. It returns an error that wraps ErrMalformedPosition for any other
// text. The text form of no position, "", is one of these.
func ParsePosition(s string) (Position, error) {
	epoch, rest, _ := strings.Cut(s, ".")
	namespace, offset, _ := strings.Cut(rest, ".")
	major, minor, two := strings.Cut(offset, "-")
	p := Position{Epoch: epoch}
	hash, err := strconv.ParseUint(namespace, 36, 32)
	p.Namespace = uint32(hash)
	if err == nil {
		p.Offset.Major, err = strconv.ParseUint(major, 36, 64)
	}
	if err == nil && two {
		p.Offset.Minor, err = strconv.ParseUint(minor, 36, 64)
	}
	if err != nil || !isEpoch(epoch) || p.String() != s { // not every number has one form only
		return Position{}, fmt.Errorf("%w: %.80q", ErrMalformedPosition, s)
	}
	return p, nil
}

// isEpoch reports whether s can be an epoch, see transport.Log.
func isEpoch(s string) bool {
	if len(s) < 4 || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// MarshalText implements encoding.TextMarshaler.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Unlike ParsePosition it accepts the empty text.
func (p *Position) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Position{}
		return nil
	}
	parsed, err := ParsePosition(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// namespaceHash returns what identifies a namespace in its positions.
func namespaceHash(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return h.Sum32()
}
