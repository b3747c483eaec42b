package jsonmsgpack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

func FuzzParseText(f *testing.F) {
	for _, m := range readVectors(f).Messages {
		if len(m.Payload) < 2000 {
			f.Add([]byte(m.Payload))
		}
	}
	f.Add([]byte(`{"type":3,"data":{},"attachmentId":"1"}`))
	f.Add([]byte(`{"type":8,"data":{"sockets":[{"id":"s","handshake":{"h":{"type":"Buffer","data":[1]}},` +
		`"data":null}],"requestId":"r"},"attachmentId":0}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		env, err := jsonmsgpack.Codec{}.Parse(bytes.Clone(p), codec.Text)
		want, ok := oracleParse(p)
		switch {
		case err != nil:
			require.ErrorIs(t, err, codec.ErrMalformed)
			require.Nil(t, env)
			if ok && !want.vague && !errors.Is(err, codec.ErrDepth) && !hasDuplicates(p) {
				t.Fatalf("%q: %v, but the oracle parsed it", p, err)
			}
			return
		case !ok:
			t.Fatalf("%q: parsed, but the oracle refused it", p)
		}
		want.vague = false
		// the number of skipped parts depends on the order of the keys
		if env.AttachmentID != "" || hasDuplicates(p) {
			want.Env.Skipped = env.Skipped
		}
		require.Equal(t, want, got(t, env), "%q", p)
		roundTrip(t, env)

		for _, uid := range []string{"0000000000000001", codec.EmitterUID, "u", "",
			strings.ReplaceAll(env.UID, `\`, ``), string(bytes.ReplaceAll(p[:min(len(p), 20)], []byte(`{"uid":"`),
				nil))} {
			if (jsonmsgpack.Codec{}).SentBy(p, codec.Text, uid) && !hasDuplicates(p) {
				require.Equal(t, env.UID, uid)
			}
		}
	})
}

func FuzzParseBinary(f *testing.F) {
	for _, m := range readVectors(f).Messages {
		if len(m.Attachment) > 0 && len(m.Attachment) < 2000 {
			f.Add(m.Attachment)
		}
		env, err := jsonmsgpack.Codec{}.Parse([]byte(m.Payload), codec.Text)
		require.NoError(f, err)
		if p, err := (jsonmsgpack.Codec{}).Append(nil, env, codec.Binary); err == nil && len(p) < 2000 {
			f.Add(p)
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		own := jsonmsgpack.Codec{}.SentBy(p, codec.Binary, "0000000000000001")
		env, err := jsonmsgpack.Codec{}.Parse(bytes.Clone(p), codec.Binary)
		tree, treeErr := jsonmsgpack.Msgpack.Tree(p)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			require.Nil(t, env)
			return
		}
		require.NoError(t, treeErr, "Parse accepted it, so it must be valid msgpack")
		if o, _ := tree.(codec.Object); own && len(o) > 0 && o[0].Value != "0000000000000001" {
			t.Fatalf("%x: SentBy is true although the sender is %v", p, o[0])
		}
		roundTrip(t, env)

		// Encoded as JSON, the message has the same meaning.
		text, err := codec.FromTree(tree).MarshalJSON()
		require.NoError(t, err)
		if bytes.Contains(text, []byte("Buffer")) || hasDuplicates(text) || !finite(tree) {
			return
		}
		if want, ok := oracleParse(text); ok {
			want.vague = false
			if env.AttachmentID != "" {
				want.Env.Skipped = env.Skipped
			}
			require.Equal(t, want, got(t, env), "%s", text)
		}
	})
}

func FuzzMsgpackTree(f *testing.F) {
	for _, m := range readVectors(f).Msgpack {
		if len(m.Msgpack) < 200 {
			f.Add(unhex(f, m.Msgpack))
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		tree, err := jsonmsgpack.Msgpack.Tree(p)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			return
		}
		_ = codec.FromTree(tree).String()
		again, err := jsonmsgpack.Msgpack.Tree(msgpackOfTree(t, tree))
		require.NoError(t, err)
		require.Equal(t, normal(again), normal(tree))
		var into any
		require.NoError(t, codec.Raw(jsonmsgpack.Msgpack, p).Decode(&into))
		if a, err := codec.ArgsOf(codec.Raw(jsonmsgpack.Msgpack, p)); err == nil {
			values, err := a.Values()
			require.NoError(t, err)
			require.Len(t, values, a.Len())
		}
	})
}

