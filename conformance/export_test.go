package conformance

import "testing"

// BusChecks returns the names of the checks of a bus.
func BusChecks() []string { return names(busChecks()) }

// CheckBus runs one check of a bus.
func CheckBus(tb testing.TB, name string, h Harness) {
	checkNamed(tb, h.newSuite(false), busChecks(), name, func(c *checker) *busChecker { return newBusChecker(c, h) })
}

// CodecChecks returns the names of the checks of a codec.
func CodecChecks() []string { return names(codecChecks()) }

// CodecWhy returns the promise that a failure of a check of a codec must cite.
func CodecWhy(tb testing.TB, name string) string { return named(tb, codecChecks(), name).why }

// CheckCodec runs one check of a codec.
func CheckCodec(tb testing.TB, name string, h CodecHarness) {
	checkNamed(tb, h.newSuite(false), codecChecks(), name,
		func(c *checker) *codecChecker { return newCodecChecker(c, h) })
}

// DialectChecks returns the names of the checks of a dialect.
func DialectChecks() []string { return names(dialectChecks()) }

// DialectWhy returns the promise that a failure of a check of a dialect must cite.
func DialectWhy(tb testing.TB, name string) string { return named(tb, dialectChecks(), name).why }

// CheckDialect runs one check of a dialect.
func CheckDialect(tb testing.TB, name string, h DialectHarness) {
	checkNamed(tb, h.newSuite(false), dialectChecks(), name,
		func(c *checker) *dialectChecker { return newDialectChecker(c, h) })
}

// LogChecks returns the names of the checks of a log.
func LogChecks() []string { return names(logChecks()) }

// LogWhy returns the promise that a failure of a check of a log must cite.
func LogWhy(tb testing.TB, name string) string { return named(tb, logChecks(), name).why }

// CheckLog runs one check of a log.
func CheckLog(tb testing.TB, name string, h LogHarness) {
	checkNamed(tb, h.newSuite(false), logChecks(), name, func(c *checker) *logChecker { return newLogChecker(c, h) })
}

// SessionsChecks returns the names of the checks of a storage.Sessions.
func SessionsChecks() []string { return names(sessionsChecks()) }

// SessionsWhy returns the promise that a failure of a check of a storage.Sessions must cite.
func SessionsWhy(tb testing.TB, name string) string { return named(tb, sessionsChecks(), name).why }

// CheckSessions runs one check of a storage.Sessions.
func CheckSessions(tb testing.TB, name string, h SessionsHarness) {
	checkNamed(tb, h.newSuite(false), sessionsChecks(), name,
		func(c *checker) *sessionsChecker { return newSessionsChecker(c, h) })
}

func names[C any](checks []check[C]) (all []string) {
	for _, c := range checks {
		all = append(all, c.name)
	}
	return all
}

// BusWhy returns the promise that a failure of a check of a bus must cite.
func BusWhy(tb testing.TB, name string) string { return named(tb, busChecks(), name).why }

// StoreChecks returns the names of the checks of a store.
func StoreChecks() []string { return names(storeChecks()) }

// StoreWhy returns the promise that a failure of a check of a store must cite.
func StoreWhy(tb testing.TB, name string) string { return named(tb, storeChecks(), name).why }

// CheckStore runs one check of a store.
func CheckStore(tb testing.TB, name string, h StoreHarness) {
	checkNamed(tb, h.newSuite(false), storeChecks(), name,
		func(c *checker) *storeChecker { return &storeChecker{c, h} })
}

// checkNamed runs the check with the given name.
func checkNamed[C any](tb testing.TB, s *suite, checks []check[C], name string, wrap func(*checker) C) {
	check := named(tb, checks, name)
	c := newChecker(tb, s, check.rule, check.why)
	c.runWatched(func() { check.verify(wrap(c)) })
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
