package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/postgres"
)

// Store is the storage.Store of both drivers.
type Store struct {
	db           DB
	table        string // as configured
	name         string // as written in SQL
	owner        string // may own the table too
	noAutoCreate bool
	durable      bool
	err          error // of the table's name

	found, pieces, expire string
	settings              atomic.Pointer[string] // made for a transaction that stores
	writes                sync.Map               // of writesKey, writes
}

// writes are the statements that store.
type writes struct{ put, putAll string }

// writesKey is what they depend on: how bytes are passed, and the settings.
type writesKey struct{ bytes, settings string }

// NewStore returns a store on db. It does no I/O.
func NewStore(db DB, config postgres.Config) *Store {
	s := &Store{db: db, table: config.Table, noAutoCreate: config.NoAutoCreate, durable: config.DurableAttachments, owner: config.TableOwner}
	if s.table == "" {
		s.table = postgres.DefaultTable
	}
	s.name, s.err = postgres.QuoteTable(s.table)
	s.found = fmt.Sprintf(found, s.name)
	s.pieces = fmt.Sprintf(pieces, s.name)
	s.expire = "DELETE FROM " + s.name + " WHERE created_at < now() - make_interval(secs => $1)"
	s.write(false)
	return s
}

// write chooses how to store. The settings are made for the one transaction, before the row is: a server that knows lz4
// takes a fifth of the time for what can be compressed. Nobody who reads has to know.
func (s *Store) write(lz4 bool) {
	settings := []string{"1"}
	if !s.durable {
		settings = append(settings, "set_config('synchronous_commit', 'off', true)")
	}
	if lz4 {
		settings = append(settings, "set_config('default_toast_compression', 'lz4', true)")
	}
	first := "(SELECT " + strings.Join(settings, ", ") + " OFFSET 0) AS settings"
	s.settings.Store(&first)
}

// writer returns what to store with, and the statements for it.
func (s *Store) writer(ctx context.Context) (DB, writes) {
	db := s.db.Writer(ctx, s.name)
	bytes, _ := db.Bytes(nil)
	key := writesKey{bytes, *s.settings.Load()}
	if w, ok := s.writes.Load(key); ok {
		return db, w.(writes)
	}
	w := writes{
		put:    "INSERT INTO " + s.name + " (payload) SELECT " + bytes + " FROM " + key.settings + " RETURNING id",
		putAll: fmt.Sprintf(putAll, key.settings, s.name, bytes),
	}
	s.writes.Store(key, w)
	return db, w
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, body []byte) (string, error) {
	if s.err != nil {
		return "", s.err
	}
	if body == nil {
		body = []byte{} // nil would be NULL
	}
	var id int64
	db, statements := s.writer(ctx)
	_, arg := db.Bytes(body)
	var found bool
	err := repeatable(ctx, db, func() (err error) {
		found, err = db.QueryRow(ctx, statements.put, []any{arg}, &id)
		return err
	})
	if err != nil {
		return "", err
	}
	if !found { // a trigger or a rule swallowed the row
		return "", fmt.Errorf("postgres: INSERT INTO %s returned no row", s.name)
	}
	return strconv.FormatInt(id, 10), nil
}

// parseID accepts what a bigserial gives out, as Put writes it: ids come from other nodes, and only digits go to the server. A leading zero
// makes another id of it, which nobody was given.
func parseID(id string) (int64, bool) {
	if strings.HasPrefix(id, "0") {
		return 0, false
	}
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	key, err := strconv.ParseInt(id, 10, 64)
	return key, err == nil && key > 0
}

// Expire implements storage.Store.
func (s *Store) Expire(ctx context.Context, age time.Duration) error {
	if s.err != nil {
		return s.err
	}
	return repeatable(ctx, s.db, func() error { return s.db.Exec(ctx, s.expire, age.Seconds()) })
}

// attempts is how often something is tried at most whose connection was gone: those that are idle may all be ended at the same
// moment, so one more attempt is not enough.
const attempts = 5

// Again tells whether another attempt, after so many, is worthwhile.
func Again(ctx context.Context, made int) bool { return made < attempts && ctx.Err() == nil }

// repeatable makes a call, and makes it again if the connection was gone or broke. All calls of a store may be made twice: if a body is
// stored twice, nobody knows of one of the rows, and Expire removes it.
func repeatable(ctx context.Context, db DB, call func() error) error {
	for made := 1; ; made++ {
		err := call()
		if err == nil {
			return nil
		}
		if ended := endOf(ctx); ended != nil && !errors.Is(err, ended) {
			return errors.Join(ended, err)
		}
		if !Again(ctx, made) || !db.Broken(err) {
			return err
		}
	}
}
