package quota_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// clock is a time that only the test changes.
type clock struct{ now time.Duration }

func (c *clock) read() int64 { return int64(c.now) }

// spend returns how many events of n bytes are allowed at once.
func spend(r *quota.Rate, n int, limits quota.RateLimits, c *clock) (events int, reason quota.Name) {
	for events < 1_000_000 {
		if reason = r.Spend(n, limits, c.read); reason != "" {
			return events, reason
		}
		events++
	}
	return events, ""
}

func TestRate(t *testing.T) {
	limits := quota.RateLimits{Events: 10, Bytes: 1000}

	t.Run("AllowsABurst", func(t *testing.T) {
		var c clock
		r := quota.NewRate(limits, c.read())
		n, reason := spend(&r, 1, limits, &c)
		assert.Equal(t, 50, n)
		assert.Equal(t, quota.EventRate, reason)
		r = quota.NewRate(limits, c.read())
		n, reason = spend(&r, 1000, limits, &c)
		assert.Equal(t, 5, n)
		assert.Equal(t, quota.ByteRate, reason)
	})
	t.Run("AllowsTheLimitForever", func(t *testing.T) {
		var c clock
		r := quota.NewRate(limits, c.read())
		for i := range 10_000 {
			c.now += time.Second / 10
			require.Empty(t, r.Spend(100, limits, c.read), "event %d", i)
		}
	})
	t.Run("RefusesMoreThanTheLimitInTheLongRun", func(t *testing.T) {
		var c clock
		r := quota.NewRate(limits, c.read())
		allowed := 0
		for range 100_000 {
			c.now += time.Second / 1000
			if r.Spend(1, limits, c.read) == "" {
				allowed++
			}
		}
		assert.InDelta(t, 100*10+50, allowed, 1, "events allowed in 100 seconds")
	})
	t.Run("AllowsTwoBurstsAtOnceAtMost", func(t *testing.T) {
		var c clock
		r := quota.NewRate(limits, c.read())
		c.now = time.Hour
		n, _ := spend(&r, 1, limits, &c)
		assert.LessOrEqual(t, n, 2*50)
	})
	t.Run("RefusedEventsUseUpNothing", func(t *testing.T) {
		var c clock
		r := quota.NewRate(limits, c.read())
		spend(&r, 1, limits, &c)
		for range 1000 {
			require.NotEmpty(t, r.Spend(1, limits, c.read))
		}
		c.now += time.Second
		n, _ := spend(&r, 1, limits, &c)
		assert.Equal(t, 10, n)
	})
	t.Run("NoLimit", func(t *testing.T) {
		var c clock
		for _, none := range []quota.RateLimits{{}, {Events: -1, Bytes: -1}} {
			r := quota.NewRate(none, c.read())
			n, _ := spend(&r, 1<<30, none, &c)
			assert.Equal(t, 1_000_000, n)
		}
	})
}

func TestBudget(t *testing.T) {
	const kb, mb = 1 << 10, 1 << 20

	t.Run("SmallQueuesAreNotCounted", func(t *testing.T) {
		b := quota.NewBudget(mb)
		var a quota.Account
		assert.True(t, a.Settle(b, 16*kb-1))
		assert.Zero(t, b.Used())
		assert.True(t, a.Settle(b, 16*kb))
		assert.EqualValues(t, 16*kb, b.Used())
		assert.True(t, a.Settle(b, 0))
		assert.Zero(t, b.Used())
	})
	t.Run("OneAccountMayHoldTheWholeBudget", func(t *testing.T) {
		b := quota.NewBudget(mb)
		var a quota.Account
		assert.True(t, a.Settle(b, mb))
		assert.False(t, a.Settle(b, 2*mb))
		assert.True(t, a.Settle(b, mb))
	})
	t.Run("OnlyAccountsAboveTheirShareAreRefused", func(t *testing.T) {
		b := quota.NewBudget(mb)
		var greedy, modest quota.Account
		assert.True(t, greedy.Settle(b, mb))
		assert.True(t, modest.Settle(b, quota.LeastShare),
			"an account within LeastShare must be allowed, even if the budget is used up")
		assert.False(t, greedy.Settle(b, mb))
		greedy.Settle(b, 0)
		assert.True(t, modest.Settle(b, mb/2))
	})
	t.Run("EmptiedAccountsLeaveTheBudgetEmpty", func(t *testing.T) {
		b := quota.NewBudget(mb)
		all := make([]quota.Account, 100)
		for round := range 50 {
			for i := range all {
				all[i].Settle(b, (round*i*7919)%(200*kb))
			}
		}
		for i := range all {
			all[i].Settle(b, 0)
		}
		assert.Zero(t, b.Used())
		var last quota.Account
		assert.True(t, last.Settle(b, mb), "the last account must be allowed, because no other account holds anything")
	})
	t.Run("NoLimit", func(t *testing.T) {
		var a quota.Account
		assert.True(t, a.Settle(quota.NewBudget(-1), math.MaxInt))
	})
}

