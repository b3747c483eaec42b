package conformance

import (
	"errors"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/backplane-go/backplane/codec"
)

// CodecHarness tells the suite which codec to check.
type CodecHarness struct {
	// Codec is the codec to check. Required.
	Codec codec.Codec

	// Golden are messages with known bytes, such as those that another implementation has written.
	Golden []Golden

	// Seed is the seed of the random messages. Set it to reproduce a failure. With 0, each quick run uses the
	// same messages, and each soak run uses others and logs its seed.
	Seed uint64
}

// Golden is a message with known bytes.
type Golden struct {
	// Name describes the message.
	Name   string
	Format codec.Format
	Bytes  []byte
	// Envelope is the result of Parse for Bytes. If it is nil, Parse must return an error that wraps
	// codec.ErrMalformed.
	Envelope *codec.Envelope
	// Written tells that Append must write exactly Bytes.
	Written bool
}

// Codec runs the checks of the promises of codec.Codec, and of the optional interfaces that the codec
// implements.
//
// The suite compares envelopes by their meaning: nil and empty lists are equal, and so are numbers that JSON
// writes with the same digits, and a time and its text. A form may refuse bytes with codec.ErrBinary, but it
// must not change them.
func Codec(t *testing.T, h CodecHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h CodecHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.Codec == nil {
		t.Fatal("conformance: CodecHarness.Codec is required, but nil")
	}
	runChecks(t, h.newSuite(soak), codecChecks(), func(c *checker) *codecChecker { return newCodecChecker(c, h) })
}

func (h CodecHarness) newSuite(soak bool) *suite { return newSuite("Codec", soak, 0, nil) }

func codecChecks() []check[*codecChecker] {
	return slices.Concat(roundTripChecks, dataChecks, numberChecks, codecSizeChecks, forwardChecks, appendChecks,
		foreignChecks, peekChecks, answerPeekChecks, codecUseChecks)
}

// forms are the two forms of every message.
var forms = []codec.Format{codec.Text, codec.Binary}

// codecChecker runs one check of a codec.
type codecChecker struct {
	*checker
	harness CodecHarness
	codec   codec.Codec
}

func newCodecChecker(c *checker, h CodecHarness) *codecChecker { return &codecChecker{c, h, h.Codec} }

// appendSample calls Append, which must not panic.
func (c *codecChecker) appendSample(dst []byte, s sample, f codec.Format) (p []byte, err error) {
	c.Helper()
	called := s.called(f)
	c.guardPanic(called, func() { p, err = c.codec.Append(dst, s.env, f) })
	if errors.Is(err, codec.ErrBinary) && (!s.hasBytes || f != codec.Text) {
		c.fail(called, "no ErrBinary: the message has no bytes, or the form carries them", "the error %q", err)
	}
	return p, err
}

// mustAppend returns the encoded sample. It returns ok = false if the text form refuses its bytes.
func (c *codecChecker) mustAppend(s sample, f codec.Format) (p []byte, ok bool) {
	c.Helper()
	p, err := c.appendSample(nil, s, f)
	if errors.Is(err, codec.ErrBinary) {
		return nil, false
	}
	if err != nil {
		c.fail(s.called(f), "no error", "the error %q", err)
	}
	return p, true
}

// mustParse returns the envelope of bytes that the codec has written.
func (c *codecChecker) mustParse(called string, p []byte, f codec.Format) *codec.Envelope {
	c.Helper()
	env, err := c.parse(called, p, f)
	if err != nil {
		c.fail(called+", Parse", "no error", "the error %q for %s", err, quote(string(p)))
	}
	return env
}

// parse calls Parse. It must not panic, and must return either an envelope or an error.
func (c *codecChecker) parse(called string, p []byte, f codec.Format) (env *codec.Envelope, err error) {
	c.Helper()
	c.guardPanic(called+", Parse", func() { env, err = c.codec.Parse(p, f) })
	if (env == nil) == (err == nil) {
		c.fail(called+", Parse", "an envelope or an error", "the envelope %v and the error %v", env, err)
	}
	return env, err
}

// guardPanic calls f and fails the check if f panics.
func (c *codecChecker) guardPanic(called string, f func()) {
	c.Helper()
	c.noteCall(called)
	var caught any
	var stack []byte
	func() {
		defer func() {
			if caught = recover(); caught != nil {
				stack = debug.Stack()
			}
		}()
		f()
	}()
	if caught != nil {
		c.fail(called, "no panic", "the panic %v\n%s", caught, stack)
	}
}

// roundTrip fails the check unless samples survive Append and Parse in both forms.
func (c *codecChecker) roundTrip(samples ...sample) {
	c.Helper()
	for _, s := range samples {
		for _, f := range forms {
			if p, ok := c.mustAppend(s, f); ok {
				c.parseBack(s, p, f)
			}
		}
	}
}

// parseBack fails the check unless Parse makes the sample of its encoding p again.
func (c *codecChecker) parseBack(s sample, p []byte, f codec.Format) {
	c.Helper()
	called := s.called(f)
	c.expectSame(called+", Parse", s.env, c.mustParse(called, p, f))
}

// expectSame fails the check unless got means the same as want.
func (c *codecChecker) expectSame(called string, want, got *codec.Envelope) {
	c.Helper()
	var d *difference
	c.guardPanic(called+", decode the data", func() { d = diffEnvelopes(want, got) })
	if d != nil {
		c.fail(called, d.where+" is "+d.want, "%s", d.got)
	}
}

// newValue encodes v as a Value, as a program that uses a cluster does.
func (c *codecChecker) newValue(v any) codec.Value {
	c.Helper()
	out, err := codec.NewValue(v)
	if err != nil {
		c.Fatalf("conformance: NewValue of %T: %v", v, err)
	}
	return out
}

// rawJSON returns a Value of encoded JSON.
func (c *codecChecker) rawJSON(text string) codec.Value {
	c.Helper()
	out, err := codec.RawJSON([]byte(text))
	if err != nil {
		c.Fatalf("conformance: RawJSON of %s: %v", quote(text), err)
	}
	return out
}

func (c *codecChecker) newArgs(event string, args ...any) codec.Args {
	c.Helper()
	out, err := codec.NewArgs(event, args...)
	if err != nil {
		c.Fatalf("conformance: NewArgs %q: %v", event, err)
	}
	return out
}
