package conformance

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/backplane-go/backplane/codec"
)

// CodecHarness tells the suite how to use a codec.
type CodecHarness struct {
	// Codec is proven. Required.
	Codec codec.Codec

	// Golden are messages whose bytes are known, such as those that another implementation has written.
	Golden []Golden

	// Seed determines the random messages, to have those of a failure again. 0: the same ones in each quick run, and others in each
	// soak, which logs its seed.
	Seed uint64
}

// Golden is a message whose bytes are known.
type Golden struct {
	// Name says what it is about.
	Name   string
	Format codec.Format
	Bytes  []byte
	// Envelope is what Parse must make of Bytes. nil: an error that wraps codec.ErrMalformed.
	Envelope *codec.Envelope
	// Written tells that Append must write exactly Bytes.
	Written bool
}

// Codec proves that a codec keeps the promises of codec.Codec, and of the optional interfaces it implements.
//
// Envelopes are compared by what they say: nil and empty lists are the same, and so are numbers that JSON writes
// with the same digits, and a time and its text. A form may refuse bytes with codec.ErrBinary, but it must not change them.
func Codec(t *testing.T, h CodecHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h CodecHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.Codec == nil {
		t.Fatal("conformance: CodecHarness.Codec is nil, but required")
	}
	runChecks(t, h.newSuite(soak), codecChecks(), func(c *checker) *codecChecker { return newCodecChecker(c, h) })
}

func (h CodecHarness) newSuite(soak bool) *suite { return newSuite("Codec", soak, 0, nil) }

func codecChecks() []check[*codecChecker] {
	return slices.Concat(roundTripChecks, dataChecks, numberChecks, codecSizeChecks, forwardChecks, appendChecks, foreignChecks, peekChecks, codecUseChecks)
}

// forms are the two forms of every message.
var forms = []codec.Format{codec.Text, codec.Binary}

// codecChecker is one run of one check of a codec.
type codecChecker struct {
	*checker
	harness CodecHarness
	codec   codec.Codec
}

func newCodecChecker(c *checker, h CodecHarness) *codecChecker { return &codecChecker{c, h, h.Codec} }

// appendSample calls Append, which must not panic.
func (c *codecChecker) appendSample(dst []byte, s sample, f codec.Format) (p []byte, err error) {
	c.Helper()
	called := fmt.Sprintf("Append %s, %v form", s.name, f)
	c.guardPanic(called, func() { p, err = c.codec.Append(dst, s.env, f) })
	if errors.Is(err, codec.ErrBinary) && (!s.hasBytes || f != codec.Text) {
		c.fail(called, "no ErrBinary: it holds no bytes, or the form carries them", "the error %q", err)
	}
	return p, err
}

// mustAppend returns the bytes of a sample. ok is false if the text form refuses its bytes.
func (c *codecChecker) mustAppend(s sample, f codec.Format) (p []byte, ok bool) {
	c.Helper()
	p, err := c.appendSample(nil, s, f)
	if errors.Is(err, codec.ErrBinary) {
		return nil, false
	}
	if err != nil {
		c.fail(fmt.Sprintf("Append %s, %v form", s.name, f), "no error", "the error %q", err)
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

// parse calls Parse, which must not panic, nor return neither an envelope nor an error, nor both.
func (c *codecChecker) parse(called string, p []byte, f codec.Format) (env *codec.Envelope, err error) {
	c.Helper()
	c.guardPanic(called+", Parse", func() { env, err = c.codec.Parse(p, f) })
	if (env == nil) == (err == nil) {
		c.fail(called+", Parse", "an envelope or an error", "the envelope %v and the error %v", env, err)
	}
	return env, err
}

// guardPanic calls f and fails if it panics.
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

// roundTrip proves that a sample survives Append and Parse in both forms.
func (c *codecChecker) roundTrip(s sample) {
	c.Helper()
	for _, f := range forms {
		if p, ok := c.mustAppend(s, f); ok {
			called := fmt.Sprintf("Append %s, %v form", s.name, f)
			c.expectSame(called+", Parse", s.env, c.mustParse(called, p, f))
		}
	}
}

// expectSame fails unless got says what want says.
func (c *codecChecker) expectSame(called string, want, got *codec.Envelope) {
	c.Helper()
	var d *difference
	c.guardPanic(called+", look at the data", func() { d = diffEnvelopes(want, got) })
	if d != nil {
		c.fail(called, d.where+" is "+d.want, "%s", d.got)
	}
}

// newValue makes a Value of v, as a program that uses a cluster does.
func (c *codecChecker) newValue(v any) codec.Value {
	c.Helper()
	out, err := codec.NewValue(v)
	if err != nil {
		c.Fatalf("conformance: NewValue of %T: %v", v, err)
	}
	return out
}

// rawJSON makes a Value of JSON.
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
