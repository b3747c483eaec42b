package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/postgres"
)

// Schema is the schema command. It prints SQL.
var Schema = cli.Command{
	Name:    "schema",
	Summary: "print the SQL of the table and the functions",
	Args:    "[up|down]", MaxArgs: 1, Values: []string{"up", "down"},
	Help: `
Prints SQL for psql or for your migrations. It does not connect to a database.
"up", which is the default, creates the table for large messages. "down" drops
it. --role grants a role the privileges that a node needs, and no others.

With --functions it prints the SQL of functions with which triggers and psql
sessions emit events: backplane_emit and others. The table must exist. --role
then grants the privilege to call them, and no others. The SQL can be run
repeatedly.`,
	Examples: `
backplane schema --role app | psql -1 "$DATABASE_URL"
backplane schema --functions --role billing | psql -1 "$DATABASE_URL"
backplane schema --table realtime.attachments > 7_realtime.up.sql
backplane schema down --table realtime.attachments > 7_realtime.down.sql`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := schema{fs: fs}
		fs.StringVar(&s.table, "table", postgres.DefaultTable, "`TABLE` for large payloads: name or schema.name")
		fs.StringVar(&s.role, "role", "", "grant `ROLE` the necessary privileges")
		fs.BoolVar(&s.functions, "functions", false, "print the SQL of the functions, not of the table")
		fs.StringVar(&s.prefix, "prefix", "socket.io", "`PREFIX` of the channels that the functions emit to")
		return s.run
	},
}

type schema struct {
	fs        *pflag.FlagSet
	table     string
	role      string
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

// parts returns functions that return the pieces of the SQL.
func (s *schema) parts(down, role bool) []func() (string, error) {
	what := func(f func(table string) (string, error)) func() (string, error) {
		return func() (string, error) { return f(s.table) }
	}
	granted := func(f func(table, role string) (string, error)) func() (string, error) {
		return func() (string, error) { return f(s.table, s.role) }
	}
	var parts []func() (string, error)
	switch {
	case s.functions && down:
		return append(parts, what(postgres.DropFunctions))
	case down:
		return append(parts, what(dropTable))
	case s.functions:
		parts = append(parts, func() (string, error) { return postgres.Functions(s.table, s.prefix) })
		if role {
			parts = append(parts, granted(postgres.FunctionGrants))
		}
		return parts
	}
	parts = append(parts, what(postgres.Schema))
	if role {
		parts = append(parts, granted(postgres.Grants))
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
