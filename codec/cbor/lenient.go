package cbor

import (
	"github.com/fxamacker/cbor/v2"

	"github.com/backplane-go/backplane/codec"
	shape "github.com/backplane-go/backplane/internal/message"
)

// strictMode is decMode that refuses unknown fields. It decodes nearly all messages; lenient decodes the others.
var strictMode = func() cbor.DecMode {
	options := decMode.DecOptions()
	options.ExtraReturnErrors = cbor.ExtraDecErrorUnknownField
	mode, err := options.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// strict reports whether no text in m can have been null on the wire. The library decodes null as an empty
// text, so every empty text must be checked again.
func (m *message) strict() bool {
	if m.Opts != nil && (empty(m.Opts.Rooms) || empty(m.Opts.Except)) || empty(m.Rooms) {
		return false
	}
	for _, s := range m.Sockets {
		if s.ID == "" || empty(s.Rooms) {
			return false
		}
	}
	return true
}

func empty(names []string) bool {
	for _, name := range names {
		if name == "" {
			return true
		}
	}
	return false
}

// lenient parses the messages that strictMode refuses, field by field. It skips optional fields with invalid values
// and list elements with invalid values, and counts them.
type lenient struct {
	skipped int
	nobody  bool  // rooms are present but none is readable, or except is not readable
	err     error // the first error in a required field
}

func parseLeniently(p []byte) (*codec.Envelope, error) {
	var l lenient
	m := l.message(p)
	if l.err != nil {
		return nil, l.err
	}
	env, err := m.envelope()
	if err != nil {
		return nil, err
	}
	env.Skipped += l.skipped
	if l.nobody && env.AttachmentID == "" {
		env.Opts.Nobody, env.Opts.Rooms = true, nil
	}
	return env, nil
}

func (l *lenient) message(p data) *message {
	f := l.open("", p, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21, 22, 23)
	m := &message{
		UID:           required[string](l, "uid", f[2]),
		NSP:           required[string](l, "nsp", f[3]),
		AttachmentID:  optional[string](l, f[4]),
		RequesterUID:  optional[string](l, f[5]),
		RequestID:     optional[string](l, f[6]),
		Packet:        f[8],
		Close:         optional[bool](l, f[10]),
		ClientCount:   required[uint64](l, "clientCount", f[12]),
		AttachmentKey: optional[string](l, f[14]),
		CloseHash:     optional[string](l, f[20]),
		CloseKey:      optional[string](l, f[21]),
		Process:       optional[string](l, f[22]),
		Clock:         optional[uint64](l, f[23]),
	}
	if m.Clock > shape.MaxSafe {
		m.Clock = 0
		l.skipped++
	}
	if !absent(f[1]) {
		typ := required[int64](l, "type", f[1])
		m.Type = &typ
	}
	if l.err != nil || m.Type == nil || m.AttachmentID != "" {
		return m
	}
	has := shape.FieldsOf(codec.Type(*m.Type))
	if has.Has(shape.Opts) && !absent(f[7]) {
		m.Opts = l.opts(f[7])
	}
	if has.Has(shape.Rooms) {
		m.Rooms, _ = l.names(required[[]data](l, "rooms", f[9]))
	}
	if has.Has(shape.Sockets) {
		m.Sockets = l.sockets(required[[]data](l, "sockets", f[11]))
	}
	return m
}

func (l *lenient) opts(p data) *opts {
	f := l.open("opts", p, 1, 2, 3, 4, 5, 6, 7)
	o := &opts{Volatile: optional[bool](l, f[3]), Timeout: optional[int64](l, f[5]),
		ExpectSingleResponse: optional[bool](l, f[6]), Relayed: optional[bool](l, f[7])}
	skipped := l.skipped
	if compress := optional[bool](l, f[4]); l.skipped == skipped && !absent(f[4]) {
		o.Compress = &compress
	}
	skipped = l.skipped
	rooms, except := optional[[]data](l, f[1]), optional[[]data](l, f[2])
	l.nobody = l.skipped > skipped
	var given bool
	o.Rooms, given = l.names(rooms)
	l.nobody = l.nobody || given && len(o.Rooms) == 0
	o.Except, _ = l.names(except)
	return o
}

func (l *lenient) sockets(list []data) (all []socket) {
	for _, p := range list {
		if major, _, _ := readHead(p); major != majorMap {
			l.skipped++
			continue
		}
		f := l.open("sockets", p, 1, 2, 3, 4)
		s := socket{Handshake: f[2], Data: f[4]}
		s.Rooms, _ = l.names(optional[[]data](l, f[3]))
		var id []string
		if p, ok := f[1]; ok {
			id, _ = l.names([]data{p})
		}
		if len(id) == 0 {
			l.skipped++
			continue
		}
		s.ID = id[0]
		all = append(all, s)
	}
	return all
}

// names returns the texts in list. given reports whether list has any element.
func (l *lenient) names(list []data) (names []string, given bool) {
	for _, p := range list {
		var name string
		if absent(p) || decMode.Unmarshal(p, &name) != nil {
			l.skipped++
			continue
		}
		names = append(names, name)
	}
	return names, len(list) > 0
}

// open returns the values of a map under the known keys.
func (l *lenient) open(field string, p data, known ...uint64) map[uint64]data {
	var all map[any]data
	if err := decMode.Unmarshal(p, &all); err != nil {
		l.fail(field, err)
		return nil
	}
	f := make(map[uint64]data, len(known))
	for _, key := range known {
		if p, ok := all[key]; ok {
			f[key] = p
			delete(all, key)
		}
	}
	l.skipped += len(all)
	return f
}

func (l *lenient) fail(field string, err error) {
	if l.err == nil {
		l.err = malformed(field, err)
	}
}

// absent reports whether p is missing or null.
func absent(p data) bool { return len(p) == 0 || p[0] == null || p[0] == undefined }

// optional decodes the value of an optional field. If the value is invalid, it is skipped and counted.
func optional[T any](l *lenient, p data) (v T) {
	if absent(p) {
		return v
	}
	if err := decMode.Unmarshal(p, &v); err != nil {
		l.skipped++
		var zero T
		return zero
	}
	return v
}

// required decodes the value of a field that must be valid if it is present.
func required[T any](l *lenient, field string, p data) (v T) {
	if absent(p) {
		return v
	}
	if err := decMode.Unmarshal(p, &v); err != nil {
		l.fail(field, err)
	}
	return v
}
