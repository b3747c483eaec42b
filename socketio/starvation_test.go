package socketio_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/busy"
	"github.com/backplane-go/backplane/socketio"
)

// The order of events holds between a node and the clients of another node, and between a client and its
// handlers, even when busy goroutines leave the servers little time.
func TestOrderUnderStarvation(t *testing.T) {
	for _, processors := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			here, there := pair(t)
			handled := newEvents[int]()
			there.OnConnection(func(s *socketio.Socket) { s.On("n", handled.add) })
			p := connect(t, there)
			defer busy.Burn(20)()
			const messages = 500
			var group sync.WaitGroup
			group.Go(func() {
				for i := range messages {
					for here.EmitAsync("n", i) != nil { // the queue is full
						time.Sleep(time.Millisecond)
					}
				}
			})
			group.Go(func() {
				for i := range messages {
					p.send(`2["n",%d]`, i)
				}
			})
			for i := range messages {
				p.expect(fmt.Sprintf(`2["n",%d]`, i))
			}
			for i := range messages {
				require.Equal(t, i, handled.next(t))
			}
			group.Wait()
		})
	}
}
