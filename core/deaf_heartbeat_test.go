package core_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/backplane-go/backplane/transport/memory"
)

func TestDeafNodeSendsHeartbeatsInTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		join(t, open(t, hub), "/", nil)
		join(t, open(t, b), "/", nil)
		synctest.Wait()
		b.refuse()
		b.sever(errBroken)
		time.Sleep(11 * time.Second) // the peer has been silent for HeartbeatTimeout: it would expire
		before := len(b.sizes())
		time.Sleep(time.Minute)
		assert.LessOrEqual(t, len(b.sizes())-before, 13,
			"a node that cannot hear its peers publishes one heartbeat every 5 s, for a minute; "+
				"more of them do not bring anything back, and each may be an error that is reported")
	})
}
