package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

// breaksDialect returns a mutant of a dialect.
func breaksDialect(check, bug string, d func() mutableDialect) mutant[conformance.DialectHarness] {
	return mutant[conformance.DialectHarness]{check, bug, func(*testing.T) conformance.DialectHarness {
		return dialectHarness(d())
	}}
}

// breaksWire returns a mutant of a dialect with another Wire.
func breaksWire(check, bug string, change func(w *mutableWire)) mutant[conformance.DialectHarness] {
	return breaksDialect(check, bug, func() mutableDialect { return mutableDialect{wire: change} })
}

// opens returns a mutant with another Open. The func open gets the correct one.
func opens(check, bug string,
	open func(o dialect.Options, good func(dialect.Options) (dialect.Wire, error)) (dialect.Wire, error),
) mutant[conformance.DialectHarness] {
	return breaksDialect(check, bug, func() mutableDialect {
		return mutableDialect{open: func(o dialect.Options) (dialect.Wire, error) {
			return open(o,
				mutableDialect{}.Open)
		}}
	})
}

// sends returns a mutant whose Append changes a message before it writes it.
func sends(check, bug string, change func(env *codec.Envelope)) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			changed := *env
			change(&changed)
			return w.richWire.Append(dst, &changed)
		}
	})
}

// receives returns a mutant whose Parse changes a message after it has read it.
func receives(check, bug string, change func(env *codec.Envelope)) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			if err == nil && env != nil {
				change(env)
			}
			return env, err
		}
	})
}

// refusesToSend returns a mutant whose Append returns err for some messages.
func refusesToSend(check, bug string, err error,
	when func(env *codec.Envelope) bool) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			if when(env) {
				return dst, err
			}
			return w.richWire.Append(dst, env)
		}
	})
}

var dialectOpenMutants = []mutant[conformance.DialectHarness]{
	breaksDialect("NameIsConstant", "has no name",
		func() mutableDialect { return mutableDialect{name: func() string { return "" }} }),
	breaksDialect("NameIsConstant", "counts its name", func() mutableDialect {
		n := 0
		return mutableDialect{name: func() string { n++; return fmt.Sprint(n) }}
	}),

	opens("OpenDoesNoIO", "opens a session", func(o dialect.Options, good func(dialect.Options) (dialect.Wire, error),
	) (dialect.Wire, error) {
		if bus, ok := o.Bus.(transport.Bus); ok {
			if s, err := bus.Open(context.Background()); err == nil {
				_ = s.Close(context.Background())
			}
		}
		return good(o)
	}),
	opens("OpenDoesNoIO", "enters the roster", func(o dialect.Options,
		good func(dialect.Options) (dialect.Wire, error)) (dialect.Wire, error) {
		if roster, ok := o.Bus.(transport.Roster); ok {
			if _, err := roster.Entries(context.Background(), ""); err != nil {
				return good(o)
			}
		}
		return good(o)
	}),

	opens("OptionsAreValidated", "returns another error for an invalid prefix", func(o dialect.Options,
		good func(dialect.Options) (dialect.Wire, error)) (dialect.Wire, error) {
		if w, err := good(o); err == nil {
			return w, nil
		}
		return nil, errors.New("invalid prefix")
	}),
	opens("OptionsAreValidated", "accepts any prefix", func(o dialect.Options,
		good func(dialect.Options) (dialect.Wire, error)) (dialect.Wire, error) {
		if w, err := good(o); err == nil {
			return w, nil
		}
		o.Prefix = "x"
		w, err := good(o)
		if err == nil {
			w = invalidChannels{w}
		}
		return w, err
	}),
	opens("OptionsAreValidated", "panics if messages are signed", func(o dialect.Options,
		good func(dialect.Options) (dialect.Wire, error)) (dialect.Wire, error) {
		if o.Signed {
			panic("not supported")
		}
		return good(o)
	}),
	opens("OptionsAreValidated", "returns neither a Wire nor an error for an empty prefix", func(o dialect.Options,
		good func(dialect.Options) (dialect.Wire, error)) (dialect.Wire, error) {
		if o.Prefix == "" {
			return nil, nil
		}
		return good(o)
	}),

	breaksDialect("WiresAreIndependent", "keeps the options of the last Open", func() mutableDialect {
		var last *mutableWire
		return mutableDialect{wire: func(w *mutableWire) {
			last = w
			w.namespace = func(name, uid string) (dialect.Route, error) { return last.richWire.Namespace(name, uid) }
		}}
	}),
	breaksDialect("WiresAreIndependent", "numbers its channels", func() mutableDialect {
		n := 0
		return mutableDialect{wire: func(w *mutableWire) {
			n++
			o := w.options
			o.Prefix += fmt.Sprint(n % 10)
			if another, err := openRich(o); err == nil {
				w.richWire = another
			}
		}}
	}),
}

// invalidChannels is a Wire whose channels have invalid names.
type invalidChannels struct{ dialect.Wire }

func (w invalidChannels) Namespace(string, string) (dialect.Route, error) {
	return &askerRoute{[]string{"\xff"}}, nil
}

// The calls of these mutants disturb each other without data races, which would break the tests themselves.
var dialectUseMutants = []mutant[conformance.DialectHarness]{
	breaksWire("ConcurrentUse", "writes into one buffer", func(w *mutableWire) {
		var buffer atomic.Pointer[[]byte]
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(nil, env)
			if err != nil {
				return dst, err
			}
			buffer.Store(&p)
			runtime.Gosched()
			return append(dst, *buffer.Load()...), nil
		}
	}),
	breaksWire("ConcurrentUse", "keeps the namespace that was asked for last", func(w *mutableWire) {
		var last atomic.Pointer[string]
		w.namespace = func(name, uid string) (dialect.Route, error) {
			last.Store(&name)
			return w.richWire.Namespace(name, uid)
		}
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			before := last.Load()
			runtime.Gosched()
			if last.Load() != before {
				return nil, errors.New("another namespace now")
			}
			return w.richWire.Append(dst, env)
		}
	}),
	breaksWire("ConcurrentUse", "parses what Append has written last", func(w *mutableWire) {
		var last atomic.Pointer[[]byte]
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(nil, env)
			if err == nil {
				last.Store(&p)
			}
			return append(dst, p...), err
		}
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			before := last.Load()
			runtime.Gosched()
			if now := last.Load(); now != before {
				p = bytes.Clone(*now)
			}
			return w.richWire.Parse(channel, p)
		}
	}),
}
