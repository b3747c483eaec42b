package classic

import (
	"slices"
	"strings"
	"sync"
)

// UIDs recognizes the uids of nodes in the names of channels. The zero value is ready to use. It is safe for concurrent
// use.
type UIDs struct {
	mu  sync.Mutex // guards own
	own []string   // those of this process that do not look like uids
}

// Remember notes a uid of this process that the application may have chosen, so that Has recognizes it.
func (u *UIDs) Remember(uid string) {
	if LooksLikeUID(uid) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Contains(u.own, uid) {
		u.own = append(u.own, uid)
	}
}

// Has reports whether s is the uid of a node, as far as this process knows.
func (u *UIDs) Has(s string) bool {
	if LooksLikeUID(s) {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Contains(u.own, s)
}

// LooksLikeUID reports whether s is what nodes have as their uids by default.
func LooksLikeUID(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == ""
}
