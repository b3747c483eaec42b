package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestAnotherBridgeTakesOverAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		hub := memory.NewHub()
		first := connect(t, a, b, with(hub))
		var active record[bool]
		second := connect(t, a, b, with(hub), func(c *bridge.Config) { c.ActiveHandler = active.add })
		require.NoError(t, first.Close(t.Context()))
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, []bool{true}, active.all())
		require.NoError(t, a.Emit(t.Context(), "hi"))
		synctest.Wait()
		assert.Equal(t, []string{`["hi"]`}, b.alice.got.all())
		third := connect(t, a, b, with(hub))
		assert.True(t, second.Stats().Active)
		assert.False(t, third.Stats().Active, "the active one stays")
	})
}

func TestNothingCrossesTwiceWhileAnotherBridgeTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		hub := memory.NewHub()
		var rosters []*roster
		var bridges []*bridge.Bridge
		for range 4 {
			r := &roster{Roster: hub}
			rosters = append(rosters, r)
			bridges = append(bridges, connect(t, a, b, with(r)))
		}
		var sent atomic.Int64
		sending, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ; sending.Err() == nil; time.Sleep(5 * time.Millisecond) {
				assert.NoError(t, a.EmitAsync("n", sent.Add(1)))
			}
		}()
		for closes := range 3 {
			time.Sleep(3 * time.Second)
			active := activeOnes(bridges)
			require.Len(t, active, 1)
			i := active[0]
			rosters[i].cut(t)
			time.Sleep(3 * time.Second)
			require.Equal(t, active, activeOnes(bridges), "it has entered again")
			if closes < 2 {
				require.NoError(t, bridges[i].Close(t.Context()))
			} else {
				rosters[i].refuse(errors.New("refused"))
				rosters[i].cut(t)
			}
		}
		time.Sleep(3 * time.Second)
		stop()
		<-done
		synctest.Wait()
		got := b.alice.got.all()
		last := int64(0)
		for _, event := range got {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(event, `["n",`), "]"), 10, 64)
			require.NoError(t, err)
			require.Greater(t, n, last, "in order, and once")
			last = n
		}
		assert.Equal(t, sent.Load(), last)
		assert.Greater(t, len(got), int(sent.Load())-6*300, "what is lost: at most a second and a half for each change")
	})
}

func TestBridgeOfWhichTheConnectionEndsStopsBeforeAnotherOneBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		r := &roster{Roster: memory.NewHub()}
		var active record[bool]
		first := connect(t, a, b, with(r), func(c *bridge.Config) { c.ActiveHandler = active.add })
		bridges := []*bridge.Bridge{first, connect(t, a, b, with(r)), connect(t, a, b, with(r))}
		for range 50 {
			r.cut(t)
			for range 300 {
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				require.LessOrEqual(t, len(activeOnes(bridges)), 1)
			}
			require.Equal(t, []int{0}, activeOnes(bridges), "it goes on, because the others wait longer")
		}
		assert.Len(t, active.all(), 1+2*50)
	})
}

// The connection of the active bridge ends, whenever that is between two looks of both bridges at the roster, and it
// cannot enter it again. It stops so long before another one begins that both may receive the same messages at
// different times.
func TestTheActiveBridgeStopsLongBeforeAnotherOneBegins(t *testing.T) {
	const step, most = 60 * time.Millisecond, 240 * time.Millisecond
	for offset := time.Duration(0); offset <= most; offset += step {
		for phase := time.Duration(0); phase <= most; phase += step {
			t.Run(fmt.Sprint(offset, phase), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := newSides(t)
					hub := memory.NewHub()
					own, others := &roster{Roster: hub}, &roster{Roster: hub}
					var stopped, began time.Time
					connect(t, a, b, with(own), func(c *bridge.Config) {
						c.ActiveHandler = func(bool) { stopped = time.Now() }
					})
					time.Sleep(offset)
					connect(t, a, b, with(others), func(c *bridge.Config) {
						c.ActiveHandler = func(bool) { began = time.Now() }
					})
					time.Sleep(time.Second + phase)
					own.refuse(errors.New("refused"))
					own.cut(t)
					time.Sleep(1100 * time.Millisecond)
					synctest.Wait()
					require.False(t, began.IsZero())
					assert.GreaterOrEqual(t, began.Sub(stopped), 500*time.Millisecond)
				})
			})
		}
	}
}
