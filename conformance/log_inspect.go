package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logInspectChecks = []check[*logChecker]{
	{"LogDescribesItself", "transport.LogInspector.InspectLog",
		"InspectLog returns the epoch, and for each channel whose name begins with the prefix its bounds and the " +
			"number of its messages, in the order of the names. Operators decide by it.", logDescribesItself},
	{"LogCanBePreparedAtOnce", "transport.LogPreparer.PrepareLog",
		"Many nodes may call PrepareLog at the same time and again later: it keeps what is there. When a cluster is " +
			"deployed, all of them start at once.", logCanBePreparedAtOnce},
}

func logDescribesItself(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	inspector, ok := two.(transport.LogInspector)
	if !ok {
		c.Skip("the log does not implement transport.LogInspector")
	}
	inspect := func(prefix string) (info transport.LogInfo) {
		c.Helper()
		c.must("InspectLog "+quote(prefix), func(ctx context.Context) (err error) {
			info, err = inspector.InspectLog(ctx, prefix)
			return err
		})
		return info
	}
	counts := map[string]int{"%": 3, "B": 1, "_": 2, "a": 4, "a%": 5, "ab": 6, "é": 1}
	for name, n := range counts {
		c.append(one, keep(c.channel(name), numberedPayloads("message", n)...)...)
		c.append(one, skip(c.channel(name), "not kept")...)
	}
	before := time.Now()
	for prefix, want := range map[string][]string{
		"": {"%", "B", "_", "a", "a%", "ab", "é"}, "a": {"a", "a%", "ab"}, "ab": {"ab"}, "a%": {"a%"}, "_": {"_"},
		"A": nil, "abc": nil, `\`: nil,
	} {
		info := inspect(c.channel(prefix))
		called := "InspectLog " + quote(c.channel(prefix))
		var names []string
		for _, ch := range info.Channels {
			names = append(names, ch.Channel)
			if b := c.bounds(one, ch.Channel); ch.Bounds != b {
				c.fail(called, fmt.Sprintf("%+v, as Bounds returns", b), "%+v", ch.Bounds)
			}
			if n := counts[ch.Channel[len(c.channel("")):]]; int64(n) != ch.Records {
				c.fail(called, fmt.Sprintf("%d messages of %s", n, quote(ch.Channel)), "%d", ch.Records)
			}
		}
		full := make([]string, len(want))
		for i, name := range want {
			full[i] = c.channel(name)
		}
		if !slices.Equal(names, full) {
			c.fail(called, "the channels "+join(full), "%s", join(names))
		}
		switch {
		case info.Epoch != c.bounds(one, c.channel("a")).Epoch:
			c.fail(called, "the epoch that Bounds returns", "%q", info.Epoch)
		case info.Bytes <= 0:
			c.fail(called, "the space that all logs take", "%d bytes", info.Bytes)
		case info.Oldest.IsZero() || info.Oldest.After(before.Add(time.Minute)):
			c.fail(called, "when the oldest message was kept", "%v", info.Oldest)
		}
	}
}

func logCanBePreparedAtOnce(c *logChecker) {
	var all []transport.LogPreparer
	for range 8 {
		p, ok := c.newUnprepared().(transport.LogPreparer)
		if !ok {
			c.Skip("the log does not implement transport.LogPreparer")
		}
		all = append(all, p)
	}
	a := c.channel("a")
	log := c.newLog()
	begin := c.begin(log, a)
	c.append(log, keep(a, "kept")...)
	c.inParallel("PrepareLog on 16 goroutines", 16, func(ctx context.Context, i int) error {
		return all[i/2].PrepareLog(ctx)
	})
	c.expectPayloads("Append, PrepareLog again, Replay", c.replayAll(c.newLog(), a, begin, transport.ReadLimit{}),
		[]string{"kept"})
}
