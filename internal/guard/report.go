package guard

import (
	"context"
	"io"
	"log/slog"
	"os"
)

// Reporter reports errors that no caller is there to receive. A panic of its Handler or its Logger does no harm.
type Reporter struct {
	Message string       // what is logged
	Logger  *slog.Logger // one that Logger has returned
	Handler func(error)  // may be nil
}

// Report logs an error and hands it to the Handler.
func (r *Reporter) Report(err error) {
	r.Logger.Warn(r.Message, slog.Any("error", err))
	r.Handle(err)
}

// Handle hands an error to the Handler. What goes wrong there is written to the standard error: it is the last resort.
func (r *Reporter) Handle(err error) {
	if r.Handler == nil {
		return
	}
	if fault := Apart(func() { r.Handler(err) }); fault != nil {
		lastResort("ErrorHandler", fault)
	}
}

// stderr is where the last resort writes.
var stderr io.Writer = os.Stderr

func lastResort(what string, fault error) {
	_, _ = io.WriteString(stderr, "backplane: "+what+": "+fault.Error()+"\n") // there is nobody left to tell
}

// Logger returns a logger that writes where l does; if l is nil, it discards everything. A handler of the application's, or a value that is
// logged, may panic or end its goroutine.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	if l.Handler() == slog.DiscardHandler {
		return l
	}
	return slog.New(guarded{l.Handler()})
}

// guarded is a slog.Handler that calls another one with Apart.
type guarded struct{ to slog.Handler }

func (g guarded) Enabled(ctx context.Context, level slog.Level) (is bool) {
	if fault := Apart(func() { is = g.to.Enabled(ctx, level) }); fault != nil {
		lastResort("Logger", fault)
	}
	return is
}

func (g guarded) Handle(ctx context.Context, r slog.Record) (err error) {
	if fault := Apart(func() { err = g.to.Handle(ctx, r) }); fault != nil {
		lastResort("Logger", fault)
	}
	return err
}

func (g guarded) WithAttrs(attrs []slog.Attr) slog.Handler {
	if err := Apart(func() { g = guarded{g.to.WithAttrs(attrs)} }); err != nil {
		lastResort("Logger", err)
	}
	return g
}

func (g guarded) WithGroup(name string) slog.Handler {
	if err := Apart(func() { g = guarded{g.to.WithGroup(name)} }); err != nil {
		lastResort("Logger", err)
	}
	return g
}
