package backplane_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// option is a row of an options table.
type option struct{ field, text, node string }

// options returns the rows of the n-th table of the page, from 1.
func options(t *testing.T, n int) []option {
	t.Helper()
	page, err := os.ReadFile("docs/reference/options.md")
	require.NoError(t, err)
	var all []option
	for _, row := range table(t, string(page), "Field", n) {
		all = append(all, option{unquoted(row[0]), unquoted(row[2]), unquoted(row[3])})
	}
	return all
}

// fields are the names of a struct's fields, without embedded ones.
func fields(of any) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
		if len(f.Index) == 1 && !f.Anonymous {
			names = append(names, f.Name)
		}
	}
	return names
}

// fieldsIn are those of a struct in another module, which this one cannot import.
func fieldsIn(t *testing.T, dir, name string) (names []string) {
	t.Helper()
	for _, typ := range documentation(t, dir).Types {
		if typ.Name != name {
			continue
		}
		for _, f := range typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
			for _, n := range f.Names {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

func TestOptionsTablesHaveEveryField(t *testing.T) {
	for i, want := range [][]string{
		fields(backplane.Config{}), fields(postgres.Config{}), fields(pgxdriver.Config{}),
		fieldsIn(t, "redis/redisdriver", "Config"), fieldsIn(t, "redis/streamsdriver", "Config"),
		fieldsIn(t, "nats/natsdriver", "Config"), fieldsIn(t, "nats/natsstore", "Config"), fields(emitter.Config{}),
		fields(bridge.Config{}),
		fields(socketio.Config{}), fields(socketio.Recovery{}), fields(socketio.RecoveryMemory{}),
		fields(legacy.Dialect{}), fields(redisclassic.Dialect{}), fields(redissharded.Dialect{}),
		fields(redisstreams.Dialect{}),
	} {
		var names []string
		for _, o := range options(t, i+1) {
			names = append(names, o.field)
		}
		require.Equal(t, want, names, "table %d of the page lists the fields in their order", i+1)
	}
}

func TestOptionsTableHasTheDefaults(t *testing.T) {
	cluster, err := core.New(core.Config{Bus: memory.NewHub()})
	require.NoError(t, err)
	defaults := reflect.ValueOf(cluster).Elem().FieldByName("config")
	checked := 0
	for _, o := range options(t, 1) {
		value := defaults.FieldByName(o.field)
		switch {
		case value.Type() == reflect.TypeFor[time.Duration]():
			require.Equal(t, time.Duration(value.Int()), duration(t, o.text, defaults), o.field)
		case value.Kind() == reflect.Int && value.Int() != 0:
			require.Equal(t, value.Int(), size(t, o.text), o.field)
		case value.Kind() == reflect.String && value.String() != "":
			require.Equal(t, value.String(), o.text, o.field)
		case o.field == "Dialect":
			require.Equal(t, value.Elem().Type().String(), o.text, o.field)
		default:
			continue
		}
		checked++
	}
	require.Equal(t, 19, checked, "defaults that could be compared: has a field got one, or lost it?")
	require.Equal(t, postgres.DefaultTable, options(t, 2)[0].text)
}

func duration(t *testing.T, text string, defaults reflect.Value) time.Duration {
	t.Helper()
	if other, twice := strings.CutPrefix(text, "twice `"); twice {
		return 2 * time.Duration(defaults.FieldByName(other).Int())
	}
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return d
}

func size(t *testing.T, text string) int64 {
	t.Helper()
	digits, mebi := strings.CutSuffix(text, " MiB")
	n, err := strconv.ParseInt(digits, 10, 64)
	require.NoError(t, err)
	if mebi {
		n <<= 20
	}
	return n
}

// The comments of the fields name the counterparts in Node.js's adapter too.
func TestOptionsTableNamesTheCounterpartsOfNode(t *testing.T) {
	counterpart := regexp.MustCompile(`\(Node\.js:\s+(\w+)\)`)
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	require.NoError(t, err)
	named := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.Field); ok && f.Doc != nil && len(f.Names) > 0 {
			if m := counterpart.FindStringSubmatch(f.Doc.Text()); m != nil {
				named[f.Names[0].Name] = m[1]
			}
		}
		return true
	})
	require.NotEmpty(t, named)
	for _, o := range options(t, 1) {
		if counterpart := named[o.field]; counterpart != "" {
			require.Contains(t, o.node, counterpart, o.field)
		}
	}
}
