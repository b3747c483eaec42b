package postgres_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

func TestEqualMessagesAllArrive(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a", "b")
		require.NoError(t, d.Publish(within(t), messages("a", "x", "x", "y", "x", "y", "y", "", "")...))
		expect(t, d, s, "a", "x", "x", "y", "x", "y", "y", "", "")

		// Equal payloads on different channels are distinct messages and need not be split.
		require.NoError(t, d.Publish(within(t), append(messages("a", "x"), messages("b", "x")...)...))
		for _, channel := range []string{"a", "b"} {
			m, err := s.Receive(within(t))
			require.NoError(t, err)
			require.Equal(t, transport.Message{Channel: channel, Payload: []byte("x")}, m)
		}
	})
}

func TestOrderIsKept(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "orders")
		large := strings.Repeat("large ", 1300)
		var want []string
		for _, size := range []int{1, 2, 300, 5000, 1, 300, 2} {
			batch := make([]string, size)
			for i := range batch {
				batch[i] = fmt.Sprint(len(want) + i)
				switch {
				case i%100 == 7: // equal to the previous message
					batch[i] = batch[i-1]
				case i%50 == 9:
					batch[i] += large
				}
			}
			require.NoError(t, d.Publish(within(t), messages("orders", batch...)...))
			want = append(want, batch...)
		}
		expect(t, d, s, "orders", want...)
	})
}

func TestLimitsAreInclusive(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		limits := d.Limits()
		require.Equal(t, transport.Limits{Payload: 7999, Channel: 63, Text: true, Distinct: true}, limits)
		channel := strings.Repeat("c", limits.Channel)
		s := listen(t, d, channel)
		largest := strings.Repeat("p", limits.Payload-len("é")) + "é"
		require.NoError(t, d.Publish(within(t), messages(channel, largest, "small")...))
		require.NoError(t, d.Publish(within(t), messages(channel, largest)...))
		expect(t, d, s, channel, largest, "small", largest)
	})
}

func TestHostileChannelNamesAreData(t *testing.T) {
	names := []string{
		`a"b`, `"`, `""`, `a'b`, `\`, `a\`, `a b`, "tab\tnewline\n", "🚀#/admin", `x"; DROP TABLE t; --`,
		`$1`, `{"a",b}`, `NULL`, `%s`, "*",
		"UPPER", "upper", strings.Repeat(`"`, 63),
	}
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, names...)
		for i, name := range names {
			// A single message and several use different statements.
			require.NoErrorf(t, d.Publish(within(t), messages(name, fmt.Sprint("single ", i))...), "channel %q", name)
			expect(t, d, s, name, fmt.Sprint("single ", i))
			require.NoError(t, d.Publish(within(t), messages(name, name, fmt.Sprint(i))...))
			expect(t, d, s, name, name, fmt.Sprint(i))
			require.NoError(t, s.Unlisten(within(t), name))
		}
	})
}

func TestInvalidChannelNamesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		for _, name := range []string{"", "a\x00b", "\xff", strings.Repeat("c", 64), strings.Repeat("🚀", 16)} {
			var e *postgres.NameError
			s := listen(t, d)
			require.ErrorAsf(t, s.Listen(within(t), name), &e,
				"Listen(%q): the name would be truncated, or nothing would be received", name)
			require.Equal(t, name, e.Name)
			require.Error(t, s.Listen(within(t), "another"), "an error of Listen must end the session")
			require.ErrorAs(t, listen(t, d).Unlisten(within(t), name), &e)
		}
	})
}

func TestOtherDatabaseEncodings(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		name := "latin1_" + k.name + "_" + strings.TrimPrefix(pathOf(t, database), "/")
		pgtest.Exec(t, database,
			"CREATE DATABASE "+name+" ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
		t.Cleanup(func() { pgtest.Exec(t, database, "DROP DATABASE "+name+" WITH (FORCE)") })
		latin1 := pgtest.With(t, database, func(u *url.URL) { u.Path = "/" + name })

		d := newDriver(t, k, latin1)
		s := listen(t, d, "salon privé")
		require.NoError(t, d.Publish(within(t), messages("salon privé", "à", "é")...))
		expect(t, d, s, "salon privé", "à", "é")
		var rejected *transport.RejectedError
		require.ErrorAs(t, d.Publish(within(t), messages("salon privé", "🚀")...), &rejected,
			"LATIN1 does not have this character")
		expect(t, d, s, "salon privé")
	})
}

func pathOf(tb testing.TB, database string) string {
	u, err := url.Parse(database)
	require.NoError(tb, err)
	return u.Path
}

func TestPayloadsAreNotRetained(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a")
		msgs := messages("a", "one", "two")
		require.NoError(t, d.Publish(within(t), msgs...))
		copy(msgs[0].Payload, "XXX")
		expect(t, d, s, "a", "one", "two")
	})
}

func TestPublishingNothingOpensNoConnection(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		require.NoError(t, d.Publish(within(t)))
		require.Zero(t, publisherPID(t, database))
	})
}
