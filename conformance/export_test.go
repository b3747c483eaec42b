package conformance

import "testing"

// BusChecks returns the names of the checks of a bus.
func BusChecks() []string { return names(busChecks()) }

// CheckBus runs one check of a bus.
func CheckBus(tb testing.TB, name string, h Harness) {
	checkNamed(tb, h.trial(false), busChecks(), name, func(p *probe) *busCase { return newBusCase(p, h) })
}

// CodecChecks returns the names of the checks of a codec.
func CodecChecks() []string { return names(codecChecks()) }

// CodecWhy returns what a failure of a check of a codec must cite.
func CodecWhy(tb testing.TB, name string) string { return named(tb, codecChecks(), name).why }

// CheckCodec runs one check of a codec.
func CheckCodec(tb testing.TB, name string, h CodecHarness) {
	checkNamed(tb, h.trial(false), codecChecks(), name, func(p *probe) *codecCase { return newCodecCase(p, h) })
}

func names[C any](checks []check[C]) (all []string) {
	for _, c := range checks {
		all = append(all, c.name)
	}
	return all
}

// BusWhy returns what a failure of a check of a bus must cite.
func BusWhy(tb testing.TB, name string) string { return named(tb, busChecks(), name).why }

// StoreChecks returns the names of the checks of a store.
func StoreChecks() []string { return names(storeChecks()) }

// StoreWhy returns what a failure of a check of a store must cite.
func StoreWhy(tb testing.TB, name string) string { return named(tb, storeChecks(), name).why }

// CheckStore runs one check of a store.
func CheckStore(tb testing.TB, name string, h StoreHarness) {
	checkNamed(tb, h.trial(false), storeChecks(), name, func(p *probe) *storeCase { return &storeCase{p, h} })
}

// checkNamed runs the check of a name.
func checkNamed[C any](tb testing.TB, tr *trial, checks []check[C], name string, newCase func(*probe) C) {
	c := named(tb, checks, name)
	p := newProbe(tb, tr, c.why)
	p.do(func() { c.run(newCase(p)) })
}

func named[C any](tb testing.TB, checks []check[C], name string) check[C] {
	for _, c := range checks {
		if c.name == name {
			return c
		}
	}
	tb.Fatalf("there is no check %q", name)
	return check[C]{}
}
