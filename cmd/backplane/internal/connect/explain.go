package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres"
)

// Explain adds to an error of a node what to do about it, where that is known.
func (b *Backend) Explain(err error) error {
	var setup *postgres.SetupError
	switch {
	case errors.Is(err, pq.ErrSSLNotSupported):
		return fmt.Errorf("%s: the server speaks no TLS: turn it on there, or add sslmode=disable to the URL", b.where)
	case errors.As(err, &setup) && errors.Is(err, postgres.ErrUnreachable):
		return fmt.Errorf("%s: %w", b.where, refusal(setup.Err))
	case errors.As(err, &setup):
		return setup // says itself what to do
	}
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "backplane: "))
}

// refusal is why no connection came about: one reason, where the driver lists all its attempts.
func refusal(err error) error {
	var server *pgconn.PgError
	var pqServer *pq.Error
	var network *net.OpError
	switch {
	case errors.As(err, &server):
		return fmt.Errorf("%s (SQLSTATE %s): check the user, password and database in the URL", server.Message, server.Code)
	case errors.As(err, &pqServer):
		return fmt.Errorf("%s (SQLSTATE %s): check the user, password and database in the URL", pqServer.Message, pqServer.Code)
	case errors.As(err, &network):
		return fmt.Errorf("%w: check that the server runs and that the address in the URL is right", network)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer: check that a PostgreSQL server is at that address")
	}
	return err
}
