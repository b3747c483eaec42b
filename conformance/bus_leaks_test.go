package conformance_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
)

// Mutants that leave a file open run one by one, because the suite counts the files of the whole process.
func TestLeakedFilesAreFound(t *testing.T) {
	if files, err := os.ReadDir("/dev/fd"); err != nil || len(files) < 4 {
		t.Skip("this system does not tell which files are open")
	}
	for _, l := range leakPoints {
		t.Run(strings.ReplaceAll(l.name, " ", "_"), func(t *testing.T) {
			h := smallBufferHarness(func(b *bus) {
				l.apply(b, func() {
					file, err := os.Open(os.DevNull)
					require.NoError(t, err)
					t.Cleanup(func() { file.Close() })
				})
			})
			h.Patience = 500 * time.Millisecond // the leak must be caught, not a busy machine
			r := record(t, func(tb testing.TB) { conformance.CheckBus(tb, "SessionsLeakNothing", h) })
			require.True(t, r.failed)
			require.Contains(t, r.text, "more open files and connections than before")
		})
	}
}

func TestHarmlessResourcesAreNoLeaks(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, b *bus){
		"a pool that becomes warm": func(t *testing.T, b *bus) {
			var size atomic.Int32
			b.session = func(*session) {
				if size.Add(1) <= 50 {
					go func() { <-t.Context().Done() }()
				}
			}
		},
		"goroutines that end late": func(t *testing.T, b *bus) {
			b.session = func(s *session) {
				s.close = func(ctx context.Context) error {
					go func() { time.Sleep(30 * time.Millisecond) }()
					return s.Session.Close(ctx)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := record(t, func(tb testing.TB) {
				h := smallBufferHarness(func(b *bus) { change(t, b) })
				h.Patience = 2 * time.Second
				conformance.CheckBus(tb, "SessionsLeakNothing", h)
			})
			require.False(t, r.failed, r.text)
		})
	}
	t.Run("what others start", func(t *testing.T) {
		stop := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
					others.Go(func() { <-stop })
				}
			}
		})
		r := record(t, func(tb testing.TB) {
			h := smallBufferHarness(func(*bus) {})
			h.Patience = 2 * time.Second
			conformance.CheckBus(tb, "SessionsLeakNothing", h)
		})
		close(stop)
		others.Wait()
		require.False(t, r.failed, r.text)
	})
}
