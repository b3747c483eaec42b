package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/postgres"
)

// Explain implements Server.
func (s *Postgres) Explain(err error) error {
	var setup *postgres.SetupError
	var op *emitter.OpError
	var usage *cli.UsageError
	switch {
	case err == nil, errors.As(err, &usage):
		return err
	case errors.Is(err, pq.ErrSSLNotSupported):
		return fmt.Errorf("%s: the server does not support TLS: enable it there, or add sslmode=disable to the URL",
			s.where)
	case errors.As(err, &setup) && errors.Is(err, postgres.ErrUnreachable):
		return fmt.Errorf("%s: %w", s.where, s.refusal(setup.Err))
	case errors.As(err, &setup) && setup.Op == "inspect" && setup.Table == s.table &&
		errors.Is(err, postgres.ErrNoTable):
		return fmt.Errorf("%s: %s", s.where, s.noTable())
	case errors.As(err, &setup) && setup.Table != s.table && setup.Hint != "":
		return fmt.Errorf("%s: %q: %w: %s", s.where, setup.Table, setup.Err, s.LogAdvice(setup))
	case errors.As(err, &setup):
		return setup // it has advice already
	case errors.Is(err, backplane.ErrNoLoopback):
		return fmt.Errorf(`%s: a notification that was sent did not come back: `+
			`there may be a pooler in between, or the server may be a replica; run "backplane doctor" to find out`,
			s.where)
	case errors.As(err, &op) && (sqlState(err) != "" || unreachable(err)):
		return fmt.Errorf("%s: %w", s.where, s.refusal(op.Err))
	}
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "backplane: "))
}

// ExplainSQL adds advice to an error of DB, if there is advice for it.
func (s *Postgres) ExplainSQL(err error) error {
	if err == nil || !unreachable(err) && sqlState(err) == "" {
		return err
	}
	return s.refusal(err)
}

// ExplainLog adds advice, and which database it is, to an error of reading the log, if the server has sent it or cannot
// be reached.
func (s *Postgres) ExplainLog(err error) error {
	if explained := s.ExplainSQL(err); explained != err {
		return fmt.Errorf("%s: %w", s.where, explained)
	}
	return err
}

// sqlState returns the SQLSTATE of an error that the server has sent, or "".
func sqlState(err error) string {
	state, _ := serverError(err)
	return state
}

// serverError returns the SQLSTATE and the message of an error that the server has sent.
func serverError(err error) (state, message string) {
	var byPgx *pgconn.PgError
	var byPq *pq.Error
	switch {
	case errors.As(err, &byPgx):
		return byPgx.Code, byPgx.Message
	case errors.As(err, &byPq):
		return string(byPq.Code), byPq.Message
	}
	return "", ""
}

// unreachable reports whether err is an error of the network or a timeout.
func unreachable(err error) bool {
	var network *net.OpError
	var connecting *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connecting) || errors.Is(err, context.DeadlineExceeded)
}

// refusal returns an error with a single reason and advice. The errors of drivers list each address that they have
// tried.
func (s *Postgres) refusal(err error) error {
	if state, message := serverError(err); state != "" {
		return fmt.Errorf("%s (SQLSTATE %s)%s", message, state, s.advice(state, message))
	}
	var network *net.OpError
	switch {
	case errors.As(err, &network):
		return fmt.Errorf("%w: check that the server runs and that the address in the URL is right", network)
	case errors.Is(err, context.DeadlineExceeded) && s.timeout > 0:
		return fmt.Errorf("no answer within %v: check that a PostgreSQL server is at that address, "+
			"or increase --timeout", s.timeout)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer: check that a PostgreSQL server is at that address")
	}
	return err
}

// noTable returns the error for a table that does not exist, with advice.
func (s *Postgres) noTable() string {
	return fmt.Sprintf("the table %q does not exist: %s", s.table, tableAdvice(s.table))
}

// LogAdvice returns the advice for an error about the tables of the log or of sessions. Their SQL is long.
func (s *Postgres) LogAdvice(e *postgres.SetupError) string {
	command := s.logSchema()
	switch {
	case errors.Is(e.Err, postgres.ErrNoTable):
		return fmt.Sprintf(`create it with "%s | psql -1 URL"`, command)
	case errors.Is(e.Err, postgres.ErrPrivilege) && e.Op == "create":
		return fmt.Sprintf(`let a role that may create tables run "%s --role ROLE | psql -1 URL"`, command)
	case errors.Is(e.Err, postgres.ErrPrivilege):
		return fmt.Sprintf(`grant the privileges with "%s --role ROLE | psql -1 URL"`, command)
	}
	return e.Hint
}

// logSchema is the command that prints the SQL of the log, and of the tables for large payloads and sessions.
func (s *Postgres) logSchema() string {
	return fmt.Sprintf("backplane schema --log --table %s --log-table %s", s.table, s.logTable)
}

func tableAdvice(table string) string {
	return fmt.Sprintf(`set --table to the cluster's table, or create it with `+
		`"backplane schema --table %s | psql URL"`, table)
}

// advice says what the user can do about an error of the server. Appendix A of PostgreSQL's manual lists the codes.
func (s *Postgres) advice(state, message string) string {
	log := s.logTable[strings.IndexByte(s.logTable, '.')+1:]
	switch {
	case state == "42501" && log != "" && strings.Contains(message, log):
		return fmt.Sprintf(`: grant the privileges with "%s --role ROLE | psql -1 URL"`, s.logSchema())
	case state == "42P01", state == "3F000":
		return ": " + tableAdvice(s.table)
	case state == "42501":
		return fmt.Sprintf(`: grant the privileges with "backplane schema --table %s --role ROLE | psql URL"`, s.table)
	case state == "42703", state == "42804":
		return fmt.Sprintf(": %s is not the table of a cluster: set --table to the cluster's table", s.table)
	case state == "25006":
		return ": connect to the primary server, with transactions that are not read-only"
	case strings.HasPrefix(state, "28"), strings.HasPrefix(state, "3D"), strings.HasPrefix(state, "08"):
		return ": check the user, password and database in the URL"
	case state == "53100":
		return ": free some space on the disk of the server"
	case state == "55P03":
		return ": somebody else has locked a table: SELECT * FROM pg_locks shows who"
	case state == "53300":
		return ": wait, or increase max_connections"
	case strings.HasPrefix(state, "57P"):
		return ": try again when the server is running"
	}
	return ""
}
