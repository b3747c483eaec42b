package memory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/transport"
)

var _ transport.Roster = (*Hub)(nil)

// entry is a name in the roster of a hub. It has no connection.
type entry struct {
	hub  *Hub
	info transport.EntryInfo
}

// Enter implements transport.Roster. The name is shown as it is.
func (h *Hub) Enter(ctx context.Context, name string) (transport.Entry, error) {
	return h.enter(ctx, name, true)
}

// EnterForeign does what Enter does, except that the entry is not marked. It simulates another program.
func (h *Hub) EnterForeign(ctx context.Context, name string) (transport.Entry, error) {
	return h.enter(ctx, name, false)
}

func (h *Hub) enter(ctx context.Context, name string, marked bool) (transport.Entry, error) {
	if err := h.waitForHeal(ctx, nil); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("memory: the name of an entry is empty")
	}
	if err := checkEntryName(name); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure != nil {
		return nil, h.failure
	}
	h.entered++
	e := &entry{hub: h, info: transport.EntryInfo{ID: strconv.Itoa(h.entered), Name: name, Marked: marked}}
	h.entries[e] = struct{}{}
	return e, nil
}

func checkEntryName(name string) error {
	if !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
		return errors.New("memory: the name of an entry is not valid UTF-8 without NUL")
	}
	return nil
}

// Entries implements transport.Roster.
func (h *Hub) Entries(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
	if err := h.waitForHeal(ctx, nil); err != nil {
		return nil, err
	}
	if err := checkEntryName(prefix); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure != nil {
		return nil, h.failure
	}
	var infos []transport.EntryInfo
	for e := range h.entries {
		if strings.HasPrefix(e.info.Name, prefix) {
			infos = append(infos, e.info)
		}
	}
	return infos, nil
}

// Info implements transport.Entry.
func (e *entry) Info() transport.EntryInfo { return e.info }

// Close implements transport.Entry. It always works.
func (e *entry) Close(context.Context) error {
	e.hub.mu.Lock()
	defer e.hub.mu.Unlock()
	delete(e.hub.entries, e)
	return nil
}
