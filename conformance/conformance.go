// Package conformance checks that a bus, a log, a store, sessions of clients, a codec, a dialect or a whole cluster
// keep the promises of their interfaces. To check your own implementation, call a suite in a test of your module:
//
//	func TestConformance(t *testing.T) {
//		server := startServer(t)
//		conformance.Bus(t, conformance.Harness{
//			NewBus: func(tb testing.TB) transport.Bus { return mybus.New(tb, server.Address()) },
//			Sever:  func(tb testing.TB, bus transport.Bus) { server.DropConnections() },
//		})
//	}
//
// Each check is a subtest whose name is the promise that it checks. To run a single check:
//
//	go test -run 'TestConformance/EachMessageArrivesOnceInOrder$'
//
// A failure says what was called, what was wanted, what came instead, which rule of the documentation that
// breaks, and why it matters. A harness is a
// struct of funcs. If an optional func is nil, the suite skips the checks that need it and says so. The suite
// reads from the bus's Limits and from its optional interfaces what else it can do.
//
// The checks wait for events, not for time to pass: their deadline (Patience) costs time only when something
// is wrong. To show that no message arrives, a check publishes another message that must arrive next. A panic
// or a hang of the implementation fails its check, and the other checks still run. Only a panic on a
// goroutine that the implementation started ends the process.
//
// # Profiles
//
// Bus, Log, Store, Sessions, Codec, Dialect and Cluster use the quick profile: they take seconds and belong in every
// commit's tests.
// Soak runs the same checks with more and larger messages, more faults and more time: it takes minutes and
// belongs in a nightly run.
//
// # Reports
//
// At its end a suite logs a Markdown table of the promises, their results and times, and one line for a
// README. "go test -v" shows both. With "go test -json" each check has its own events, and the line is the
// attribute "conformance".
//
// # How the suites are tested
//
// Mutants test the suites: for each check there is at least one bus, log, store, codec, dialect or cluster with
// exactly one bug, which the check must find.
//
// # Files
//
// All suites:
//
//   - conformance.go: the type check, Soak, and the loop that runs all checks
//   - suite.go: one run of a suite: measured latency, patience, results
//   - report.go: the table and the line at the end
//   - checker.go: what the checkers share: failure texts, hangs, panics
//   - checker_calls.go: calls with deadlines and in the background
//   - call_loop.go: a goroutine that makes a call in a loop
//   - goroutines.go: counting goroutines
//   - format.go: messages in failure texts
//
// Suite of a bus, tools:
//
//   - bus.go: Harness, Bus, and the order of the checks
//   - bus_checker.go: calls that every check makes: open, listen, publish, expect
//   - bus_sequence.go: numbered messages whose content follows from their number
//   - bus_traffic.go, bus_reader.go, bus_diagnose.go: publish sequences, receive them, name what went wrong
//   - bus_sender.go, bus_gapless_reader.go: publish through outages, receive until a final error
//   - bus_recorder.go, bus_receiver_loop.go, bus_recorder_compare.go: record each Publish and what arrives of it,
//     and compare
//   - bus_interruption.go: contexts that end at chosen moments
//   - bus_parallel.go: the same call on many goroutines
//   - bus_endings.go: the ways in which sessions end
//   - bus_roster_calls.go: calls of a transport.Roster
//   - benchmark.go: BenchmarkBus
//
// Suite of a bus, checks:
//
//   - bus_delivery.go, bus_volume.go, bus_content.go: delivery, sizes, order, payloads
//   - bus_listen.go, bus_listen_many.go, bus_listen_error.go: Listen, Unlisten, ListenAll
//   - bus_receive.go: Receive and its context
//   - bus_context.go, bus_context_calls.go: contexts of all methods
//   - bus_interrupt.go, bus_partial_publish.go: Publish that is interrupted or rejected
//   - bus_names.go, bus_limits.go: channel names and Limits
//   - bus_concurrency.go: concurrent sessions
//   - bus_close.go, bus_close_bus.go: Close of a session and of a bus
//   - bus_sever.go, bus_outage.go, bus_loss.go: broken connections
//   - bus_slow.go: slow sessions
//   - bus_leaks.go: leaks
//   - bus_roster.go, bus_roster_end.go: transport.Roster: names, and the ways in which entries end
//
// Suite of a log:
//
//   - log.go: LogHarness, Log, AppendingBus, and the order of the checks
//   - log_calls.go: calls that every check makes, and what must be true of each result
//   - log_delivery.go: positions of what sessions receive
//   - log_replay.go, log_reads.go, log_bounds.go, log_positions.go: Replay, Latest, Bounds, and their errors
//   - log_channels.go: channels and their names
//   - log_order.go, log_listen.go: many writers and readers at the same time
//   - log_transactions.go: transactions of the application, and transport.Outbox
//   - log_trim.go, log_epoch.go: transport.LogTrimmer and new epochs
//   - log_errors.go, log_context.go, log_crash.go: what goes wrong
//   - log_inspect.go: transport.LogInspector and transport.LogPreparer
//
// Suite of a store:
//
//   - store.go: StoreHarness, Store, and the order of the checks
//   - store_calls.go, store_format.go: the ways to put and get bodies, and failure texts
//   - store_concurrency.go: Prepare and concurrent use
//   - store_bodies.go, store_sizes.go: bodies
//   - store_ids.go, store_similar_ids.go: ids
//   - store_batch.go, store_sizer.go, store_retainer.go: storage.Batch, storage.Sizer and storage.Retainer
//   - store_expire.go, store_lifetime.go: Expire and times to live
//   - store_context.go: contexts
//
// Suite of sessions of clients:
//
//   - sessions.go: SessionsHarness, Sessions, and the order of the checks
//   - sessions_take.go, sessions_owner.go, sessions_away.go: who may do what, and when
//   - sessions_content.go: names, sizes, concurrent use, contexts
//
// Suite of a codec:
//
//   - codec.go: CodecHarness, Codec, and the order of the checks
//   - codec_samples.go, codec_generator.go: messages to encode, fixed and random
//   - codec_compare.go: differences between envelopes
//   - codec_roundtrip.go, codec_data.go, codec_numbers.go, codec_nesting.go, codec_sizes.go: round trips
//   - codec_forward.go: data that one node sends on, and random messages
//   - codec_append.go: Append
//   - codec_foreign.go, codec_hostile.go: Parse of foreign bytes
//   - codec_peek.go: codec.Peeker
//   - codec_calls.go: concurrent and repeated calls, golden messages
//
// Suite of a dialect:
//
//   - dialect.go: DialectHarness, Dialect, and the order of the checks
//   - dialect_node.go: calls that every check makes: routes, Append, Parse
//   - dialect_samples.go: messages of all types
//   - dialect_open.go: names and options, concurrent use
//   - dialect_types.go, dialect_data.go: round trips
//   - dialect_append.go: Append
//   - dialect_channels.go, dialect_namespaces.go: channels, and what must not mix
//   - dialect_foreign.go: Parse of foreign bytes
//   - dialect_split.go, dialect_pieces.go: messages in pieces (dialect.Splitter)
//   - dialect_attach.go: attachments (dialect.Attacher)
//   - dialect_peek.go, dialect_overlap.go, dialect_census.go: dialect.Peeker, Overlapper and Census
//
// Suite of a cluster:
//
//   - cluster.go: ClusterHarness, Cluster, and the order of the checks
//   - cluster_node.go, cluster_client.go, cluster_inbox.go: nodes, clients, and what they receive
//   - cluster_broadcast.go, cluster_content.go, cluster_sizes.go: broadcasts
//   - cluster_rooms.go, cluster_requests.go: rooms, sockets, requests
//   - cluster_leave.go, cluster_sever.go, cluster_many.go: peers that leave, outages, many namespaces
package conformance

