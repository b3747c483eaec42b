package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/transport"
)

// refused are messages that the server refuses.
var refused = map[string]transport.Message{
	"LargePayload":   {Channel: "a", Payload: []byte(strings.Repeat("p", 8000))},
	"LongChannel":    {Channel: strings.Repeat("c", 64), Payload: []byte("p")},
	"EmptyChannel":   {Channel: "", Payload: []byte("p")},
	"NULInPayload":   {Channel: "a", Payload: []byte("p\x00q")},
	"NULInChannel":   {Channel: "a\x00b", Payload: []byte("p")},
	"InvalidPayload": {Channel: "a", Payload: []byte{0xff, 0xfe}},
	"InvalidChannel": {Channel: "\xff", Payload: []byte("p")},
	"HalfACharacter": {Channel: "a", Payload: []byte("é")[:1]},
}

// around are the batches into which a refused message is put, and its position: alone, in one statement with
// others, and between statements, because equal messages need a statement each.
var around = []struct {
	name          string
	before, after []string
}{
	{"Alone", nil, nil},
	{"First", nil, []string{"1", "2"}},
	{"Last", []string{"1", "2"}, nil},
	{"AmongOthers", []string{"1", "2", "3"}, []string{"4", "5"}},
	{"AmongEqualOnes", []string{"=", "=", "="}, []string{"=", "=", "="}},
	{"AmongThousands", thousands("b"), thousands("c")},
}

func thousands(prefix string) []string {
	payloads := make([]string, 3000)
	for i := range payloads {
		payloads[i] = fmt.Sprint(prefix, i/2)
	}
	return payloads
}

func TestRejectedMessagesAreCountedExactly(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newDriver(t, k, database)
		s := listen(t, d, "a")
		require.NoError(t, d.Publish(within(t), messages("a", "first")...))
		expect(t, d, s, "a", "first")
		pid := publisherPID(t, database)
		for name, bad := range refused {
			for _, batch := range around {
				if len(batch.before) > 100 && name != "LargePayload" {
					continue
				}
				t.Run(name+"/"+batch.name, func(t *testing.T) {
					msgs := append(messages("a", batch.before...), bad)
					msgs = append(msgs, messages("a", batch.after...)...)
					err := d.Publish(within(t), msgs...)
					var rejected *transport.RejectedError
					require.ErrorAs(t, err, &rejected, "the server refused the message, so it is known what was sent")
					require.LessOrEqual(t, rejected.Accepted, len(batch.before),
						"the refused message must not count as sent")
					expect(t, d, s, "a", batch.before[:rejected.Accepted]...)
					// The cluster continues with the messages that were not accepted, without the refused one.
					rest := messages("a", batch.before[rejected.Accepted:]...)
					require.NoError(t, d.Publish(within(t), append(rest, messages("a", batch.after...)...)...))
					expect(t, d, s, "a", slices.Concat(batch.before[rejected.Accepted:], batch.after)...)
				})
			}
		}
		require.Equal(t, pid, publisherPID(t, database), "a refused message must not end the connection")
	})
}
