package conformance_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// plainCodec is the simplest possible codec: it writes a struct as gob or JSON, with data as JSON or in its own
// encoding.
type plainCodec struct{}

// plainMessage is an envelope without fields that gob and JSON cannot write.
type plainMessage struct {
	Type                                                                               codec.Type
	UID, NSP, AttachmentID, AttachmentKey, RequesterUID, Process, RequestID            string
	CloseHash, CloseKey                                                                string
	Clock, Nonce                                                                       uint64
	Rooms, OptsRooms, Except                                                           []string
	Volatile, ExpectSingleResponse, Relayed, Close, CompressSet, Compress, WithSockets bool
	Timeout                                                                            time.Duration
	ClientCount                                                                        int
	Args, Value, Rest                                                                  []byte
	Sockets                                                                            []plainSocket
}

type plainSocket struct {
	ID              string
	Rooms           []string
	Handshake, Data []byte
}

func (plainCodec) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	m, err := plainOf(env)
	if err == nil {
		_, err = m.envelope() // refuses to write what it could not read
	}
	if err != nil {
		return dst, err
	}
	if f == codec.Text {
		p, err := json.Marshal(m)
		return append(dst, p...), err
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(m)
	return append(dst, b.Bytes()...), err
}

func (plainCodec) Parse(p []byte, f codec.Format) (*codec.Envelope, error) {
	var m plainMessage
	var err error
	if f == codec.Text {
		err = json.Unmarshal(p, &m)
	} else {
		r := bytes.NewReader(p)
		if err = gob.NewDecoder(r).Decode(&m); err == nil && r.Len() > 0 {
			err = errors.New("trailing bytes")
		}
	}
	var env *codec.Envelope
	if err == nil {
		env, err = m.envelope()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", codec.ErrMalformed, err)
	}
	return env, nil
}

func plainOf(env *codec.Envelope) (*plainMessage, error) {
	m := &plainMessage{Type: env.Type, UID: env.UID, NSP: env.NSP, AttachmentID: env.AttachmentID,
		AttachmentKey: env.AttachmentKey, RequesterUID: env.RequesterUID, Process: env.Process,
		CloseHash: env.CloseHash, CloseKey: env.CloseKey, Clock: env.Clock, Nonce: env.Nonce}
	if env.AttachmentID != "" {
		return m, nil
	}
	if env.Opts.Nobody {
		return nil, codec.ErrNobody
	}
	m.RequestID, m.Rooms, m.OptsRooms, m.Except = env.RequestID, env.Rooms, env.Opts.Rooms, env.Opts.Except
	m.Volatile, m.ExpectSingleResponse, m.Close, m.Timeout, m.ClientCount = env.Opts.Flags.Volatile,
		env.Opts.Flags.ExpectSingleResponse, env.Close, env.Opts.Flags.Timeout, env.ClientCount
	m.Relayed = env.Opts.Flags.Relayed
	if c := env.Opts.Flags.Compress; c != nil {
		m.CompressSet, m.Compress = true, *c
	}
	var errs [3]error
	m.Args, errs[0] = plainValue(env.Args.Value())
	m.Value, errs[1] = plainValue(env.Value)
	m.Rest, errs[2] = plainValue(env.Value.Rest())
	for _, s := range env.Sockets {
		handshake, err := plainValue(s.Handshake)
		own, err2 := plainValue(s.Data)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		m.Sockets = append(m.Sockets, plainSocket{s.ID, s.Rooms, handshake, own})
	}
	return m, errors.Join(errs[:]...)
}

