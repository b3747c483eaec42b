package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
)

// TestUnusualCodecsPass runs the suite on correct codecs that work differently from those of this module.
func TestUnusualCodecsPass(t *testing.T) {
	if raceEnabled {
		t.Skip("takes many minutes with the race detector; test-norace runs it")
	}
	for name, c := range map[string]codec.Codec{
		"gob, and JSON with base64":          plainCodec{},
		"JSON in another style, no Peeker":   restyled{},
		"a text form without bytes, of CBOR": noBytesInText{},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			for _, check := range conformance.CodecChecks() {
				if _, slow := c.(plainCodec); slow && check == "HostileLengthsAllocateLittle" {
					continue // gob needs ten times as long as others to refuse input
				}
				t.Run(check, func(t *testing.T) {
					t.Parallel()
					r := record(t,
						func(tb testing.TB) { conformance.CheckCodec(tb, check, conformance.CodecHarness{Codec: c}) })
					require.False(t, r.failed, r.text)
				})
			}
		})
	}
}

// restyled is the default codec without Peeker; its JSON has white space, other escapes and another order of
// fields.
type restyled struct{ good jsonmsgpack.Codec }

func (r restyled) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	p, err := r.good.Append(nil, env, f)
	if err != nil {
		return dst, err
	}
	if f == codec.Text {
		p = escaped(indented(reordered(p)))
	}
	return append(dst, p...), nil
}

func (r restyled) Parse(p []byte, f codec.Format) (*codec.Envelope, error) { return r.good.Parse(p, f) }

func indented(p []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, p, "", "\t") != nil {
		return p
	}
	return b.Bytes()
}

// escaped escapes the characters that are special in HTML and JavaScript, and all that are not ASCII.
func escaped(p []byte) []byte {
	var b bytes.Buffer
	json.HTMLEscape(&b, p)
	var out []byte
	for _, r := range b.String() {
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// reordered writes the fields of the message in another order.
func reordered(p []byte) []byte {
	var o map[string]json.RawMessage
	if json.Unmarshal(p, &o) != nil {
		return p
	}
	out, err := json.Marshal(o)
	if err != nil {
		return p
	}
	return out
}

// noBytesInText is CBOR with a text form that refuses bytes.
type noBytesInText struct{ cbor.Codec }

func (c noBytesInText) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	if f == codec.Text && env.AttachmentID == "" && !env.Opts.Nobody {
		values := []codec.Value{env.Args.Value(), env.Value, env.Value.Rest()}
		for _, s := range env.Sockets {
			values = append(values, s.Data, s.Handshake)
		}
		for _, v := range values {
			if _, err := v.AppendJSON(nil); err != nil {
				return dst, err
			}
		}
	}
	return c.Codec.Append(dst, env, f)
}
