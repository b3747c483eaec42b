package guard

import (
	"context"
	"io"
	"log/slog"
	"os"
)

// Report calls an error handler of the application, which may be nil, with an error that has no caller to return to. If
// the handler panics, Report writes that to the standard error as a last resort.
func Report(handler func(error), err error) {
	if handler == nil {
		return
	}
	if fault := Isolate(func() { handler(err) }); fault != nil {
		lastResort("ErrorHandler", fault)
	}
}

// stderr is where lastResort writes.
var stderr io.Writer = os.Stderr

func lastResort(what string, fault error) {
	_, _ = io.WriteString(stderr, "backplane: "+what+": "+fault.Error()+"\n") // an error of this cannot be reported
}

// Logger returns a logger that calls l's handler. It survives a handler of the application, or a logged value,
// that panics or ends its goroutine. If l is nil, it discards everything.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	if l.Handler() == slog.DiscardHandler {
		return l
	}
	return slog.New(guarded{l.Handler()})
}

// guarded is a slog.Handler that calls another one with Isolate.
type guarded struct{ to slog.Handler }

func (g guarded) Enabled(ctx context.Context, level slog.Level) (is bool) {
	if fault := Isolate(func() { is = g.to.Enabled(ctx, level) }); fault != nil {
		lastResort("Logger", fault)
	}
	return is
}

func (g guarded) Handle(ctx context.Context, r slog.Record) (err error) {
	if fault := Isolate(func() { err = g.to.Handle(ctx, r) }); fault != nil {
		lastResort("Logger", fault)
	}
	return err
}

func (g guarded) WithAttrs(attrs []slog.Attr) slog.Handler {
	if err := Isolate(func() { g = guarded{g.to.WithAttrs(attrs)} }); err != nil {
		lastResort("Logger", err)
	}
	return g
}

func (g guarded) WithGroup(name string) slog.Handler {
	if err := Isolate(func() { g = guarded{g.to.WithGroup(name)} }); err != nil {
		lastResort("Logger", err)
	}
	return g
}
