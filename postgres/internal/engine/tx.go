package engine

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// notifyText is NotifyMany with both arrays written as text, which travels the same way in every driver.
const notifyText = "SELECT count(pg_notify(c, p)) FROM unnest($1::text::text[], $2::text::text[]) AS m(c, p)"

// Tx is the sending half of a bus and of a store, in a transaction of the caller's. It takes no connection, opens none
// and changes no setting of the transaction. What can be known to fail is refused before it reaches the server, where it
// would abort the transaction.
type Tx struct {
	db    DB
	store *Store
}

// NewTx returns what sends in a transaction.
func NewTx(db DB, config postgres.Config) *Tx {
	config.DurableAttachments = true // synchronous_commit is the caller's
	return &Tx{db: db, store: NewStore(db, config)}
}

// InTx is NewTx with the table of s.
func (s *Store) InTx(db DB) *Tx { return NewTx(db, postgres.Config{Table: s.table}) }

// Limits returns what NOTIFY accepts.
func (t *Tx) Limits() transport.Limits { return limits }

// Publish notifies of msgs when the transaction commits. Either all are accepted or none.
func (t *Tx) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, m := range msgs {
		if err := check(m); err != nil {
			return &transport.RejectedError{Err: err}
		}
	}
	if len(msgs) == 1 {
		return t.db.Exec(ctx, NotifyOne, msgs[0].Channel, string(msgs[0].Payload))
	}
	for len(msgs) > 0 {
		channels, payloads := []byte{'{'}, []byte{'{'}
		n := 0
		for ; n < len(msgs) && len(channels)+len(payloads) < maxRoundBytes; n++ {
			channels = appendElement(channels, n, msgs[n].Channel)
			payloads = appendElement(payloads, n, msgs[n].Payload)
		}
		msgs = msgs[n:]
		if err := t.db.Exec(ctx, notifyText, string(append(channels, '}')), string(append(payloads, '}'))); err != nil {
			return err
		}
	}
	return nil
}

// appendElement appends one element to the text of an array.
func appendElement[T string | []byte](dst []byte, i int, s T) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// check refuses what pg_notify would.
func check(m transport.Message) error {
	problem := ""
	switch {
	case m.Channel == "":
		problem = "is empty"
	case len(m.Channel) > limits.Channel:
		problem = "is longer than 63 bytes"
	case !text(m.Channel):
		problem = "is not valid UTF-8 without NUL"
	}
	if problem != "" {
		return &postgres.NameError{Kind: "channel", Name: m.Channel, Problem: problem}
	}
	switch {
	case len(m.Payload) > limits.Payload:
		return fmt.Errorf("postgres: a payload of %d bytes, NOTIFY takes %d", len(m.Payload), limits.Payload)
	case !text(string(m.Payload)):
		return fmt.Errorf("postgres: a payload that is not valid UTF-8 without NUL")
	}
	return nil
}

func text(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Put keeps body, and returns its id, once the transaction commits.
func (t *Tx) Put(ctx context.Context, body []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return t.store.Put(ctx, body)
}

// PutAll is Put for each of bodies, in one round trip.
func (t *Tx) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return t.store.PutAll(ctx, bodies)
}
