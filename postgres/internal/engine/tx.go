package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// notifyManyText is NotifyMany with both arrays written as text, which every driver can pass.
const notifyManyText = "SELECT count(pg_notify(c, p)) FROM unnest($1::text::text[], $2::text::text[]) AS m(c, p)"

// Tx publishes messages and stores attachments in a transaction of the caller. It opens no connection and
// changes no setting of the transaction. It refuses messages that the server is known to refuse, because an
// error of the server would abort the transaction.
type Tx struct {
	db       Querier
	inserter *inserter
	appender *appender
	err      error // of the name of the table of attachments
}

// NewTx returns a Tx that uses db and the tables of config.
func NewTx(db Querier, config postgres.Config) *Tx {
	name, err := postgres.QuoteTable(tableOf(config))
	// synchronous_commit is up to the caller
	return &Tx{db: db, inserter: newInserter(name, true), appender: newAppender(config), err: err}
}

// InTx returns a Tx that uses db and the tables of s.
func (s *Store) InTx(db Querier) *Tx {
	tx := *s.tx
	tx.db = db
	return &tx
}

// Limits returns the limits of NOTIFY.
func (t *Tx) Limits() transport.Limits { return limits }

// Publish sends msgs when the transaction commits. It accepts all of them or none.
func (t *Tx) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, m := range msgs {
		if err := checkMessage(m); err != nil {
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
		err := t.db.Exec(ctx, notifyManyText, string(append(channels, '}')), string(append(payloads, '}')))
		if err != nil {
			return err
		}
	}
	return nil
}

// appendElement appends element number i to the text form of an array.
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

// checkMessage refuses the messages that pg_notify would refuse.
func checkMessage(m transport.Message) error {
	problem := ""
	switch {
	case m.Channel == "":
		problem = "is empty"
	case len(m.Channel) > limits.Channel:
		problem = "is longer than 63 bytes"
	case !isText(m.Channel):
		problem = "is not valid UTF-8 without NUL"
	}
	if problem != "" {
		return &postgres.NameError{Kind: "channel", Name: m.Channel, Problem: problem}
	}
	switch {
	case len(m.Payload) > limits.Payload:
		return fmt.Errorf("postgres: the payload has %d bytes, NOTIFY accepts %d", len(m.Payload), limits.Payload)
	case !isText(string(m.Payload)):
		return errors.New("postgres: the payload is not valid UTF-8 without NUL")
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Put stores body in the transaction and returns its id.
func (t *Tx) Put(ctx context.Context, body []byte) (string, error) {
	if err := t.check(ctx); err != nil {
		return "", err
	}
	return retry(ctx, never, func() (string, error) { return t.inserter.put(ctx, t.db, body) })
}

// PutAll does what Put does for each of bodies, in one round trip.
func (t *Tx) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	if err := t.check(ctx); err != nil || len(bodies) == 0 {
		return nil, err
	}
	return retry(ctx, never, func() ([]string, error) { return t.inserter.putAll(ctx, t.db, bodies) })
}

// PutFor does what PutAll does, and keeps the bodies for the given time longer.
func (t *Tx) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	if err := t.check(ctx); err != nil || len(bodies) == 0 {
		return nil, err
	}
	return retry(ctx, never, func() ([]string, error) { return t.inserter.putFor(ctx, t.db, bodies, keep) })
}

func (t *Tx) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.err
}

// never tells retry not to repeat a call, because the transaction is over after an error.
func never(error) bool { return false }
