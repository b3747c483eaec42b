package quota

import (
	"math"
	"net/netip"
	"sync"
)

// AddressLimits are the limits for one address. A limit of 0 means the default. The defaults do not apply to
// loopback, private and link-local addresses: these belong to proxies, and any number of clients can be behind
// a proxy.
type AddressLimits struct {
	Sessions   int // at the same time
	Unjoined   int // sessions that have not joined a namespace
	Handshakes int // per second
}

// addressDefaults allow for thousands of people behind one address who all reconnect at once after a restart.
var addressDefaults = AddressLimits{Sessions: 10_000, Unjoined: 5_000, Handshakes: 2_000}

// maxInactive is the maximum number of addresses without a session that are kept. They are kept because of
// their rates.
const maxInactive = 10_000

// Addresses counts the sessions of each address. Addresses in the same /64 network of IPv6 count as one address,
// because one customer usually gets a whole /64 network. Addresses is safe for concurrent use.
type Addresses struct {
	public, internal AddressLimits
	clock            func() int64

	mu       sync.Mutex // guards everything below, and the fields of each Address
	all      map[netip.Addr]*Address
	inactive int // addresses without a session
}

// Address is one address that has sessions, or had some recently.
type Address struct {
	key                netip.Addr
	sessions, unjoined int
	rate               Rate // counts handshakes
}

// NewAddresses returns an empty table. clock returns the time in nanoseconds.
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

// Key returns the key under which the address in text is counted: the address itself or, for IPv6, its /64
// network. text may have a port. The result is invalid if text is not an address.
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
		network, _ := addr.Prefix(64) // 64 is a valid length
		addr = network.Addr()
	}
	return addr
}

// limits returns the limits of an address. Clients without an address, such as those of a Unix socket, count as
// internal.
func (t *Addresses) limits(key netip.Addr) AddressLimits {
	if !key.IsValid() || key.IsLoopback() || key.IsPrivate() || key.IsLinkLocalUnicast() {
		return t.internal
	}
	return t.public
}

// CountHandshake counts a handshake. It returns an *Error if the address has reached its limit.
func (t *Addresses) CountHandshake(key netip.Addr) error {
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

// Enter counts a session that has not joined a namespace yet. It returns an *Error if the address has reached a
// limit. Every Enter needs a Leave with the returned Address, which is nil for an address without limits.
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
		t.inactive--
	}
	a.sessions++
	a.unjoined++
	return a, nil
}

// Joined records that a session of a has joined a namespace.
func (t *Addresses) Joined(a *Address) {
	if a == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a.unjoined--
}

// Leave removes a session of a. joined says whether Joined was called for the session.
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
		t.inactive++
	}
}

// Len returns the number of addresses that have sessions.
func (t *Addresses) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all) - t.inactive
}

// get returns an address and adds it if it is new. The caller holds mu.
func (t *Addresses) get(key netip.Addr, limits AddressLimits) *Address {
	a := t.all[key]
	if a == nil {
		if t.inactive >= maxInactive {
			t.forget()
		}
		a = &Address{key: key, rate: NewRate(RateLimits{Events: limits.Handshakes}, t.clock())}
		t.all[key] = a
		t.inactive++
	}
	return a
}

// forget removes addresses without a session whose rate limit has recovered. If too many remain, it removes half
// of them, whatever their rates. The caller holds mu.
func (t *Addresses) forget() {
	now := t.clock()
	for _, least := range []int64{int64(burst), math.MinInt64} {
		for key, a := range t.all {
			if t.inactive <= maxInactive/2 {
				return
			}
			if a.sessions == 0 && now-a.rate.since >= least {
				delete(t.all, key)
				t.inactive--
			}
		}
	}
}
