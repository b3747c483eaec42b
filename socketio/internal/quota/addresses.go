package quota

import (
	"math"
	"net/netip"
	"sync"
)

// AddressLimits are the limits of one address. Those that are 0 are the defaults, which do not hold for loopback, private
// and link-local addresses: these are a proxy's, behind which there may be any number of clients.
type AddressLimits struct {
	Sessions   int // at a time
	Unjoined   int // sessions that have not joined a namespace
	Handshakes int // per second
}

// The defaults are what thousands of people behind one address need, all of whom come back after a restart at once.
var addressDefaults = AddressLimits{Sessions: 10_000, Unjoined: 5_000, Handshakes: 2_000}

// maxAbsent is how many addresses without a session are remembered, for their rates.
const maxAbsent = 10_000

// Addresses counts the sessions of each address. Those of an IPv6 network of 64 bits, which is what one customer has, are
// counted together. It is safe for concurrent use.
type Addresses struct {
	public, internal AddressLimits
	clock            func() int64

	mu     sync.Mutex // guards all below, and the addresses
	all    map[netip.Addr]*Address
	absent int // addresses without a session
}

// Address is one address that has sessions, or had some lately.
type Address struct {
	key                netip.Addr
	sessions, unjoined int
	rate               Rate // of handshakes
}

// NewAddresses returns an empty table. clock is the time in nanoseconds.
func NewAddresses(limits AddressLimits, clock func() int64) *Addresses {
	t := &Addresses{public: limits, internal: limits, clock: clock, all: make(map[netip.Addr]*Address)}
	for _, l := range []struct{ limit, fallback *int }{
		{&t.public.Sessions, &addressDefaults.Sessions},
		{&t.public.Unjoined, &addressDefaults.Unjoined},
		{&t.public.Handshakes, &addressDefaults.Handshakes},
	} {
		if *l.limit == 0 {
			*l.limit = *l.fallback
		}
	}
	return t
}

// Key returns what an address is counted as: itself, or the network of an IPv6 address. It is invalid if text is no
// address, with or without a port.
func Key(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		port, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		addr = port.Addr()
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() && !addr.IsLoopback() {
		network, _ := addr.Prefix(64) // 64 is a length that there can be
		addr = network.Addr()
	}
	return addr
}

// limits returns the limits of an address. Those without one, such as a Unix socket's clients, are internal.
func (t *Addresses) limits(key netip.Addr) AddressLimits {
	if !key.IsValid() || key.IsLoopback() || key.IsPrivate() || key.IsLinkLocalUnicast() {
		return t.internal
	}
	return t.public
}

// Knock counts a handshake. The error is an *Error.
func (t *Addresses) Knock(key netip.Addr) error {
	limits := t.limits(key)
	if limits.Handshakes <= 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.get(key, limits).rate.Spend(0, RateLimits{Events: limits.Handshakes}, t.clock) != "" {
		return &Error{Quota: HandshakesAddress, Limit: limits.Handshakes}
	}
	return nil
}

// Enter counts a session that has not joined a namespace yet. The error is an *Error. Leave must follow, with what Enter has
// returned, which is nil for an address without limits.
func (t *Addresses) Enter(key netip.Addr) (*Address, error) {
	limits := t.limits(key)
	if limits.Sessions <= 0 && limits.Unjoined <= 0 {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.get(key, limits)
	switch {
	case limits.Sessions > 0 && a.sessions >= limits.Sessions:
		return nil, &Error{Quota: ConnectionsAddress, Limit: limits.Sessions}
	case limits.Unjoined > 0 && a.unjoined >= limits.Unjoined:
		return nil, &Error{Quota: UnjoinedAddress, Limit: limits.Unjoined}
	}
	if a.sessions == 0 {
		t.absent--
	}
	a.sessions++
	a.unjoined++
	return a, nil
}

// Joined notes that a session of a has joined a namespace.
func (t *Addresses) Joined(a *Address) {
	if a == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a.unjoined--
}

// Leave is called when a session of a has ended.
func (t *Addresses) Leave(a *Address, joined bool) {
	if a == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !joined {
		a.unjoined--
	}
	if a.sessions--; a.sessions == 0 {
		t.absent++
	}
}

// Len returns the number of addresses that have sessions.
func (t *Addresses) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all) - t.absent
}

// get returns an address. The caller holds mu.
func (t *Addresses) get(key netip.Addr, limits AddressLimits) *Address {
	a := t.all[key]
	if a == nil {
		if t.absent >= maxAbsent {
			t.forget()
		}
		a = &Address{key: key, rate: NewRate(RateLimits{Events: limits.Handshakes}, t.clock())}
		t.all[key] = a
		t.absent++
	}
	return a
}

// forget removes the addresses without a session whose rate means nothing any more, and half of the others if these are
// still too many. The caller holds mu.
func (t *Addresses) forget() {
	now := t.clock()
	for _, least := range []int64{int64(burst), math.MinInt64} {
		for key, a := range t.all {
			if t.absent <= maxAbsent/2 {
				return
			}
			if a.sessions == 0 && now-a.rate.since >= least {
				delete(t.all, key)
				t.absent--
			}
		}
	}
}