// FuzzTranslation compares the translation of JSON to msgpack with a translation through a tree.
func FuzzTranslation(f *testing.F) {
	for _, s := range []string{`null`, `[1,-2.5,1e3,"a",{"b":[true,false,null]},{}]`, `"\ud83d\ude00\ud83d\"\\\n"`,
		`9007199254740992`, `-9007199254740993`, `1e400`, `-0`, `0.0`, `123456789012345`, `1234567890123456`,
		` [ [ ] , { "a" : { } } ] `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v, err := codec.RawJSON(p)
		if err != nil {
			return
		}
		tree, err := v.Tree()
		require.NoError(t, err)
		direct, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: v},
			codec.Binary)
		viaTree, treeErr := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck,
			Value: codec.FromTree(tree)}, codec.Binary)
		if err != nil {
			require.ErrorContains(t, err, "__proto__")
			require.Error(t, treeErr)
			return
		}
		require.NoError(t, treeErr)
		require.Equal(t, viaTree, direct)
		_, err = jsonmsgpack.Codec{}.Parse(direct, codec.Binary)
		require.NoError(t, err)
	})
}

// roundTrip encodes env in both forms and parses the results.
func roundTrip(t *testing.T, env *codec.Envelope) {
	t.Helper()
	read := *env
	env = &read
	if env.AttachmentID == "" {
		env.RequesterUID = "" // only references are written with it
	}
	env.Skipped = 0
	for _, form := range both {
		p, err := jsonmsgpack.Codec{}.Append(nil, env, form)
		if env.Opts.Nobody {
			require.ErrorIs(t, err, codec.ErrNobody)
			continue
		}
		if err != nil {
			if env.Type.Known() && (form != codec.Text || !errors.Is(err, codec.ErrBinary)) {
				require.ErrorContains(t, err, "__proto__")
			}
			continue
		}
		if form == codec.Text {
			require.True(t, utf8.Valid(p))
			require.False(t, bytes.Contains(p, []byte{0}))
		}
		again, err := jsonmsgpack.Codec{}.Parse(p, form)
		require.NoError(t, err, "%q", p)
		require.Equal(t, summary(t, got(t, env)), summary(t, got(t, again)), "%q", p)
	}
}

// meaning is an envelope with its user data decoded.
type meaning struct {
	Env     codec.Envelope
	Event   string
	Args    any
	Value   any
	Sockets []any

	vague bool // the codec may refuse it
}

func got(t *testing.T, env *codec.Envelope) meaning {
	t.Helper()
	m := meaning{Env: *env, Event: env.Args.Event()}
	m.Args, m.Value = decoded(env.Args.Value()), decoded(env.Value)
	m.Env.Args, m.Env.Value, m.Env.Sockets = codec.Args{}, codec.Value{}, nil
	for _, s := range env.Sockets {
		m.Sockets = append(m.Sockets, s.ID, s.Rooms, decoded(s.Handshake), decoded(s.Data))
	}
	if m.Env.Opts.Flags.Compress != nil {
		m.Event += strconv.FormatBool(*m.Env.Opts.Flags.Compress)
		m.Env.Opts.Flags.Compress = nil
	}
	return m
}

// decoded returns v as encoding/json decodes it, with bytes as base64.
func decoded(v codec.Value) (out any) {
	if p, err := v.MarshalJSON(); err == nil {
		_ = json.Unmarshal(p, &out)
	}
	return out
}

// summary returns m as JSON. User data may be JSON in one envelope and msgpack in the other.
func summary(t *testing.T, m meaning) string {
	t.Helper()
	p, err := json.Marshal(m)
	require.NoError(t, err)
	return string(p)
}

func finite(tree any) bool {
	switch v := tree.(type) {
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case uint64:
		return false
	case []any:
		for _, e := range v {
			if !finite(e) {
				return false
			}
		}
	case codec.Object:
		for _, m := range v {
			if !finite(m.Value) {
				return false
			}
		}
	}
	return true
}

// hasDuplicates reports whether an object in p has duplicate keys.
func hasDuplicates(p []byte) bool {
	tree, err := codec.JSON.Tree(p)
	if err != nil {
		return true // its content is not checked
	}
	var look func(any) bool
	look = func(tree any) bool {
		switch v := tree.(type) {
		case []any:
			for _, e := range v {
				if look(e) {
					return true
				}
			}
		case codec.Object:
			seen := map[string]bool{}
			for _, m := range v {
				if seen[m.Key] || look(m.Value) {
					return true
				}
				seen[m.Key] = true
			}
		}
		return false
	}
	return look(tree)
}