import (
	"testing"
	"time"
)

// check checks one promise with the checker C of its suite.
type check[C any] struct {
	// name is the promise, in CamelCase.
	name string
	// rule is where the documentation states the promise: a symbol, or a section of a package's documentation.
	rule string
	// why states the promise, and what goes wrong for users of a cluster if an implementation breaks it.
	why string
	// verify fails the test if the implementation breaks the promise.
	verify func(C)
}

// suites are the harnesses of all suites.
type suites interface {
	Harness | LogHarness | StoreHarness | SessionsHarness | CodecHarness | DialectHarness | ClusterHarness
}

// Soak runs the suite that belongs to the harness, such as Bus for a Harness and Log for a LogHarness, with more
// messages, faults and time. It takes minutes.
func Soak[H suites](t *testing.T, h H) {
	t.Helper()
	switch h := any(h).(type) {
	case Harness:
		h.runSuite(t, true)
	case LogHarness:
		h.runSuite(t, true)
	case SessionsHarness:
		h.runSuite(t, true)
	case StoreHarness:
		h.runSuite(t, true)
	case CodecHarness:
		h.runSuite(t, true)
	case DialectHarness:
		h.runSuite(t, true)
	case ClusterHarness:
		h.runSuite(t, true)
	}
}

// runChecks runs all checks as subtests and logs a report. The func wrap makes the checker of the suite.
func runChecks[C any](t *testing.T, s *suite, checks []check[C], wrap func(*checker) C) {
	t.Helper()
	s.checkCount = len(checks)
	start := time.Now()
	s.measureLatency(t)
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			c := newChecker(t, s, check.rule, check.why)
			t.Cleanup(func() { s.addResult(t, check.name, c) })
			c.runWatched(func() { check.verify(wrap(c)) })
		})
	}
	s.report(t, time.Since(start))
}
