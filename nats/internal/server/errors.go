package server

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The errors of package natsdriver, which documents them.
var (
	ErrDisconnected = errors.New("natsdriver: the connection to the server was lost; if that repeats, look into the " +
		"server's log, for slow consumers too")
	ErrLameDuck   = errors.New("natsdriver: the server is shutting down (lame duck mode)")
	ErrDenied     = errors.New("natsdriver: the permissions of the user do not allow this")
	ErrAuth       = errors.New("natsdriver: the server does not accept the credentials")
	ErrTooLarge   = errors.New("natsdriver: the payload is too large")
	ErrMaxPayload = errors.New("natsdriver: the server's max_payload is smaller than Config.MaxPayload")
	ErrTLS        = errors.New("natsdriver: the options ask for TLS, which the server does not offer")
	ErrOptions    = errors.New("natsdriver: the options cannot be used")
	ErrWitness    = errors.New("natsdriver: a server of the NATS cluster cannot be reached, so nobody knows whether " +
		"messages pass between it and this server; name the servers in the URL and set nats.IgnoreDiscoveredServers " +
		"if the addresses that they advertise are of another network")
	ErrApart = errors.New("natsdriver: messages do not pass between two servers of the NATS cluster")
)

// PermissionError says what the user may not do. It is ErrDenied.
type PermissionError struct {
	// Permission is "publish" or "subscribe".
	Permission string
	// Subject is the NATS subject that the user would need.
	Subject string
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("natsdriver: the user may not %s: the permission %q does not allow the subject %q",
		e.Permission, e.Permission, e.Subject)
}

// Is reports whether target is ErrDenied.
func (e *PermissionError) Is(target error) bool { return target == ErrDenied }

// ServerError is what the server says in an -ERR.
type ServerError struct {
	Text string
}

func (e *ServerError) Error() string { return "nats: " + e.Text }

var violation = regexp.MustCompile(`(?i)^permissions violation for (publish|subscription) to "([^"]*)"`)

// refused says what the text of an -ERR means.
func refused(text string) error {
	text = strings.Trim(strings.TrimSpace(text), "'")
	if m := violation.FindStringSubmatch(text); m != nil {
		permission := "publish"
		if strings.EqualFold(m[1], "subscription") {
			permission = "subscribe"
		}
		return &PermissionError{Permission: permission, Subject: m[2]}
	}
	err := error(&ServerError{Text: text})
	lower := strings.ToLower(text)
	switch {
	case strings.Contains(lower, "authoriz"), strings.Contains(lower, "authentication"):
		return fmt.Errorf("%w: %w", ErrAuth, err)
	case strings.HasPrefix(lower, "maximum payload"):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}

// disconnected is the error of a connection that does not work any more.
func disconnected(err error) error { return fmt.Errorf("%w: %w", ErrDisconnected, err) }
