package redisstreams

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/msgpack"
	"github.com/backplane-go/backplane/transport"
)

// Keeps implements dialect.Keeper: what is in the stream is kept, volatile events too.
func (w *wire) Keeps(env *codec.Envelope) bool { return inStream(env) }

// OffsetText implements dialect.Shared: it is the id of the entry.
func (w *wire) OffsetText(o transport.Offset) string {
	return strconv.FormatUint(o.Major, 10) + "-" + strconv.FormatUint(o.Minor, 10)
}

// ParseOffset implements dialect.Shared.
func (w *wire) ParseOffset(text string) (o transport.Offset, ok bool) {
	ms, seq, _ := strings.Cut(text, "-")
	var err error
	if o.Major, err = strconv.ParseUint(ms, 10, 64); err == nil {
		o.Minor, err = strconv.ParseUint(seq, 10, 64)
	}
	return o, err == nil && w.OffsetText(o) == text
}

// The keys of a session. Node.js writes the first four, in this order, and ignores the last one.
const (
	sessionID    = "sid"
	sessionPID   = "pid"
	sessionRooms = "rooms"
	sessionData  = "data"
	sessionOwn   = "backplane"
)

// AppendSession implements dialect.Shared: base64 of MessagePack.
func (w *wire) AppendSession(dst []byte, s *dialect.Session) ([]byte, error) {
	n := 4
	if len(s.Own) > 0 {
		n++
	}
	m := msgpack.NewWriter(nil, msgpack.Standard)
	m.OpenMap(n)
	m.Key(sessionID)
	m.Str(s.ID)
	m.Key(sessionPID)
	m.Str(s.PID)
	m.Key(sessionRooms)
	classic.WriteNames(m, s.Rooms)
	m.Key(sessionData)
	err := m.Value(s.Data)
	if len(s.Own) > 0 {
		m.Key(sessionOwn)
		m.Str(string(s.Own))
	}
	m.Close()
	p := m.Release()
	if err != nil {
		return dst, err
	}
	return base64.StdEncoding.AppendEncode(dst, p), nil
}

var errNotText = errors.New("not text")

// ParseSession implements dialect.Shared.
func (w *wire) ParseSession(p []byte) (*dialect.Session, error) {
	packed, err := base64.StdEncoding.AppendDecode(nil, p)
	if err != nil {
		return nil, malformed("a session", err)
	}
	raw, err := classic.Check(msgpack.Standard, packed)
	if err != nil {
		return nil, malformed("a session", err)
	}
	s := &dialect.Session{}
	var own string
	text := func(key string, tree any) (text string) {
		text, ok := classic.Text(tree)
		if !ok {
			err = malformed("a session: "+key, errNotText)
		}
		return text
	}
	if !raw.Members(func(key string, value classic.Raw) {
		switch key {
		case sessionID:
			s.ID = text(key, value.Tree())
		case sessionPID:
			s.PID = text(key, value.Tree())
		case sessionOwn:
			own = text(key, value.Tree())
		case sessionData:
			s.Data = value.Value()
		case sessionRooms:
			list, _ := value.Tree().([]any)
			s.Rooms = nil
			for _, room := range list {
				s.Rooms = append(s.Rooms, text(key, room))
			}
		}
	}) {
		return nil, malformed("a session", classic.ErrNotMap)
	}
	if err != nil {
		return nil, err
	}
	s.Own = []byte(own)
	return s, nil
}
