package emitter_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// TestFirstEmitAfterAnIdleClose: an emitter may send a single message a day, and the server may have closed its
// idle connections meanwhile.
func TestFirstEmitAfterAnIdleClose(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		for _, text := range []string{"small", large} {
			for i := range 4 {
				require.NoError(t, a.emitter.Emit(within(t), "news", i, text))
				c.expect(fmt.Sprintf(`["news",%d,%q]`, i, text))
				if i > 0 {
					pgtest.Kill(t, w.url, "NOT "+pgtest.Listeners)
				}
			}
		}
		a.fence(c)
	})
}
