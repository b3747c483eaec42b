package connect

import (
	"context"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// This file has what only some engines can do. A Server or its bus has further methods for that.

// logServer is a Server that may have a log.
type logServer interface {
	// RequireLog returns an error if there is no log, or one that this program cannot read.
	RequireLog(ctx context.Context) error
	// ExplainLog adds advice to an error of reading the log.
	ExplainLog(err error) error
	// hasLog reports whether a log is installed and can be used.
	hasLog(ctx context.Context) bool
}

// RequireLog returns an error if the server has no log, or one that this program cannot read.
func RequireLog(ctx context.Context, server Server) error {
	if has, ok := server.(logServer); ok {
		return has.RequireLog(ctx)
	}
	return noLog(server)
}

// LogOf returns the log of a server, whose bus is given.
func LogOf(server Server, bus transport.Bus) (transport.Log, error) {
	if log, ok := bus.(transport.Log); ok {
		return log, nil
	}
	return nil, noLog(server)
}

// InspectorOf returns what describes the log of a server, whose bus is given.
func InspectorOf(server Server, bus transport.Bus) (transport.LogInspector, error) {
	if log, ok := bus.(transport.LogInspector); ok {
		return log, nil
	}
	return nil, noLog(server)
}

func noLog(server Server) error {
	var flags []string
	for _, e := range engines {
		if has := e.facts(); has.log {
			flags = append(flags, "--"+has.flag+" URL")
		}
	}
	return &cli.UsageError{Reason: "the commands have no log on " + server.Engine() + ": a log needs " +
		orList(flags)}
}

// ExplainLog adds advice to an error of reading the log of a server.
func ExplainLog(server Server, err error) error {
	if has, ok := server.(logServer); ok {
		return has.ExplainLog(err)
	}
	return err
}

// JoinLog returns the configuration of the log for a command that joins a namespace, so that the nodes there do not
// report it as a node without a log. It is nil if the log has no message of the namespace, or cannot be used.
func (f *Flags) JoinLog(ctx context.Context, server Server, nsp string) *backplane.LogConfig {
	has, ok := server.(logServer)
	if !ok || f.Counts() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	if !has.hasLog(ctx) {
		return nil
	}
	bus := server.Driver()
	defer CloseDriver(ctx, bus)
	channels, err := f.Channels(nsp)
	log, ok := bus.(transport.Log)
	if err != nil || !ok {
		return nil
	}
	if bounds, err := log.Bounds(ctx, channels[0]); err != nil || bounds.Newest.IsZero() {
		return nil
	}
	return NeverTrims()
}

// StoreOf returns the store for large messages that a bus is, or nil.
func StoreOf(bus transport.Bus) storage.Sizer {
	store, _ := bus.(storage.Sizer)
	return store
}
