package plainjson

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
)

// message is what is on the bus.
type message struct {
	Cluster string `json:"cluster"`
	NSP     string `json:"nsp"`
	Kind    string `json:"kind"`
	From    string `json:"from"`
	Nonce   uint64 `json:"nonce,omitempty"`

	// Of heartbeats.
	Process   string `json:"process,omitempty"`
	Clock     uint64 `json:"clock,omitempty"`
	CloseHash string `json:"closeHash,omitempty"`
	CloseKey  string `json:"closeKey,omitempty"`

	// Of broadcasts.
	Event    json.RawMessage `json:"event,omitempty"`
	Packed   []byte          `json:"packed,omitempty"` // in place of an event that holds bytes
	Rooms    []string        `json:"rooms,omitempty"`
	Except   []string        `json:"except,omitempty"`
	Volatile bool            `json:"volatile,omitempty"`
	Compress *bool           `json:"compress,omitempty"`
	Relayed  bool            `json:"relayed,omitempty"`
}

// Append implements dialect.Wire.
func (w *wire) Append(dst []byte, env *codec.Envelope) ([]byte, error) {
	m := message{Cluster: w.cluster, NSP: env.NSP, Kind: kinds[env.Type], From: env.UID, Nonce: env.Nonce}
	switch {
	case m.Kind == "" || env.AttachmentID != "" || env.RequestID != "":
		return dst, &fault.UnsupportedError{Op: env.Type.String(), Dialect: "plainjson"}
	case env.Type != codec.Broadcast:
		m.Process, m.Clock, m.CloseHash, m.CloseKey = env.Process, env.Clock, env.CloseHash, env.CloseKey
	case env.Opts.Nobody:
		return dst, codec.ErrNobody
	default:
		o := &env.Opts
		m.Rooms, m.Except, m.Volatile, m.Compress = o.Rooms, o.Except, o.Flags.Volatile, o.Flags.Compress
		m.Relayed = o.Flags.Relayed
		if err := m.setEvent(env); err != nil {
			return dst, err
		}
	}
	p, err := json.Marshal(&m)
	if err != nil {
		return dst, err
	}
	return append(dst, p...), nil
}

// setEvent sets Event, or Packed if the event holds bytes, which JSON does not have.
func (m *message) setEvent(env *codec.Envelope) error {
	p, err := env.Args.Value().JSON()
	if errors.Is(err, codec.ErrBinary) {
		alone := &codec.Envelope{Type: codec.Broadcast, Args: env.Args}
		m.Packed, err = jsonmsgpack.Codec{}.Append(nil, alone, codec.Binary)
		return err
	}
	m.Event = p
	return err
}

// Parse implements dialect.Wire.
func (w *wire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	var m message
	if err := json.Unmarshal(p, &m); err != nil {
		return nil, fmt.Errorf("plainjson: %w: %w", codec.ErrMalformed, err)
	}
	if m.Cluster != w.cluster {
		return nil, nil
	}
	env := &codec.Envelope{UID: m.From, NSP: m.NSP}
	for t, kind := range kinds {
		if m.Kind == kind {
			env.Type = t
		}
	}
	switch {
	case w.channel(m.NSP) != channel:
		return env, dialect.ErrForeign
	case env.Type == 0:
		return nil, nil // a kind of a later version
	case env.Type != codec.Broadcast:
		env.Process, env.Clock, env.CloseHash, env.CloseKey = m.Process, m.Clock, m.CloseHash, m.CloseKey
		return env, nil
	}
	env.Opts = codec.Opts{Rooms: m.Rooms, Except: m.Except,
		Flags: codec.Flags{Volatile: m.Volatile, Compress: m.Compress, Relayed: m.Relayed}}
	var err error
	if env.Args, err = m.event(); err != nil {
		return nil, err
	}
	return env, nil
}

// event returns the event and its arguments. Errors of package codec and its codecs wrap codec.ErrMalformed.
func (m *message) event() (codec.Args, error) {
	if len(m.Packed) > 0 {
		alone, err := jsonmsgpack.Codec{}.Parse(m.Packed, codec.Binary)
		if err != nil {
			return codec.Args{}, err
		}
		return alone.Args, nil
	}
	v, err := codec.RawJSON(m.Event)
	if err != nil {
		return codec.Args{}, err
	}
	return codec.ArgsOf(v)
}
