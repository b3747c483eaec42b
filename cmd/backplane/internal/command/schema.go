package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/postgres"
)

// Schema prints SQL.
var Schema = cli.Command{
	Name:    "schema",
	Summary: "print the SQL of the table and the functions",
	Args:    "[up|down]", MaxArgs: 1, Values: []string{"up", "down"},
	Help: `
Prints the SQL that creates the table for large messages (up, the default), or
drops it (down), for psql or a migration of yours. It connects to nothing. With
--role it grants that role what a node needs, and nothing more.

With --functions it is the SQL of the functions instead, with which triggers
and psql sessions emit: backplane_emit and others. --role may then call them,
and nothing more; the table has to exist before. All but down may be run any
number of times.`,
	Examples: `
backplane schema --role app | psql -1 "$DATABASE_URL"
backplane schema --functions --role billing | psql -1 "$DATABASE_URL"
backplane schema --table realtime.attachments > 7_realtime.up.sql
backplane schema down --table realtime.attachments > 7_realtime.down.sql`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := schema{fs: fs}
		fs.StringVar(&s.table, "table", postgres.DefaultTable, "`TABLE` for large payloads, name or schema.name")
		fs.StringVar(&s.role, "role", "", "grant `ROLE` what it needs")
		fs.BoolVar(&s.functions, "functions", false, "the functions, not the table")
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
		return &cli.UsageError{Reason: fmt.Sprintf("it is up or down, not %q", args[0])}
	case down && role:
		return &cli.UsageError{Reason: "--role is for up: what goes down takes its privileges along"}
	case s.fs.Changed("prefix") && (!s.functions || down):
		return &cli.UsageError{Reason: "--prefix is for the functions that go up: add --functions"}
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

// parts return the pieces of SQL.
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

// terminated is SQL that ends with a semicolon and a newline.
func terminated(sql string) string {
	sql = strings.TrimRight(sql, " \n")
	if !strings.HasSuffix(sql, ";") {
		sql += ";"
	}
	return sql + "\n"
}
