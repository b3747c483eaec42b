package socketio

import (
	"errors"
	"log/slog"

	"github.com/backplane-go/backplane/internal/journal"
)

// logError logs an error that cannot be returned to a caller.
func (e *environment) logError(err error) {
	j := e.journal
	if j.Off() {
		return
	}
	var failed *HandlerError
	if !errors.As(err, &failed) {
		j.Log(&journal.ServerError, journal.Error(err))
		return
	}
	var argument *ArgumentError
	var panicked *PanicError
	event := &journal.HandlerFailed
	switch {
	case errors.As(failed.Err, &panicked), errors.Is(failed.Err, ErrExited):
		event = &journal.HandlerPanic
	case errors.As(failed.Err, &argument):
		event = &journal.ArgumentMismatch
	}
	j.Log(event, journal.Text(failed.Namespace), slog.StringValue(failed.Socket), journal.Text(failed.Event),
		slog.AnyValue(err)) // bounds itself, and has the stack of a panic
}

// clientEvent returns the event that is logged for an AuditEvent about a client, nil if that is logged elsewhere.
func clientEvent(event *AuditEvent) *journal.Event {
	switch event.Kind {
	case AuditConnect:
		return &journal.ClientConnected
	case AuditRefuse:
		return &journal.ClientRefused
	case AuditReauthenticate:
		return &journal.ClientExpelled
	case AuditDisconnect:
		if event.Namespace == "" {
			return &journal.ConnectionEnded
		}
		return &journal.ClientDisconnected
	}
	return nil
}

// logClient logs an event about a client.
func (e *environment) logClient(to *journal.Event, event *AuditEvent) {
	values := []slog.Value{journal.Text(event.Address)}
	switch to {
	case &journal.ConnectionEnded:
		values = append(values, journal.Text(event.Reason), journal.Error(event.Err))
	case &journal.ClientExpelled:
		values = append(values, journal.Error(event.Err))
	default:
		values = append(values, journal.Text(event.Namespace), slog.StringValue(event.SID))
		if to != &journal.ClientConnected {
			values = append(values, journal.Text(event.Reason))
		}
		if to == &journal.ClientRefused {
			values = append(values, journal.Error(event.Err))
		}
	}
	e.journal.Log(to, values...)
}

// logQuota logs that a client has reached a quota. Each quota is limited in rate apart.
func (e *environment) logQuota(err *QuotaError) {
	if !e.journal.Off() {
		e.journal.LogKind(&journal.QuotaReached, string(err.Quota), slog.StringValue(string(err.Quota)),
			slog.IntValue(err.Limit))
	}
}
