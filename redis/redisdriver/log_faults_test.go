package redisdriver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

// stream is the key of the log of channel a.
const stream = "{backplane}log:a"

// With appendfsync everysec, a server that is killed may lose the last second, although it has the rest.
func TestKilledServerBeginsANewEpoch(t *testing.T) {
	server := redistest.New(t, "appendonly yes", "appendfsync everysec")
	d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
	before := appendTo(t, d, "a", numbered(100)...)
	for server.Info(t, "persistence", "aof_pending_bio_fsync") != "0" || server.Info(t, "persistence",
		"aof_buffer_length") != "0" { // what it has not written yet would be lost, which is not this test
	}
	server.Kill(t)
	server.Up(t)
	require.Equal(t, "100", server.Do(t, "HGET", "{backplane}log", ":a").Text(), "the server has the log")
	requireNewEpoch(t, d, "a", before[49].Position())
}

// A snapshot is older than what was kept last.
func TestRestoredSnapshotBeginsANewEpoch(t *testing.T) {
	server := redistest.New(t)
	d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
	appendTo(t, d, "a", "1", "2")
	server.Do(t, "SAVE")
	lost := appendTo(t, d, "a", "3", "4")
	server.Kill(t)
	server.Up(t)
	require.Equal(t, "2", server.Do(t, "HGET", "{backplane}log", ":a").Text(), "the server has the snapshot")
	requireNewEpoch(t, d, "a", lost[0].Position())
}

func TestSentinelFailoverBeginsANewEpoch(t *testing.T) {
	sentinel := redistest.NewSentinel(t)
	d := prepared(t, closed(t, redisdriver.NewWithConfig(sentinelClient(t, sentinel, false), fast)))
	s := hears(t, d, "a")
	before := appendTo(t, d, "a", "1", "2", "3")
	sentinel.Failover(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrMoved)
	requireNewEpoch(t, d, "a", before[0].Position())
}

// A server that was a replica for a moment has got the data of another server, and lost what that did not have.
func TestServerThatWasAReplicaBeginsANewEpoch(t *testing.T) {
	server := redistest.New(t)
	replica := server.NewReplica(t)
	d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
	before := appendTo(t, d, "a", "1", "2")
	waitForReplica(t, server, replica)
	replica.Do(t, "REPLICAOF", "NO", "ONE") // it takes over, before it has heard of the next message
	lost := appendTo(t, d, "a", "3")
	server.Follow(t, replica)
	server.Do(t, "REPLICAOF", "NO", "ONE")
	require.Equal(t, "2", server.Do(t, "HGET", "{backplane}log", ":a").Text(), "it has lost a message")
	requireNewEpoch(t, d, "a", before[0].Position())
	_, err := d.Replay(bounded(t), "a", lost[0].Position(), transport.ReadLimit{})
	require.ErrorIs(t, err, transport.ErrEpoch)
}

// waitForReplica returns when a replica has everything that its primary has.
func waitForReplica(tb testing.TB, primary, replica *redistest.Server) {
	tb.Helper()
	want := primary.Info(tb, "replication", "master_repl_offset")
	for ctx := bounded(tb); ; { // the primary goes on with pings
		var has, needs int64
		_, err := fmt.Sscan(replica.Info(tb, "replication", "slave_repl_offset")+" "+want, &has, &needs)
		require.NoError(tb, err)
		if has >= needs {
			return
		}
		require.NoError(tb, ctx.Err())
	}
}

// Nothing is read from a replica, nor written to it.
func TestReplicaHasNoLog(t *testing.T) {
	server := redistest.New(t)
	d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
	appendTo(t, d, "a", "1")
	server.Follow(t, redistest.New(t))
	_, err := d.Bounds(bounded(t), "a")
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	err = d.Append(bounded(t), kept("a", "2"))
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	require.ErrorIs(t, err, transport.ErrNotSent)
}

