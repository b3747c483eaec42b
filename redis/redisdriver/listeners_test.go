package redisdriver_test

import (
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

// Other programs hear a driver with RawNames on the channels that it names, and it hears and counts them.
func TestRawNamesAreThoseOfOtherPrograms(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) redis.UniversalClient{
		"one server": func(t *testing.T) redis.UniversalClient { return client(t, redistest.New(t).Address()) },
		"a Redis Cluster": func(t *testing.T) redis.UniversalClient {
			return clusterClient(t, redistest.NewCluster(t), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			other := open(t)
			d := closed(t, redisdriver.NewWithConfig(other, redisdriver.Config{RawNames: true}))
			require.True(t, d.ListensToPrefixes())
			heard := other.Subscribe(bounded(t), "a#/#", "b#/#")
			t.Cleanup(func() { require.NoError(t, heard.Close()) })
			for range 2 {
				_, err := heard.Receive(bounded(t)) // the confirmation
				require.NoError(t, err)
			}
			s := listening(t, d, "a#/#")
			require.NoError(t, s.Listen(bounded(t), transport.PrefixName("a#/[*]#")))
			counts, err := d.Listeners(bounded(t), "b#/#", "a#/#", "a#/[*]#")
			require.NoError(t, err)
			require.Equal(t, []int{1, 2, 0}, counts)

			var m *redis.Message
			for m == nil { // the nodes of a Redis Cluster may lose what they pass on to each other
				require.NoError(t, d.Publish(bounded(t), message("b#/#", "x")))
				got, err := heard.ReceiveTimeout(bounded(t), 100*time.Millisecond)
				require.False(t, err != nil && !os.IsTimeout(err), err)
				m, _ = got.(*redis.Message)
				require.NoError(t, t.Context().Err())
			}
			require.Equal(t, "x", m.Payload)
			received := make(chan transport.Message, 1)
			go func() {
				if got, err := s.Receive(bounded(t)); assert.NoError(t, err) {
					received <- got
				}
				close(received)
			}()
			var got transport.Message
			for waiting := true; waiting; {
				for _, channel := range []string{"a#/x#room#", "a#/[*]#room#"} {
					require.NoError(t, other.Publish(bounded(t), channel, channel).Err())
				}
				select {
				case got = <-received:
					waiting = false
				case <-time.After(100 * time.Millisecond):
				}
			}
			require.Equal(t, message(transport.PrefixName("a#/[*]#"), "a#/[*]#room#"), got)
		})
	}
}

func TestShardedChannelsHaveNoPrefixes(t *testing.T) {
	d := closed(t, redisdriver.New(clusterClient(t, redistest.NewCluster(t), nil)))
	require.False(t, d.ListensToPrefixes())
	s := listening(t, d, "a")
	counts, err := d.Listeners(bounded(t), "a", "b")
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, counts)
	require.ErrorIs(t, s.Listen(bounded(t), transport.PrefixName("a")), redisdriver.ErrPrefix)
}