func TestKey(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":                   "192.0.2.1",
		"192.0.2.1:80":                "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80":   "2001:db8:1:2::",
		"2001:db8:1:2::9":             "2001:db8:1:2::",
		"[::ffff:192.0.2.1]:80":       "192.0.2.1",
		"[fe80::1%eth0]:80":           "fe80::",
		"":                            "invalid IP",
		"@":                           "invalid IP",
		"example.com:80":              "invalid IP",
		"2001:db8:1:2:3:4:5:6%x:y":    "2001:db8:1:2::",
		"999.1.1.1:80":                "invalid IP",
		"[2001:db8:1:2:3:4:5:6%x]:80": "2001:db8:1:2::",
	} {
		assert.Equal(t, want, quota.Key(text).String(), text)
	}
}

// failed returns the limit that an error names.
func failed(t *testing.T, err error) quota.Name {
	t.Helper()
	var e *quota.Error
	require.ErrorAs(t, err, &e)
	return e.Quota
}

func TestAddresses(t *testing.T) {
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	limits := quota.AddressLimits{Sessions: 3, Unjoined: 2, Handshakes: 1}

	t.Run("CountsSessions", func(t *testing.T) {
		var c clock
		table := quota.NewAddresses(limits, c.read)
		var in []*quota.Address
		for range 3 {
			a, err := table.Enter(one)
			require.NoError(t, err)
			table.Joined(a)
			in = append(in, a)
		}
		_, err := table.Enter(one)
		assert.Equal(t, quota.ConnectionsAddress, failed(t, err))
		_, err = table.Enter(other)
		require.NoError(t, err, "the limits must apply to each address separately")
		assert.Equal(t, 2, table.Len())
		table.Leave(in[0], true)
		_, err = table.Enter(one)
		require.NoError(t, err)
	})
	t.Run("CountsSessionsThatHaveNotJoined", func(t *testing.T) {
		var c clock
		table := quota.NewAddresses(limits, c.read)
		first, err := table.Enter(one)
		require.NoError(t, err)
		second, err := table.Enter(one)
		require.NoError(t, err)
		_, err = table.Enter(one)
		assert.Equal(t, quota.UnjoinedAddress, failed(t, err))
		table.Joined(first)
		third, err := table.Enter(one)
		require.NoError(t, err)
		for _, a := range []*quota.Address{second, third} {
			table.Leave(a, false)
		}
		table.Leave(first, true)
		assert.Zero(t, table.Len())
	})
	t.Run("CountsHandshakes", func(t *testing.T) {
		var c clock
		table := quota.NewAddresses(limits, c.read)
		for range 5 {
			require.NoError(t, table.CountHandshake(one))
		}
		assert.Equal(t, quota.HandshakesAddress, failed(t, table.CountHandshake(one)))
		require.NoError(t, table.CountHandshake(other))
		c.now += time.Second
		require.NoError(t, table.CountHandshake(one))
	})
	t.Run("DefaultsDoNotApplyToProxies", func(t *testing.T) {
		var c clock
		table := quota.NewAddresses(quota.AddressLimits{}, c.read)
		for _, proxy := range []string{"127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "fd00::1", "fe80::1", ""} {
			for range 50_000 {
				require.NoError(t, table.CountHandshake(quota.Key(proxy)))
				_, err := table.Enter(quota.Key(proxy))
				require.NoError(t, err)
			}
		}
		for range 5000 {
			_, err := table.Enter(one)
			require.NoError(t, err)
		}
		_, err := table.Enter(one)
		require.True(t, errors.As(err, new(*quota.Error)))
	})
	t.Run("ConfiguredLimitsApplyToAllAddresses", func(t *testing.T) {
		var c clock
		table := quota.NewAddresses(limits, c.read)
		for range 2 {
			_, err := table.Enter(quota.Key("127.0.0.1:1"))
			require.NoError(t, err)
		}
		_, err := table.Enter(quota.Key("127.0.0.1:2"))
		require.Error(t, err)
	})
	t.Run("NegativeMeansNoLimit", func(t *testing.T) {
		var c clock
		table := quota.NewAddresses(quota.AddressLimits{Sessions: -1, Unjoined: -1, Handshakes: -1}, c.read)
		for range 50_000 {
			require.NoError(t, table.CountHandshake(one))
			a, err := table.Enter(one)
			require.NoError(t, err)
			table.Joined(a)
			table.Leave(a, true)
		}
	})
	t.Run("ForgetsInactiveAddresses", func(t *testing.T) {
		var c clock
		table := quota.NewAddresses(limits, c.read)
		stays, err := table.Enter(one)
		require.NoError(t, err)
		for i := range 100_000 {
			key := quota.Key(fmt.Sprintf("2001:db8:%x:%x::", i>>16, i&0xffff))
			require.NoError(t, table.CountHandshake(key))
			require.LessOrEqual(t, table.Remembered(), 10_001)
			if i%100 == 0 {
				c.now += time.Second
			}
		}
		assert.Equal(t, 1, table.Len())
		table.Leave(stays, false)
		assert.Zero(t, table.Len())
	})
}
