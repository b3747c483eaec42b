package socketio

import (
	"net/http"

	"github.com/backplane-go/backplane/internal/guard"
)

// isolateHooks wraps the functions of the configuration so that any goroutine can call them. If such a function panics,
// the panic is reported and the wrapper returns a safe result, such as a refusal.
func (e *environment) isolateHooks() {
	c := &e.config
	if f := c.Admit; f != nil {
		c.Admit = func(r *http.Request) error {
			err := errInternal
			e.isolate("", "", "Admit", func() { err = guard.Error(f(r)) })
			return err
		}
	}
	if f := c.ClientAddress; f != nil {
		c.ClientAddress = func(r *http.Request) string {
			address := r.RemoteAddr
			e.isolate("", "", "ClientAddress", func() { address = f(r) })
			return address
		}
	}
	if f := c.Audit; f != nil {
		c.Audit = func(event AuditEvent) {
			e.isolate(event.Namespace, event.SID, "audit", func() { f(event) })
		}
	}
}