func (m *plainMessage) envelope() (*codec.Envelope, error) {
	env := &codec.Envelope{Type: m.Type, UID: m.UID, NSP: m.NSP, AttachmentID: m.AttachmentID,
		AttachmentKey: m.AttachmentKey, RequesterUID: m.RequesterUID, Process: m.Process,
		CloseHash: m.CloseHash, CloseKey: m.CloseKey, Clock: m.Clock, RequestID: m.RequestID, Rooms: m.Rooms,
		Close: m.Close, ClientCount: m.ClientCount,
		Opts: codec.Opts{Rooms: m.OptsRooms, Except: m.Except,
			Flags: codec.Flags{Volatile: m.Volatile, ExpectSingleResponse: m.ExpectSingleResponse, Timeout: m.Timeout}}}
	env.Opts.Flags.Relayed = m.Relayed
	if m.CompressSet {
		env.Opts.Flags.Compress = &m.Compress
	}
	args, err := valueOf(m.Args)
	if err == nil && !args.IsNull() {
		env.Args, err = codec.ArgsOf(args)
	}
	if err != nil {
		return nil, err
	}
	if env.Value, err = valueOf(m.Value); err != nil {
		return nil, err
	}
	rest, err := valueOf(m.Rest)
	if err != nil {
		return nil, err
	}
	if !rest.IsNull() {
		env.Value = env.Value.WithRest(rest)
	}
	for _, s := range m.Sockets {
		handshake, err := valueOf(s.Handshake)
		own, err2 := valueOf(s.Data)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		env.Sockets = append(env.Sockets, codec.Socket{ID: s.ID, Rooms: s.Rooms, Handshake: handshake, Data: own})
	}
	return env, nil
}

// plainValue returns data as JSON, or after a '#' in the tagged encoding.
func plainValue(v codec.Value) ([]byte, error) {
	if v.IsNull() {
		return nil, nil
	}
	if p, ok := v.Bytes(codec.JSON); ok {
		return p, nil
	}
	if p, ok := v.Bytes(tagged{}); ok {
		return append([]byte{'#'}, p...), nil
	}
	tree, err := v.Tree()
	if err != nil {
		return nil, err
	}
	if tree, err = tag(tree, codec.MaxDepth); err != nil {
		return nil, err
	}
	p, err := codec.FromTree(tree).JSON()
	return append([]byte{'#'}, p...), err
}

func valueOf(p []byte) (codec.Value, error) {
	switch {
	case len(p) == 0:
		return codec.Value{}, nil
	case p[0] == '#':
		_, err := tagged{}.Tree(p[1:])
		return codec.Raw(tagged{}, p[1:]), err
	}
	_, err := codec.JSON.Tree(p)
	return codec.Raw(codec.JSON, p), err
}

// tagged is an encoding in JSON: lists, objects, bytes and times are lists that begin with their kind.
type tagged struct{}

func (tagged) Name() string { return "tagged" }

func (tagged) Tree(p []byte) (any, error) {
	tree, err := codec.JSON.Tree(p)
	if err != nil {
		return nil, err
	}
	return untagged(tree)
}

func tag(tree any, depth int) (any, error) {
	if depth < 0 {
		return nil, codec.ErrDepth
	}
	switch t := tree.(type) {
	case []byte:
		return []any{"bytes", base64.StdEncoding.EncodeToString(t)}, nil
	case time.Time:
		return []any{"time", t.UnixMilli()}, nil
	case []any:
		out := []any{"list"}
		for _, e := range t {
			e, err := tag(e, depth-1)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	case codec.Object:
		out := []any{"object"}
		for _, m := range t {
			e, err := tag(m.Value, depth-1)
			if err != nil {
				return nil, err
			}
			out = append(out, m.Key, e)
		}
		return out, nil
	}
	return tree, nil
}

var errTag = fmt.Errorf("%w: not tagged", codec.ErrMalformed)

func untagged(tree any) (any, error) {
	list, ok := tree.([]any)
	if !ok {
		if _, is := tree.(codec.Object); is {
			return nil, errTag
		}
		return tree, nil
	}
	if len(list) == 0 {
		return nil, errTag
	}
	kind := list[0]
	list = list[1:]
	switch kind {
	case "list":
		out := []any{}
		for _, e := range list {
			e, err := untagged(e)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	case "object":
		out := codec.Object{}
		for len(list) >= 2 {
			key, ok := list[0].(string)
			value, err := untagged(list[1])
			if err != nil || !ok {
				return nil, errTag
			}
			out = append(out, codec.Member{Key: key, Value: value})
			list = list[2:]
		}
		if len(list) == 0 {
			return out, nil
		}
	case "bytes":
		if len(list) == 1 {
			if s, ok := list[0].(string); ok {
				p, err := base64.StdEncoding.DecodeString(s)
				if err == nil {
					return p, nil
				}
			}
		}
	case "time":
		if len(list) == 1 {
			if ms, ok := list[0].(int64); ok {
				return time.UnixMilli(ms).UTC(), nil
			}
		}
	}
	return nil, errTag
}
