package conformance

import "testing"

// BusChecks returns the names of the checks of a bus.
func BusChecks() []string { return names(busChecks()) }

// CheckBus runs one check of a bus.
func CheckBus(tb testing.TB, name string, h Harness) {
	c := named(tb, busChecks(), name)
	c.run(newBusCase(tb, c, h))
}

func names[C any](checks []check[C]) (all []string) {
	for _, c := range checks {
		all = append(all, c.name)
	}
	return all
}

// Why returns what a failure of the named check of any suite must cite.
func Why(tb testing.TB, name string) string {
	for _, c := range busChecks() {
		if c.name == name {
			return c.why
		}
	}
	tb.Fatalf("there is no check %q", name)
	return ""
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
