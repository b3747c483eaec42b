package conformance_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
)

func TestCodecSuite(t *testing.T) {
	suiteTest[conformance.CodecHarness]{
		checks:   conformance.CodecChecks(),
		why:      conformance.CodecWhy,
		computes: true,
		run:      conformance.CheckCodec,
		good: func(*testing.T) conformance.CodecHarness {
			return conformance.CodecHarness{Codec: &mutableCodec{}, Golden: golden()}
		},
		mutants: slices.Concat(envelopeMutants, dataMutants, numberMutants, codecSizeMutants(), appendMutants,
			foreignMutants, peekMutants, answerPeekMutants, codecCallMutants(), goldenMutants),
	}.test(t)
}

func TestMissingCodecAbilitiesSkipByName(t *testing.T) {
	plain := struct{ codec.Codec }{cbor.Codec{}} // hides SentBy
	for check, text := range map[string]string{
		"PeekAgreesWithParse":  "not implement codec.Peeker",
		"PeekNeverPanics":      "not implement codec.Peeker",
		"PeekFindsOwnMessages": "not implement codec.Peeker",
		"PeekIsCheap":          "not implement codec.Peeker",
		"GoldenMessages":       "Golden is empty",
		"ErrBinaryLeavesDst":   "never returns ErrBinary",
	} {
		r := record(t,
			func(tb testing.TB) { conformance.CheckCodec(tb, check, conformance.CodecHarness{Codec: plain}) })
		require.False(t, r.failed, r.text)
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, text)
	}
}

// mutableCodec is the default codec, whose parts can be replaced.
type mutableCodec struct {
	good   jsonmsgpack.Codec
	append func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error)
	parse  func(p []byte, f codec.Format) (*codec.Envelope, error)
	peek   func(p []byte, f codec.Format, uid string) bool
	answer func(p []byte, f codec.Format) *codec.Envelope
}

func (m *mutableCodec) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	if m.append != nil {
		return m.append(dst, env, f)
	}
	return m.good.Append(dst, env, f)
}

func (m *mutableCodec) Parse(p []byte, f codec.Format) (*codec.Envelope, error) {
	if m.parse != nil {
		return m.parse(p, f)
	}
	return m.good.Parse(p, f)
}

func (m *mutableCodec) SentBy(p []byte, f codec.Format, uid string) bool {
	if m.peek != nil {
		return m.peek(p, f, uid)
	}
	return m.good.SentBy(p, f, uid)
}

func (m *mutableCodec) PeekAnswer(p []byte, f codec.Format) *codec.Envelope {
	if m.answer != nil {
		return m.answer(p, f)
	}
	return m.good.PeekAnswer(p, f)
}

// breaksCodec returns a mutant of a codec.
func breaksCodec(check, bug string, change func(m *mutableCodec)) mutant[conformance.CodecHarness] {
	return mutant[conformance.CodecHarness]{check, bug, func(*testing.T) conformance.CodecHarness {
		m := &mutableCodec{}
		change(m)
		return conformance.CodecHarness{Codec: m, Golden: golden()}
	}}
}

// writing returns a mutant that changes an envelope before it writes it.
func writing(check, bug string, change func(env *codec.Envelope)) mutant[conformance.CodecHarness] {
	return breaksCodec(check, bug, func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			changed := *env
			change(&changed)
			return m.good.Append(dst, &changed, f)
		}
	})
}

// reading returns a mutant that changes an envelope after it has parsed it.
func reading(check, bug string, change func(env *codec.Envelope)) mutant[conformance.CodecHarness] {
	return breaksCodec(check, bug, func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil {
				change(env)
			}
			return env, err
		}
	})
}

// refuses returns a mutant that refuses to parse some messages.
func refuses(check, bug string, refused func(env *codec.Envelope) bool) mutant[conformance.CodecHarness] {
	return breaksCodec(check, bug, func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil && refused(env) {
				return nil, codec.ErrMalformed
			}
			return env, err
		}
	})
}

// data returns a mutant that changes the data of users, as trees.
func data(check, bug string, change func(tree any) any) mutant[conformance.CodecHarness] {
	return reading(check, bug, func(env *codec.Envelope) { changeData(env, change) })
}

func changeData(env *codec.Envelope, change func(tree any) any) {
	value := func(v codec.Value) codec.Value {
		tree, err := v.Tree()
		if err != nil {
			return v
		}
		return codec.FromTree(changeTree(tree, change))
	}
	rest := env.Value.Rest()
	if env.Value = value(env.Value); !rest.IsNull() {
		env.Value = env.Value.WithRest(value(rest))
	}
	for i := range env.Sockets {
		env.Sockets[i].Data, env.Sockets[i].Handshake = value(env.Sockets[i].Data), value(env.Sockets[i].Handshake)
	}
	if args, err := codec.ArgsOf(value(env.Args.Value())); err == nil {
		env.Args = args
	}
}

// changeTree changes a tree from its leaves up.
func changeTree(tree any, change func(any) any) any {
	switch t := tree.(type) {
	case []any:
		out := make([]any, len(t))
		for i, e := range t {
			out[i] = changeTree(e, change)
		}
		return change(out)
	case codec.Object:
		out := slices.Clone(t)
		for i := range out {
			out[i].Value = changeTree(out[i].Value, change)
		}
		return change(out)
	}
	return change(tree)
}

// failing returns a mutant with another result in place of Parse's errors.
func failing(check, bug string, change func(p []byte, f codec.Format) (*codec.Envelope,
	error)) mutant[conformance.CodecHarness] {
	return breaksCodec(check, bug, func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err != nil {
				return change(p, f)
			}
			return env, err
		}
	})
}

var errUnexpected = errors.New("unexpected end of input")
