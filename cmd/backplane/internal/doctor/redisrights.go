package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

// right is something that a node does, and that an ACL may forbid.
type right struct {
	command string
	channel string // as transport.Bus has it, or a name for several channels, or a key
	try     func(ctx context.Context, d *redisdriver.Driver, channel string) error
	keys    string // a pattern of the keys that the user needs, if channel is one of them
}

// rights returns what a node needs to do, except to publish on the channels of the namespace: whoever may listen to a
// channel may publish there if they may publish at all.
func (s *subject) rights() ([]right, error) {
	channels, err := s.flags.Channels(s.nsp)
	if err != nil {
		return nil, err
	}
	wire, err := s.flags.Wire(s.redis.Driver()) // which does not connect
	if err != nil {
		return nil, err
	}
	counted := ""
	if w, ok := wire.Wire.(dialect.Counted); ok {
		counted = w.CountedChannel(s.nsp)
	}
	all := []right{{command: s.redis.Command("publish"), channel: s.flags.OwnChannel(), try: publishes}}
	numsub := "pubsub|numsub"
	if s.redis.Config.Sharded {
		numsub = "pubsub|shardnumsub"
	}
	if s.redis.Config.RawNames { // a node tests the connection with such a channel when it starts
		start := "backplane#" + listen.RandomText()
		all = append(all, right{command: s.redis.Command("publish"), channel: start, try: publishes},
			right{command: s.redis.Command("subscribe"), channel: start, try: listens},
			right{command: s.redis.Command("unsubscribe"), channel: start, try: leaves})
	}
	for _, channel := range channels {
		_, many := transport.CutPrefixName(channel)
		stream, _, entries := streamentry.Parse(channel)
		switch {
		case entries:
			all = append(all, s.streamRights(stream)...)
		case many:
			all = append(all, right{command: "psubscribe", channel: channel, try: listens},
				right{command: "punsubscribe", channel: channel, try: leaves})
		case channel == counted: // who listens there counts as a node
			all = append(all, right{command: numsub, channel: channel, try: counts})
		default:
			all = append(all, right{command: s.redis.Command("subscribe"), channel: channel, try: listens},
				right{command: s.redis.Command("unsubscribe"), channel: channel, try: leaves})
		}
	}
	return all, nil
}

func publishes(ctx context.Context, d *redisdriver.Driver, channel string) error {
	return d.Publish(ctx, transport.Message{Channel: channel})
}

func counts(ctx context.Context, d *redisdriver.Driver, channel string) error {
	_, err := d.Listeners(ctx, channel)
	return err
}

func listens(ctx context.Context, d *redisdriver.Driver, channel string) error {
	return inSession(ctx, d, func(session transport.Session) error { return session.Listen(ctx, channel) })
}

// leaves tries to leave a channel, to which the session need not listen for that.
func leaves(ctx context.Context, d *redisdriver.Driver, channel string) error {
	return inSession(ctx, d, func(session transport.Session) error {
		if session.Listen(ctx, channel) != nil {
			return nil // which is reported already
		}
		return session.Unlisten(ctx, channel)
	})
}

func inSession(ctx context.Context, d *redisdriver.Driver, f func(transport.Session) error) error {
	session, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close(ctx) }() // it is not used again
	return f(session)
}

// redisRights checks that the ACL allows what a node does.
func redisRights(ctx context.Context, s *subject) finding {
	all, err := s.rights()
	if err != nil {
		return s.notChecked(err)
	}
	d := s.redis.New()
	defer connect.CloseDriver(ctx, d)
	var missing, reasons, grants []string
	for _, r := range all {
		err := r.try(ctx, d, r.channel)
		switch {
		case err == nil:
			continue
		case !errors.Is(err, redisdriver.ErrDenied) && !redis.IsPermissionError(err):
			return s.notChecked(err)
		}
		name := connect.Shown(s.redis.ChannelName(r.channel))[0]
		missing = append(missing, r.command+" "+name)
		if reason := s.redis.Reply(err); !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
		grants = append(grants, "+"+r.command)
		if _, many := transport.CutPrefixName(r.channel); many {
			grants = append(grants, "&"+name)
		}
		if r.keys != "" {
			grants = append(grants, "~"+r.keys)
		}
	}
	if len(missing) == 0 {
		return pass("the ACL allows the commands and channels of a node")
	}
	grants = append(grants, "&"+s.redis.ChannelName("")+"*")
	if s.redis.Config.RawNames {
		grants[len(grants)-1] = "&" + s.flags.Prefix + "*"
		grants = append(grants, "&backplane#*")
	}
	slices.Sort(grants)
	where := ""
	if s.redis.Mode == connect.RedisCluster {
		where = "on each node: "
	}
	return finding{Status: fail,
		Detail: fmt.Sprintf("the user %q may not %s: %s", s.redisUser(), strings.Join(missing, ", "),
			strings.Join(reasons, "; ")),
		Advice: fmt.Sprintf("%sACL SETUSER %s %s", where, s.redisUser(), strings.Join(slices.Compact(grants), " "))}
}
