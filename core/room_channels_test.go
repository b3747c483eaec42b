package core_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// roomDialect is the standard dialect with a channel for each room.
type roomDialect struct{ standard.Dialect }

func (d roomDialect) Open(o dialect.Options) (dialect.Wire, error) {
	w, err := d.Dialect.Open(o)
	return roomWire{w}, err
}

type roomWire struct{ dialect.Wire }

func (w roomWire) Namespace(name, uid string) (dialect.Route, error) {
	r, err := w.Wire.Namespace(name, uid)
	if name == "" || err != nil {
		return r, err
	}
	return roomRoute{r}, nil
}

func (w roomWire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	channel, _, _ = strings.Cut(channel, roomMark)
	return w.Wire.Parse(channel, p)
}

type roomRoute struct{ dialect.Route }

// roomMark is between the channel of a namespace and a room.
const roomMark = "\x01"

func (r roomRoute) RoomChannel(room string) string { return r.Listen()[0] + roomMark + room }

func (r roomRoute) Channel(env *codec.Envelope) string {
	if env.Type == codec.Broadcast && env.RequestID == "" && len(env.Opts.Rooms) == 1 {
		return r.RoomChannel(env.Opts.Rooms[0])
	}
	return r.Route.Channel(env)
}

func withRooms(c *core.Config) { c.Dialect = roomDialect{} }

// roomsHeard returns the rooms whose channels the sessions of a bus listen to.
func (b *bus) roomsHeard() (rooms []string) {
	for _, channel := range b.listening() {
		if _, room, ok := strings.Cut(channel, roomMark); ok {
			rooms = append(rooms, room)
		}
	}
	slices.Sort(rooms)
	return rooms
}

func TestNodesHearTheRoomsOfTheirSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		registry, clients := crowd("alice", "bob")
		near := open(t, b, withRooms)
		join(t, near, "/", registry)
		other, idle := open(t, hub, withRooms), open(t, hub, withRooms)
		sender := join(t, other, "/", nil)
		join(t, idle, "/", nil)
		assert.Equal(t, []string{"alice", "bob"}, b.roomsHeard(), "rooms that there are when the namespace is opened")

		registry.JoinID("alice", "news")
		require.NoError(t, sender.To("news").Emit(t.Context(), "first"))
		synctest.Wait()
		registry.JoinID("bob", "news")
		registry.LeaveID("alice", "news")
		synctest.Wait()
		received := idle.Stats().Received
		require.NoError(t, sender.To("news").Emit(t.Context(), "second"))
		require.NoError(t, sender.To("news", "sports").Emit(t.Context(), "third"))
		synctest.Wait()
		assert.Equal(t, []string{`["first"]`}, clients["alice"].got.all())
		assert.Equal(t, []string{`["second"]`, `["third"]`}, clients["bob"].got.all())
		assert.Equal(t, received+1, idle.Stats().Received, "a node without the room hears what is for several rooms")

		registry.RemoveID("bob")
		synctest.Wait()
		assert.Equal(t, []string{"alice"}, b.roomsHeard())
	})
}

// Each event is sent as soon as Join has returned, and arrives, however many sockets join at the same time. They share
// round trips.
func TestThousandsOfJoinsAreHeard(t *testing.T) {
	hub := memory.NewHubWithConfig(memory.Config{Buffer: 1 << 16})
	b := &bus{Bus: hub}
	var trips, channels atomic.Int64
	b.fault(faults{listenAll: func(ctx context.Context, s transport.Session, all []string) error {
		trips.Add(1)
		channels.Add(int64(len(all)))
		time.Sleep(time.Millisecond) // a server in the same network
		return s.(transport.MultiListener).ListenAll(ctx, all...)
	}})
	var reported log[error]
	registry := core.NewRegistry(core.RegistryConfig{})
	join(t, open(t, b, withRooms, func(c *core.Config) { c.ErrorHandler = reported.add }), "/", registry)
	sender := join(t, open(t, hub, withRooms), "/", nil)

	const sockets, joins = 200, 30
	var group sync.WaitGroup
	start := time.Now()
	for i := range sockets {
		group.Go(func() {
			c := &client{id: fmt.Sprint("socket ", i)}
			registry.Add(c)
			var want []string
			for k := range joins {
				room := fmt.Sprintf("room %d of %d", k, i)
				registry.JoinID(c.id, room)
				if assert.NoError(t, sender.To(room).Emit(t.Context(), "joined", k)) {
					want = append(want, fmt.Sprintf(`["joined",%d]`, k))
				}
				if k%3 == 0 {
					c.got.wait(t, k+1)
					registry.LeaveID(c.id, room)
				}
			}
			assert.Equal(t, want, c.got.wait(t, joins), "each event to a room that was joined before")
		})
	}
	group.Wait()
	t.Logf("%d joins in %v, in %d round trips for %d channels", sockets*joins, time.Since(start), trips.Load(),
		channels.Load())
	assert.Less(t, trips.Load(), channels.Load()/5, "joins at the same time share round trips")
	assert.Empty(t, reported.all())
}

func TestJoinsWhileTheSessionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		var back log[*core.GapError]
		registry, clients := crowd("alice")
		join(t, open(t, b, withRooms, func(c *core.Config) { c.Trace.SessionRecovered = back.add }), "/", registry)
		sender := join(t, open(t, hub, withRooms), "/", nil)
		b.refuse()
		b.sever(errBroken)
		synctest.Wait()
		start := time.Now()
		registry.JoinID("alice", "news")
		assert.Zero(t, time.Since(start), "Join does not wait for a session that is lost: a gap is reported")
		require.NoError(t, sender.To("news").Emit(t.Context(), "missed"))
		b.heal()
		back.wait(t, 1)
		require.NoError(t, sender.To("news").Emit(t.Context(), "heard"))
		synctest.Wait()
		assert.Equal(t, []string{`["heard"]`}, clients["alice"].got.all())
		assert.Equal(t, []string{"alice", "news"}, b.roomsHeard())
	})
}

func TestJoinReturnsWhenTheSessionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		registry, _ := crowd("alice")
		var reported log[error]
		join(t, open(t, b, withRooms, func(c *core.Config) { c.ErrorHandler = reported.add }), "/", registry)
		b.fault(faults{listen: func(ctx context.Context, _ transport.Session, _ string) error {
			select {
			case <-time.After(time.Second):
				return errBroken
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
		joined := make(chan struct{})
		go func() {
			registry.JoinID("alice", "one")
			close(joined)
		}()
		synctest.Wait()
		registry.JoinID("alice", "two")
		<-joined
		b.heal()
		time.Sleep(2 * time.Minute)
		assert.Equal(t, []string{"alice", "one", "two"}, b.roomsHeard(), "what has failed is tried again")
		assert.NotEmpty(t, reported.all())
	})
}

func TestRoomThatCannotBeHeardHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		registry, clients := crowd("alice")
		var reported log[error]
		cluster := open(t, b, withRooms, func(c *core.Config) { c.ErrorHandler = reported.add })
		join(t, cluster, "/", registry)
		sender := join(t, open(t, hub, withRooms), "/", nil)
		b.fault(faults{listen: func(ctx context.Context, s transport.Session, channel string) error {
			if strings.HasSuffix(channel, "bad") {
				return errBroken
			}
			return s.Listen(ctx, channel)
		}})
		registry.JoinID("alice", "bad")
		var op *core.OpError
		require.ErrorAs(t, reported.wait(t, 1)[0], &op)
		assert.Equal(t, "listen", op.Op)
		time.Sleep(10 * time.Minute)
		before := cluster.Stats().SessionsLost
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, cluster.Stats().SessionsLost, before+11, "it is tried once a minute")
		time.Sleep(30 * time.Second) // until the session is back
		registry.JoinID("alice", "good")
		require.NoError(t, sender.To("good").Emit(t.Context(), "heard"))
		synctest.Wait()
		assert.Contains(t, clients["alice"].got.all(), `["heard"]`)
		registry.LeaveID("alice", "bad")
		time.Sleep(2 * time.Minute)
		before = cluster.Stats().SessionsLost
		time.Sleep(10 * time.Minute)
		assert.Equal(t, before, cluster.Stats().SessionsLost, "nobody needs it any more")
	})
}

func TestSubscriptionsFollowTheRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		registry, _ := crowd("a", "b", "c", "d")
		cluster := open(t, b, withRooms)
		ns, err := cluster.NamespaceAsync("/", registry)
		require.NoError(t, err)
		require.NoError(t, ns.WaitReady(t.Context()))
		assert.Equal(t, []string{"a", "b", "c", "d"}, b.roomsHeard(), "WaitReady waits for the rooms, too")
		b.fault(faults{listen: slowly(time.Millisecond)})
		random := rand.New(rand.NewPCG(1, 2))
		var group sync.WaitGroup
		for _, id := range []string{"a", "b", "c", "d"} {
			seed := random.Uint64()
			group.Go(func() {
				random := rand.New(rand.NewPCG(3, seed))
				for range 500 {
					room := fmt.Sprint("room ", random.IntN(10))
					if random.IntN(2) == 0 {
						registry.JoinID(id, room)
					} else {
						registry.LeaveID(id, room)
					}
					if random.IntN(50) == 0 {
						b.sever(errBroken)
					}
				}
			})
		}
		group.Wait()
		time.Sleep(5 * time.Minute)
		assert.Equal(t, registry.Rooms(), b.roomsHeard())
		require.NoError(t, ns.Close(t.Context()))
		registry.JoinID("a", "later")
		time.Sleep(time.Minute)
		assert.Empty(t, b.roomsHeard())
		assert.Empty(t, b.listening())
	})
}

// What a node sends to rooms in which it has no sockets does not come back, so it does not wait for that.
func TestMessagesToOtherRoomsAreNotExpectedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster := open(t, b, withRooms)
		ns := join(t, cluster, "/", nil)
		for range 3000 {
			require.NoError(t, ns.To("elsewhere").Emit(t.Context(), "x"))
			time.Sleep(77 * time.Millisecond)
		}
		assert.Zero(t, cluster.Stats().SessionsLost)
	})
}

// A node that was asked to make sockets join hears the room before it answers later requests.
func TestRoomsJoinedFromOtherNodesAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		b.fault(faults{listen: slowly(5 * time.Millisecond)})
		registry, clients := crowd("alice", "bob")
		join(t, open(t, b, withRooms), "/", registry)
		sender := join(t, open(t, hub, withRooms), "/", nil)
		require.NoError(t, sender.WaitForPeers(t.Context(), 1))
		require.NoError(t, sender.To("alice").SocketsJoin(t.Context(), "news"))
		_, err := sender.FetchSockets(t.Context())
		require.NoError(t, err)
		require.NoError(t, sender.To("news").Emit(t.Context(), "heard"))
		synctest.Wait()
		assert.Equal(t, []string{`["heard"]`}, clients["alice"].got.all())
		assert.Empty(t, clients["bob"].got.all())
	})
}

// The goroutine that listens waits for Trace.SessionLost, so a socket that joins there must not wait for that
// goroutine.
func TestJoinInATraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		registry, clients := crowd("alice")
		var once sync.Once
		var reported log[error]
		cluster := open(t, hub, withRooms, func(c *core.Config) {
			c.ErrorHandler = reported.add
			c.Trace.SessionLost = func(error) { once.Do(func() { registry.JoinID("alice", "news") }) }
		})
		join(t, cluster, "/", registry)
		sender := join(t, open(t, hub, withRooms), "/", nil)
		hub.Sever(nil)
		time.Sleep(time.Minute)
		require.NoError(t, sender.To("news").Emit(t.Context(), "heard"))
		synctest.Wait()
		assert.Equal(t, []string{`["heard"]`}, clients["alice"].got.all())
	})
}

// plainSockets are LocalSockets that do not say which rooms have sockets.
type plainSockets struct{ core.LocalSockets }

func TestRoomsNeedSocketsThatTellOfThem(t *testing.T) {
	cluster := open(t, memory.NewHub(), withRooms)
	_, err := cluster.Namespace(t.Context(), "/", plainSockets{core.NewRegistry(core.RegistryConfig{})})
	var config *core.ConfigError
	require.ErrorAs(t, err, &config)
	assert.Equal(t, "Dialect", config.Field)
}

// A registry may serve two clusters, such as an old one and a new one.
func TestRegistryOfTwoClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := memory.NewHub(), memory.NewHub()
		registry, clients := crowd("alice")
		old := join(t, open(t, one, withRooms), "/", registry)
		join(t, open(t, two, withRooms), "/", registry)
		registry.JoinID("alice", "news")
		for i, hub := range []*memory.Hub{one, two} {
			sender := join(t, open(t, hub, withRooms), "/", nil)
			require.NoError(t, sender.To("news").Emit(t.Context(), "from", i))
		}
		require.NoError(t, old.Close(t.Context()))
		registry.JoinID("alice", "sports")
		sender := join(t, open(t, two, withRooms), "/", nil)
		require.NoError(t, sender.To("sports").Emit(t.Context(), "still"))
		synctest.Wait()
		assert.Equal(t, []string{`["from",0]`, `["from",1]`, `["still"]`}, clients["alice"].got.all())
	})
}
