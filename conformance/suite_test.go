package conformance_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// inChild is the environment variable of a process that a test started to read what a suite prints.
const inChild = "BACKPLANE_TEST_SUITE"

// TestInChild runs the suite that the parent process asks for.
func TestInChild(t *testing.T) {
	switch os.Getenv(inChild) {
	case "":
		t.Skip("runs only in a process that another test starts")
	case "panics":
		conformance.Store(t, brokenStore(func() { panic("out of order") }))
	case "hangs":
		conformance.Store(t, brokenStore(func() { select {} }))
	case "lingers":
		h := brokenStore(func() {})
		h.Patience = time.Second / 2
		newStore := h.NewStore
		h.NewStore = func(tb testing.TB) storage.Store {
			if strings.HasSuffix(tb.Name(), "ExpireKeepsYoungBodies") {
				tb.Cleanup(func() { select {} })
			}
			return newStore(tb)
		}
		conformance.Store(t, h)
	case "exits":
		conformance.Store(t, brokenStore(t.FailNow))
	case "good":
		hub := memory.NewHub()
		conformance.Bus(t, conformance.Harness{NewBus: func(testing.TB) transport.Bus { return hub }})
	}
}

// brokenStore breaks when Expire is called.
func brokenStore(breaks func()) conformance.StoreHarness {
	h := storeHarness(func(s *store) {
		s.expire = func(context.Context, time.Duration) error {
			breaks()
			return nil
		}
	})
	h.Patience = 2 * time.Second // a hang of Expire costs six times as much
	return h
}

// child returns what a suite prints.
func child(t *testing.T, suite string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"-test.run=^TestInChild$", "-test.count=1"},
		args...)...)
	cmd.Env = append(os.Environ(), inChild+"="+suite)
	out, err := cmd.CombinedOutput()
	if suite == "good" {
		require.NoError(t, err, "%s", out)
	} else {
		require.Error(t, err, "%s", out)
	}
	return string(out)
}

func TestBrokenImplementationFailsOnlyItsChecks(t *testing.T) {
	for suite, text := range map[string]string{
		"panics":  "got: the panic out of order",
		"hangs":   "wanted: a return, at the latest when its context ends",
		"lingers": "passed to Cleanup, such as the Close of a bus or store of the harness, still runs",
		"exits":   "was ended by runtime.Goexit",
	} {
		t.Run(suite, func(t *testing.T) {
			out := child(t, suite,
				"-test.run=^TestInChild$/^(OtherNodesRead|IDsAreShortText|ExpireKeepsYoungBodies|PrepareIsIdempotent)$")
			require.Contains(t, out, text)
			if suite != "lingers" {
				require.Contains(t, out, "why: Expire removes what was put longer than age ago")
			}
			require.Regexp(t, `\| ExpireKeepsYoungBodies \| FAIL \| [0-9.]+ s \|`, out)
			require.Regexp(t, `\| OtherNodesRead \| ok \| [0-9.]+ s \|`, out, "the checks before it have run")
			require.Regexp(t, `\| PrepareIsIdempotent \| \w+ \| [0-9.]+ s \|`, out, "the checks after it have run")
		})
	}
}

func TestReport(t *testing.T) {
	out := child(t, "good", "-test.v=test2json")
	require.Contains(t, out, "conformance.Bus, quick profile")
	require.Contains(t, out, "| promise | result | time |")
	require.Regexp(t, `\| \w+ \| ok \| [0-9.]+ s \|`, out)
	require.Regexp(t, `\| \w+ \| skipped: .*Harness.Sever.* \| [0-9.]+ s \|`, out)
	line := regexp.MustCompile(`=== ATTR  TestInChild conformance (backplane conformance: ` +
		`Bus \d+ of \d+ \(\d+ skipped\) · quick · .*go1\S+ · \w+/\w+)`).FindStringSubmatch(out)
	require.NotNil(t, line, "%s", out)
	require.Equal(t, 2, strings.Count(out, line[1]), "in the attribute, and under the table")

	out = child(t, "good", "-test.v", "-test.run=^TestInChild$/^OwnMessagesArrive$")
	require.Contains(t, out, "1 passed, 0 failed, 0 skipped")
	require.NotContains(t, out, "ATTR", "a part of the suite must not print the README line")
}

func TestEveryCallMayPanicOrHang(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	for how, breaks := range map[string]func(){"panics": func() { panic("out of order") }, "hangs": func() { <-over }} {
		for method, change := range map[string]func(b *bus){
			"NewBus": func(*bus) { breaks() },
			"Limits": func(b *bus) { b.limits = func() transport.Limits { breaks(); return transport.Limits{} } },
			"Open": func(b *bus) {
				b.open = func(context.Context) (transport.Session, error) { breaks(); return nil, nil }
			},
			"Publish": func(b *bus) {
				b.publish = func(context.Context, ...transport.Message) error { breaks(); return nil }
			},
			"Listen": func(b *bus) {
				b.session = func(s *session) { s.listen = func(context.Context, string) error { breaks(); return nil } }
			},
			"Receive": func(b *bus) {
				b.session = func(s *session) {
					s.receive = func(context.Context) (transport.Message, error) {
						breaks()
						return transport.Message{}, nil
					}
				}
			},
			"Close": func(b *bus) {
				b.session = func(s *session) { s.close = func(context.Context) error { breaks(); return nil } }
			},
		} {
			t.Run(method+how, func(t *testing.T) {
				t.Parallel()
				check := map[string]string{"Close": "CloseIsFinal", "Limits": "LimitIsInclusive"}[method]
				if check == "" {
					check = "OwnMessagesArrive"
				}
				h := newBusMedium(transport.Limits{}).harness(change)
				r := record(t, func(tb testing.TB) { conformance.CheckBus(tb, check, h) })
				require.True(t, r.failed)
				require.Contains(t, r.text, "why: "+conformance.BusWhy(t, check))
			})
		}
	}
}

func TestPatienceFollowsTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gets := 0
		h := storeHarness(func(s *store) {
			s.get = func(ctx context.Context, id string) ([]byte, error) {
				if gets++; gets > 3 { // the first calls are measured
					<-ctx.Done()
					return nil, ctx.Err()
				}
				time.Sleep(200 * time.Millisecond)
				return s.Store.Get(ctx, id)
			}
		})
		h.Patience = 0
		start := time.Now()
		r := record(t, func(tb testing.TB) { conformance.CheckStore(tb, "OtherNodesRead", h) })
		require.True(t, r.failed)
		require.Equal(t, 3*200*time.Millisecond+10*time.Second+40*200*time.Millisecond, time.Since(start))
	})
}
