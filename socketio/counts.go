package socketio

import (
	"errors"
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// counts are the counters of a server.
type counts struct {
	clients *client.Counts

	connects, sentEvents, sentAcks, recovered, notRecovered atomic.Uint64
	refusals, disconnects                                   map[string]*atomic.Uint64 // by reason
}

// reasonReauthentication is the reason for which a client is disconnected that may not stay.
const reasonReauthentication = engineio.Reason("reauthentication failed")

// reasonOther stands for all reasons that are not known beforehand.
const reasonOther = "other"

// The reasons for which a client may not join a namespace, besides quotas and errInvalidNamespace.
const (
	refusalMiddleware = "middleware"
	refusalInternal   = "internal error"
)

func newCounts() counts {
	var quotas []string
	for _, q := range quota.All {
		quotas = append(quotas, string(q))
	}
	tally := func(lists ...[]string) map[string]*atomic.Uint64 {
		all := map[string]*atomic.Uint64{reasonOther: new(atomic.Uint64)}
		for _, list := range lists {
			for _, reason := range list {
				all[reason] = new(atomic.Uint64)
			}
		}
		return all
	}
	refusals := append(engineio.RefusalReasons(), errInvalidNamespace.Error(), refusalMiddleware, refusalInternal)
	var disconnects []string
	for _, r := range []engineio.Reason{engineio.TransportClose, engineio.TransportError, engineio.PingTimeout,
		engineio.ServerShutdown, engineio.ForcedClose, engineio.ParseError, client.ForcedServerClose,
		reasonReauthentication} {
		disconnects = append(disconnects, string(r))
	}
	return counts{clients: client.NewCounts(),
		refusals: tally(refusals, quotas), disconnects: tally(disconnects, quotas)}
}

func count(all map[string]*atomic.Uint64, reason string) {
	n := all[reason]
	if n == nil {
		n = all[reasonOther]
	}
	n.Add(1)
}

func snapshot(all map[string]*atomic.Uint64) map[string]uint64 {
	values := make(map[string]uint64, len(all))
	for reason, n := range all {
		values[reason] = n.Load()
	}
	return values
}

// countJoinRefused counts a client that may not join a namespace because of err. The application chooses the texts of
// its errors, so they all count as one reason.
func (c *counts) countJoinRefused(err error) {
	var quota *QuotaError
	var panicked *PanicError
	err = guard.Error(err)
	switch {
	case errors.As(err, &quota):
		count(c.refusals, string(quota.Quota))
	case errors.Is(err, errInvalidNamespace):
		count(c.refusals, errInvalidNamespace.Error())
	case errors.Is(err, errInternal), errors.Is(err, ErrExited), errors.As(err, &panicked):
		count(c.refusals, refusalInternal)
	default:
		count(c.refusals, refusalMiddleware)
	}
}
