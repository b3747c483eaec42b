package guard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
)

// hostile is an error whose methods all panic.
type hostile struct{ p *int }

func (h *hostile) Error() string        { return fmt.Sprint(*h.p) }
func (h *hostile) Unwrap() error        { panic(h) }
func (h *hostile) Is(error) bool        { panic(h) }
func (h *hostile) As(any) bool          { panic(h) }
func (h *hostile) String() string       { panic(h) }
func (h *hostile) LogValue() slog.Value { panic(h) }

// exits and exitsText end the goroutine that asks for their text.
type (
	exits     struct{}
	exitsText struct{}
)

func (exits) Error() string      { runtime.Goexit(); return "" }
func (exitsText) String() string { runtime.Goexit(); return "" }

// harms are the ways in which a function can harm its caller.
var harms = map[string]func(){
	"Panic":           func() { panic("p") },
	"PanicOfAnError":  func() { panic(errors.New("p")) },
	"PanicOfNil":      func() { panic(nil) }, //nolint:govet // this is what is tested
	"PanicOfTypedNil": func() { panic((*hostile)(nil)) },
	"PanicOfHostile":  func() { panic(&hostile{}) },
	"PanicOfExits":    func() { panic(exits{}) },
	"PanicOfText":     func() { panic(exitsText{}) },
	"NilDereference":  func() { var p *int; *p = 1 },
	"Goexit":          runtime.Goexit,
}

func TestErrorSaysHowTheCallFailed(t *testing.T) {
	for name, harm := range harms {
		t.Run(name, func(t *testing.T) {
			var failed error
			done := make(chan struct{})
			go func() {
				defer close(done)
				require.False(t, guard.Do(harm, func(err error) { failed = err }))
			}()
			<-done
			check(t, name, failed)
			check(t, name, guard.Isolate(harm))
			if name != "Goexit" {
				check(t, name, guard.Call(harm))
			}
		})
	}
	assert.True(t, guard.Do(func() {}, func(error) { t.Error("failed must not be called without a panic") }))
	assert.NoError(t, guard.Isolate(func() {}))
	assert.NoError(t, guard.Call(func() {}))
}

// check checks the error of a harm, and that a log can call all of its methods.
func check(t *testing.T, name string, err error) {
	t.Helper()
	require.Error(t, err)
	assert.NotEmpty(t, err.Error())
	if name == "Goexit" {
		assert.ErrorIs(t, err, fault.ErrExited)
		return
	}
	var p *fault.PanicError
	require.ErrorAs(t, err, &p)
	require.NotErrorIs(t, err, fault.ErrExited)
	assert.Contains(t, string(p.Stack), "guard_test.go", "the stack must show where the panic came from")
}

func TestAllMakesTheCallsAfterAFailure(t *testing.T) {
	for name, harm := range harms {
		t.Run(name, func(t *testing.T) {
			var called []int
			var failed []error
			done := make(chan struct{})
			go func() {
				defer close(done)
				guard.All([]int{0, 1, 2, 3, 4, 5}, func(i int) {
					called = append(called, i)
					if i%2 == 1 {
						harm()
					}
				}, func(err error) { failed = append(failed, err) })
			}()
			<-done
			assert.Equal(t, []int{0, 1, 2, 3, 4, 5}, called)
			require.Len(t, failed, 3)
			for _, err := range failed {
				check(t, name, err)
			}
		})
	}
}

func TestPanicThatIsPassedOnKeepsItsStack(t *testing.T) {
	first := guard.Call(harms["Panic"])
	assert.Same(t, first, guard.Call(func() { panic(first) }))
}

func TestErrorWhoseMethodsPanicIsReplacedByThePanic(t *testing.T) {
	for _, err := range []error{&hostile{}, (*hostile)(nil), fmt.Errorf("x: %w", &hostile{}),
		errors.Join(errors.New("x"), &hostile{})} {
		got := guard.Error(err)
		var p *fault.PanicError
		require.ErrorAs(t, got, &p)
		assert.NotErrorIs(t, got, fault.ErrExited)
	}
	require.ErrorIs(t, guard.Error(exits{}), fault.ErrExited)
	require.ErrorIs(t, guard.Error(errors.Join(errors.New("x"), exits{})), fault.ErrExited)
	err := fmt.Errorf("x: %w", fault.ErrExited)
	assert.Same(t, err, guard.Error(err))
	assert.NoError(t, guard.Error(nil))
	assert.ErrorIs(t, guard.Call(func() { panic(err) }), fault.ErrExited,
		"the error must wrap a value that is a usable error")
}

// badLog is a slog.Handler that does harm.
type badLog struct{ harm func() }

func (l badLog) Enabled(context.Context, slog.Level) bool  { l.harm(); return true }
func (l badLog) Handle(context.Context, slog.Record) error { l.harm(); return nil }
func (l badLog) WithAttrs([]slog.Attr) slog.Handler        { l.harm(); return l }
func (l badLog) WithGroup(string) slog.Handler             { l.harm(); return l }

func TestReportsSurviveTheHandlerAndTheLogger(t *testing.T) {
	var out bytes.Buffer
	t.Cleanup(guard.SetStderr(&out))
	for name, harm := range harms {
		out.Reset()
		guard.Report(func(error) { harm() }, &hostile{})
		logger := guard.Logger(slog.New(badLog{harm}).With())
		logger.Warn("m", "error", &hostile{})
		logger.With("a", 1).WithGroup("g").Info("x")
		text := out.String()
		assert.Equal(t, 1, strings.Count(text, "backplane: ErrorHandler: "), name)
		assert.Positive(t, strings.Count(text, "backplane: Logger: "), name)
	}
	guard.Report(nil, errors.New("to nobody"))
	out.Reset()
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		logger := guard.Logger(slog.New(h))
		logger.Warn("m", "error", &hostile{})
		logger.Warn("m", "error", errors.New("later"))
		assert.Contains(t, out.String(), "later")
	}
	guard.Logger(nil).Info("to nobody")
	assert.False(t, guard.Logger(slog.New(slog.DiscardHandler)).Enabled(t.Context(), slog.LevelError))
}

func BenchmarkDo(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		guard.Do(func() { n++ }, func(error) { n = 0 })
	}
}

func BenchmarkAll(b *testing.B) {
	b.ReportAllocs()
	list := slices.Repeat([]int{1}, 100)
	n := 0
	for b.Loop() {
		guard.All(list, func(i int) { n += i }, func(error) { n = 0 })
	}
}

func BenchmarkIsolate(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		_ = guard.Isolate(func() { n++ })
	}
}