// Whatever somebody removes from the keys of the log, a reader gets everything or an error.
func TestRemovedMessagesAreNoticed(t *testing.T) {
	server := redistest.New(t)
	for name, c := range map[string]struct {
		remove []string
		want   error
	}{
		"a stream, as by eviction":   {[]string{"DEL", stream}, transport.ErrTrimmed},
		"the head, as by eviction":   {[]string{"DEL", "{backplane}log"}, transport.ErrEpoch},
		"both":                       {[]string{"DEL", "{backplane}log", stream}, transport.ErrEpoch},
		"the channels with messages": {[]string{"DEL", "{backplane}log.live"}, nil},
		"the oldest entries":         {[]string{"XTRIM", stream, "MAXLEN", "3"}, transport.ErrTrimmed},
		"entries in the middle":      {[]string{"XDEL", stream, "6-2", "8-2"}, transport.ErrTrimmed},
		"the latest entry":           {[]string{"XDEL", stream, "20-2"}, transport.ErrTrimmed},
		"all databases":              {[]string{"FLUSHALL"}, transport.ErrEpoch},
	} {
		t.Run(name, func(t *testing.T) {
			server.Do(t, "FLUSHALL")
			d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
			var all []transport.Record
			for i := range 10 {
				all = append(all, appendTo(t, d, "a", fmt.Sprint(2*i), fmt.Sprint(2*i+1))...)
			}
			s := hears(t, d, "a")
			server.Do(t, c.remove...)
			got, err := replayAll(t, d, "a", all[0].Position())
			for i, r := range got {
				require.Equal(t, all[i+1].Payload, r.Payload, "nothing is left out")
			}
			if c.want == nil {
				require.NoError(t, err)
				require.Len(t, got, 19)
			} else {
				require.ErrorIs(t, err, c.want)
			}
			after := appendTo(t, d, "a", "goes on")
			heard, err := s.ReceiveRecord(bounded(t))
			require.NoError(t, err)
			require.Equal(t, after[0], heard)
			latest, err := d.Latest(bounded(t), "a", transport.Offset{}, transport.ReadLimit{})
			require.NoError(t, err)
			require.Equal(t, "goes on", string(latest[len(latest)-1].Payload))
			require.NoError(t, d.TrimLog(bounded(t), transport.Retention{MaxBytes: 1}))
			require.Zero(t, server.Do(t, "EXISTS", stream).Text()[0]-'0', "what is left can be trimmed")
		})
	}
}

// A server that evicts keys removes streams, and perhaps what is known about them.
func TestEvictionIsNoticed(t *testing.T) {
	server := redistest.New(t, "maxmemory-policy allkeys-random")
	d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
	sent, first := make(map[string][]string), make(map[string]transport.Position)
	names := []string{"a", "b", "c", "d"}
	write := func(round int) {
		for _, name := range names {
			payload := fmt.Sprint(round, strings.Repeat("x", 20_000))
			r := appendTo(t, d, name, payload)[0]
			if p := first[name]; p.Epoch != r.Epoch {
				sent[name], first[name] = nil, transport.Position{Epoch: r.Epoch, Offset: r.Previous}
			}
			sent[name] = append(sent[name], payload)
		}
	}
	for round := range 20 {
		write(round)
	}
	server.Do(t, "CONFIG", "SET", "maxmemory", "2mb")
	for round := 0; server.Info(t, "stats", "evicted_keys") == "0" || round < 5; round++ {
		write(round)
	}
	for _, name := range names {
		got, err := replayAll(t, d, name, first[name])
		if err != nil {
			require.True(t, errors.Is(err, transport.ErrTrimmed) || errors.Is(err, transport.ErrEpoch), "%v", err)
			continue
		}
		require.Equal(t, sent[name], payloads(got))
	}
}

// A server whose memory is full, and that evicts nothing, refuses what is to be kept, and passes on nothing of it.
func TestFullServerRefuses(t *testing.T) {
	server := redistest.New(t)
	d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
	s := hears(t, d, "a")
	server.Do(t, "CONFIG", "SET", "maxmemory", "1")
	sent := append([]transport.Record{{Message: message("a", "x")}}, kept("a", "y")...)
	err := d.Append(bounded(t), sent)
	require.ErrorIs(t, err, redisdriver.ErrUnwritable)
	require.ErrorIs(t, err, transport.ErrNotSent)
	require.ErrorContains(t, err, "maxmemory")
	server.Do(t, "CONFIG", "SET", "maxmemory", "0", "min-replicas-to-write", "1")
	err = d.Append(bounded(t), kept("a", "z"))
	require.ErrorIs(t, err, redisdriver.ErrUnwritable)
	server.Do(t, "CONFIG", "SET", "min-replicas-to-write", "0")
	want := appendTo(t, d, "a", "kept")
	got, err := s.ReceiveRecord(bounded(t))
	require.NoError(t, err)
	require.Equal(t, want[0], got)
	require.Equal(t, transport.Offset{Major: 1}, got.Offset)
}

// The server forgets scripts when it is told to.
func TestForgottenScriptsAreSentAgain(t *testing.T) {
	server := redistest.New(t)
	d := prepared(t, closed(t, redisdriver.New(client(t, server.Address()))))
	for i := range 3 {
		server.Do(t, "SCRIPT", "FLUSH")
		require.Equal(t, uint64(i+1), appendTo(t, d, "a", "x")[0].Offset.Major)
	}
}

func TestRawNamesHaveNoLog(t *testing.T) {
	d := closed(t, redisdriver.NewWithConfig(client(t, redistest.New(t).Address()), redisdriver.Config{RawNames: true}))
	require.ErrorIs(t, d.PrepareLog(bounded(t)), redisdriver.ErrRawNames)
	require.ErrorIs(t, d.PrepareSessions(bounded(t)), redisdriver.ErrRawNames)
	_, err := d.OpenLog(bounded(t))
	require.ErrorIs(t, err, redisdriver.ErrRawNames)
	_, err = d.Bounds(bounded(t), "a")
	require.ErrorIs(t, err, redisdriver.ErrRawNames)
	err = d.Append(bounded(t), kept("a", "x"))
	require.ErrorIs(t, err, redisdriver.ErrRawNames)
	require.ErrorIs(t, err, transport.ErrNotSent)
}
