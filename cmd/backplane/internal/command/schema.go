package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/postgres"
)

// Schema is the schema command. It prints SQL.
var Schema = cli.Command{
	Name:    "schema",
	Summary: "print the SQL of the tables and the functions",
	Args:    "[up|down]", MaxArgs: 1, Values: []string{"up", "down"},
	Help: `
Prints SQL for psql or for your migrations. It does not connect to a database.
"up", which is the default, creates the table for large messages. "down" drops
it. --role grants a role the privileges that a node needs, and no others.

With --log it prints the SQL of the log too: its tables and functions, the
outbox of transactions, and the table with the sessions of clients.

With --functions it prints the SQL of functions with which triggers and psql
sessions emit events: backplane_emit and others. The table must exist. --role
then grants the privilege to call them, and no others. The SQL can be run
repeatedly. With --log, the log keeps what the functions emit.`,
	Examples: `
backplane schema --role app | psql -1 "$DATABASE_URL"
backplane schema --log --role app | psql -1 "$DATABASE_URL"
backplane schema --functions --log --role billing | psql -1 "$DATABASE_URL"
backplane schema --table realtime.attachments > 7_realtime.up.sql
backplane schema down --table realtime.attachments > 7_realtime.down.sql`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := schema{fs: fs}
		fs.StringVar(&s.table, "table", postgres.DefaultTable, "`TABLE` for large payloads: name or schema.name")
		fs.StringVar(&s.role, "role", "", "grant `ROLE` the necessary privileges")
		fs.BoolVar(&s.log, "log", false, "print the SQL of the log too")
		fs.StringVar(&s.logTable, "log-table", "",
			"`TABLE` of the log: name or schema.name (default "+postgres.DefaultLogTable+", in the schema of --table)")
		fs.DurationVar(&s.logAge, "log-age", 2*time.Minute, "how long the nodes keep messages, if that is not the "+
			"default: the functions store large ones for twice this `TIME`")
		fs.BoolVar(&s.functions, "functions", false, "print the SQL of the functions, not of the tables")
		fs.StringVar(&s.prefix, "prefix", "socket.io", "`PREFIX` of the channels that the functions emit to")
		return s.run
	},
}

type schema struct {
	fs        *pflag.FlagSet
	table     string
	role      string
	log       bool
	logTable  string
	logAge    time.Duration
	functions bool
	prefix    string
}

func (s *schema) run(_ context.Context, t *cli.Terminal, args []string) error {
	down := len(args) == 1 && args[0] == "down"
	role := s.fs.Changed("role")
	switch {
	case len(args) == 1 && !down && args[0] != "up":
		return &cli.UsageError{Reason: fmt.Sprintf("the argument must be up or down, not %q", args[0])}
	case down && role:
		return &cli.UsageError{Reason: "--role is for up: down drops the privileges too"}
	case s.fs.Changed("log-table") && !s.log:
		return &cli.UsageError{Reason: "--log-table requires --log"}
	case s.fs.Changed("log-age") && (!s.log || !s.functions || down):
		return &cli.UsageError{Reason: "--log-age requires --log and --functions, and is not for down"}
	case s.logAge <= 0:
		return &cli.UsageError{Reason: "--log-age must be more than 0"}
	case s.fs.Changed("prefix") && (!s.functions || down):
		return &cli.UsageError{Reason: "--prefix requires --functions, and is not for down"}
	}
	var parts []string
	for _, part := range s.parts(down, role) {
		sql, err := part()
		if err != nil {
			return &cli.UsageError{Reason: strings.TrimPrefix(err.Error(), "postgres: ")}
		}
		parts = append(parts, terminated(sql))
	}
	_, err := fmt.Fprint(t.Out, strings.Join(parts, "\n"))
	return err
}

// part returns a piece of the SQL.
type part func() (string, error)

// of returns the part that a function returns for a table.
func of(f func(table string) (string, error), table string) part {
	return func() (string, error) { return f(table) }
}

// to returns the part that a function returns for a table and the role.
func (s *schema) to(f func(table, role string) (string, error), table string) part {
	return func() (string, error) { return f(table, s.role) }
}

// parts returns the pieces of the SQL.
func (s *schema) parts(down, role bool) (parts []part) {
	log, sessions := connect.QualifiedLog(s.logTable, s.table), connect.QualifiedSessions(s.table)
	add := func(all ...part) { parts = append(parts, all...) }
	switch {
	case s.functions && down:
		add(of(postgres.DropFunctions, s.table))
	case s.functions && s.log:
		outbox := postgres.FunctionsLog{Table: s.logTable, MaxAge: s.logAge}
		add(func() (string, error) { return postgres.FunctionsWithLog(s.table, s.prefix, outbox) })
		if role {
			add(func() (string, error) { return postgres.FunctionGrantsWithLog(s.table, s.role, outbox) })
		}
	case s.functions:
		add(func() (string, error) { return postgres.Functions(s.table, s.prefix) })
		if role {
			add(s.to(postgres.FunctionGrants, s.table))
		}
	case down:
		if s.log {
			add(of(postgres.DropLog, log), of(dropTable, sessions))
		}
		add(of(dropTable, s.table))
	default:
		add(of(postgres.Schema, s.table))
		if s.log {
			add(of(postgres.LogSchema, log), of(postgres.SessionsSchema, sessions))
		}
		if role {
			add(s.to(postgres.Grants, s.table))
		}
		if role && s.log {
			add(s.to(postgres.LogGrants, log), s.to(postgres.SessionsGrants, sessions))
		}
	}
	return parts
}

func dropTable(table string) (string, error) {
	name, err := postgres.QuoteTable(table)
	return "DROP TABLE IF EXISTS " + name, err
}

// terminated returns SQL with a semicolon and a newline at its end.
func terminated(sql string) string {
	sql = strings.TrimRight(sql, " \n")
	if !strings.HasSuffix(sql, ";") {
		sql += ";"
	}
	return sql + "\n"
}
