package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// entryLock is the first key of the advisory locks with two keys that entries hold: the ASCII codes of "bkpl".
// The second key is a random number. The lock marks the connection as one of this library, and together with
// the process id it identifies the entry. Other roles see it in pg_locks, whereas they do not see the time at
// which a connection was opened. Nobody waits for it, and it writes nothing to the disk.
const entryLock = 0x626b706c

// Entry is the transport.Entry of both drivers. Its connection is idle.
type Entry struct {
	bus    *Bus
	handle *Handle
	conn   EntryConn
	info   transport.EntryInfo
	closed atomic.Bool
}

// Enter implements transport.Roster.
func (b *Bus) Enter(ctx context.Context, name string) (transport.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, &postgres.NameError{Kind: "application", Name: name, Problem: "is empty"}
	}
	if err := checkEntryName(name); err != nil {
		return nil, err
	}
	e := &Entry{bus: b, handle: new(Handle)}
	stop := e.handle.CutOnDone(ctx)
	err := e.open(ctx, name)
	if uncut := stop(); !uncut {
		err = ctx.Err()
	}
	if err != nil {
		e.release()
		return nil, err
	}
	b.mu.Lock()
	b.entries[e] = struct{}{}
	b.mu.Unlock()
	return e, nil
}

// checkEntryName refuses names, and the beginnings of names, that a statement cannot contain.
func checkEntryName(name string) error {
	if isText(name) {
		return nil
	}
	return &postgres.NameError{Kind: "application", Name: name, Problem: "is not valid UTF-8 without NUL"}
}

// open opens the connection, acquires the lock and sets the name. The lock comes first, so that no one sees the
// name without it, and so that a proxy that pools transactions does not keep the name.
func (e *Entry) open(ctx context.Context, name string) (err error) {
	e.conn, err = e.bus.dialer.DialEntry(ctx, e.handle)
	e.handle.ForbidDial()
	if err != nil {
		return unreachable(ctx, err)
	}
	key := rand.Int32()
	// If the settings are refused, the entry works without them, and the lock is held nevertheless.
	lock := fmt.Sprintf("SELECT pg_try_advisory_lock(%d, %d);\n", entryLock, key)
	if refused, err := e.conn.Exec(lock + ListenSettings); err != nil && !refused {
		return unreachable(ctx, err)
	}
	if _, err := e.shown(ctx, key); err != nil {
		return err
	}
	if refused, err := e.conn.Exec("SET application_name = " + quoteLiteral(name)); refused {
		return explain(err)
	} else if err != nil {
		return unreachable(ctx, err)
	}
	e.info, err = e.shown(ctx, key)
	return err
}

// shown returns the entry as the server shows it. It fails if the connection does not hold the lock, because a
// proxy has sent the statements to different sessions of the server.
func (e *Entry) shown(ctx context.Context, key int32) (info transport.EntryInfo, err error) {
	columns, refused, err := e.conn.Row(fmt.Sprintf(ownEntry, entryLock, key))
	switch {
	case refused:
		return info, explain(err)
	case err != nil:
		return info, unreachable(ctx, err)
	case len(columns) != 2:
		return info, fmt.Errorf("postgres: the session of the server has changed: %w", postgres.ErrPooled)
	}
	return transport.EntryInfo{ID: columns[0], Name: columns[1], Marked: true}, nil
}

// quoteLiteral returns s as a string constant, whatever the setting standard_conforming_strings is.
func quoteLiteral(s string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// Info implements transport.Entry.
func (e *Entry) Info() transport.EntryInfo { return e.info }

// Close implements transport.Entry. It removes the name before it closes the connection, because the server
// notices the end of the connection only a moment later.
func (e *Entry) Close(ctx context.Context) error {
	if e.closed.Swap(true) {
		return nil
	}
	e.bus.forgetEntry(e)
	err := ctx.Err()
	if err == nil {
		limited, cancel := Ping(ctx)
		stop := e.handle.CutOnDone(limited)
		_, _ = e.conn.Exec("SET application_name = ''") // fails if the connection has ended, which is as good
		e.conn.Close()
		stop()
		cancel()
		err = ctx.Err()
	}
	e.release()
	return err
}

// release cuts the connection without notifying the server, and releases its resources.
func (e *Entry) release() {
	e.handle.Cut()
	if e.conn != nil {
		e.conn.Close()
	}
}

func (b *Bus) forgetEntry(e *Entry) {
	b.mu.Lock()
	delete(b.entries, e)
	b.mu.Unlock()
}

// Entries implements transport.Roster.
func (b *Bus) Entries(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkEntryName(prefix); err != nil {
		return nil, err
	}
	return retry(ctx, b.pool.IsBroken, func() (entries []transport.EntryInfo, err error) {
		err = b.pool.Rows(ctx, selectEntries, []any{prefix}, func(marked, idLen int64, text []byte) error {
			if idLen < 0 || idLen > int64(len(text)) {
				return errors.New("postgres: the answer about the connections is malformed")
			}
			id, name := string(text[:idLen]), string(text[idLen:])
			entries = append(entries, transport.EntryInfo{ID: id, Name: name, Marked: marked != 0})
			return nil
		})
		return entries, err
	})
}
