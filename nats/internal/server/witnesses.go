package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// witnesses are connections to the other servers of a cluster. They prove that these servers know what the server of
// the main connection has told them: a server sends what its clients subscribe to and what they publish to another
// server over one connection, in order. So a message that comes to a witness, a marker, comes after both.
type witnesses struct {
	servers  *Servers
	main     *Link
	subjects [2]string // of markers and joins
	answers  string    // what the subjects of answers to Prove begin with, or empty: see Link.Prove

	preparing sync.Mutex // held while connections are opened

	mu      sync.Mutex // guards all below
	closed  bool
	byID    map[string]*witness // by the id of the server
	infos   int                 // of the main connection, when the others were opened
	sent    int                 // the number of the last marker
	changed chan struct{}       // closed when a witness sees a marker or ends
}

func newWitnesses(servers *Servers, main *Link) *witnesses {
	id := rand.Text()
	return &witnesses{
		servers: servers, main: main, subjects: [2]string{servers.Prefix + "%m" + id, servers.Prefix + "%j" + id},
		byID: make(map[string]*witness), changed: make(chan struct{}),
	}
}

func (w *witnesses) close() {
	w.mu.Lock()
	w.closed = true
	w.changeLocked()
	ending := slices.Collect(maps.Values(w.byID))
	w.mu.Unlock()
	for _, other := range ending {
		other.end()
	}
}

func (w *witnesses) changeLocked() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// confirm is Link.Confirm.
func (w *witnesses) confirm(ctx context.Context, b []byte) ([]error, error) {
	if err := w.prepare(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", transport.ErrNotSent, err)
	}
	number, marker := w.marker()
	errs, err := w.main.RoundTrip(ctx, append(b, marker...))
	if err != nil {
		return errs, err
	}
	for _, err := range errs {
		if denied := (*PermissionError)(nil); errors.As(err, &denied) && denied.Subject == w.subjects[markers] {
			return errs, err // the marker will not come
		}
	}
	return errs, w.await(ctx, func(other *witness) bool { return other.seen[markers] >= number })
}

// marker returns the next marker, which is empty if there are no witnesses.
func (w *witnesses) marker() (int, []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.byID) == 0 {
		return w.sent, nil
	}
	w.sent++
	return w.sent, w.encode(markers, w.sent)
}

// encode returns the request to publish a marker for a subscription.
func (w *witnesses) encode(id, number int) []byte {
	text := strconv.Itoa(number)
	return fmt.Appendf(nil, "PUB %s %d\r\n%s\r\n", w.subjects[id], len(text), text)
}

// await waits until all witnesses that live have seen something.
func (w *witnesses) await(ctx context.Context, seen func(other *witness) bool) error {
	for {
		w.mu.Lock()
		missing, changed := "", w.changed
		for _, other := range w.byID {
			if !other.dead && !seen(other) {
				missing = other.link.at.host
			}
		}
		w.mu.Unlock()
		if missing == "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w: %s and %s", ctx.Err(), ErrApart, w.main.at.host, missing)
		}
	}
}

// prepare opens the connections that are missing. An attempt that its context has ended does not say why.
func (w *witnesses) prepare(ctx context.Context) error {
	w.preparing.Lock()
	defer w.preparing.Unlock()
	var failed error
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := w.open(ctx)
		if err == nil {
			return nil
		}
		if failed == nil || ctx.Err() == nil {
			failed = err
		}
		timer := time.NewTimer(wait) // the server will soon find out, too, that the other one is not there
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", ctx.Err(), failed)
		}
	}
}

// open connects to the servers that are not connected yet. It fails if a server that the main server names cannot be
// reached.
func (w *witnesses) open(ctx context.Context) error {
	w.main.mu.Lock()
	infos, hosts := w.main.infos, w.main.info.ConnectURLs
	w.main.mu.Unlock()
	if !w.forget(infos) {
		return nil
	}
	named := make(map[string]bool)
	for _, a := range w.servers.discovered(hosts, w.main.at) {
		named[a.host] = true
	}
	for _, a := range w.servers.all() {
		if w.has(a) {
			continue
		}
		err := w.add(ctx, a)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || errors.Is(err, ErrApart) {
			return err
		}
		if named[a.host] {
			return fmt.Errorf("%w: %s: %w", ErrWitness, a.host, err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.infos = infos
	return nil
}

// forget removes the witnesses that have ended. It returns false if nothing has changed.
func (w *witnesses) forget(infos int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.infos != infos
	for id, other := range w.byID {
		if other.dead {
			other.end()
			delete(w.byID, id)
			changed = true
		}
	}
	return changed
}

// has reports whether there is a connection to the server at an address.
func (w *witnesses) has(a address) bool {
	if a.host == w.main.at.host {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, other := range w.byID {
		if other.link.at.host == a.host {
			return true
		}
	}
	return false
}
