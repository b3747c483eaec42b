package socketio

import (
	"fmt"
	"log/slog"
)

// Quota names a limit that was reached. Clients, logs and Stats get it as it is.
type Quota string

// The quotas, each with the field of Config that sets its limit.
const (
	QuotaNamespaces        Quota = "too many namespaces"         // MaxNamespaces
	QuotaDynamicNamespaces Quota = "too many dynamic namespaces" // MaxDynamicNamespaces
)

// QuotaError is returned when something was refused because a limit was reached.
type QuotaError struct {
	Quota Quota
	Limit int
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("socketio: %s: the limit is %d", e.Quota, e.Limit)
}

// limit returns the limit of a quota, negative: there is none.
func (c *Config) limit(q Quota) int {
	switch q {
	case QuotaNamespaces:
		return c.MaxNamespaces
	case QuotaDynamicNamespaces:
		return c.MaxDynamicNamespaces
	}
	return -1
}

// over reports whether have is as much as the quota allows, so that one more is too many.
func (c *Config) over(q Quota, have int) bool {
	limit := c.limit(q)
	return limit >= 0 && have >= limit
}

// reached notes that a quota was reached, and returns the error for whoever caused it.
func (s *Server) reached(q Quota) *QuotaError {
	err := &QuotaError{Quota: q, Limit: s.config.limit(q)}
	s.config.Logger.Debug("socketio: quota reached", slog.String("quota", string(q)), slog.Int("limit", err.Limit))
	return err
}
