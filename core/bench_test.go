package core_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

// counter is a LocalSockets that counts broadcasts.
type counter struct {
	*core.Registry
	n atomic.Int64
}

func (c *counter) Broadcast(*core.Packet, core.Selector) { c.n.Add(1) }

// BenchmarkEmit emits without peers, when Emit does not wait for the bus (see solo), and with one, when it does.
func BenchmarkEmit(b *testing.B) {
	for _, peers := range []int{0, 1} {
		for _, goroutines := range []int{1, 64} {
			b.Run(fmt.Sprintf("peers=%d/goroutines=%d", peers, goroutines), func(b *testing.B) {
				hub := memory.NewHub()
				ns := join(b, open(b, hub), "/", &counter{Registry: core.NewRegistry(core.RegistryConfig{})})
				for range peers {
					join(b, open(b, hub), "/", &counter{Registry: core.NewRegistry(core.RegistryConfig{})})
				}
				if err := ns.WaitForPeers(b.Context(), peers); err != nil {
					b.Fatal(err)
				}
				emitFrom(b, ns.To("room1"), goroutines)
			})
		}
	}
}

// emitFrom emits b.N events from so many goroutines at the same time.
func emitFrom(b *testing.B, room core.Target, goroutines int) {
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := room.Emit(b.Context(), "event", "some text", 42); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkEmitAsync(b *testing.B) {
	ns := join(b, open(b, memory.NewHub()), "/", &counter{Registry: core.NewRegistry(core.RegistryConfig{})})
	room := ns.To("room1")
	b.ReportAllocs()
	for range b.N {
		for room.EmitAsync("event", "some text", 42) != nil {
			time.Sleep(time.Microsecond)
		}
	}
}

// BenchmarkReceive measures a broadcast from the bus to LocalSockets.
func BenchmarkReceive(b *testing.B) {
	hub := memory.NewHub()
	local := &counter{Registry: core.NewRegistry(core.RegistryConfig{})}
	join(b, open(b, hub), "/", local)
	p := newPuppet(b, hub, "/x", "puppet") // on another channel: it must not be measured too
	p.nsp = "/"
	env := codec.Envelope{Type: codec.Broadcast, Args: args("event", "some text", 42),
		Opts: codec.Opts{Rooms: []string{"room1"}}}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		p.say(env)
		for int64(i)-local.n.Load() > 1000 {
			time.Sleep(10 * time.Microsecond)
		}
	}
	for local.n.Load() < int64(b.N) {
		time.Sleep(10 * time.Microsecond)
	}
}

func BenchmarkRegistryBroadcast(b *testing.B) {
	r := core.NewRegistry(core.RegistryConfig{})
	for i := range 10000 {
		r.Add(silent(fmt.Sprint(i)), fmt.Sprint("room", i%1000))
	}
	p := &core.Packet{Args: args("event")}
	for name, to := range map[string]core.Selector{
		"room": {Rooms: []string{"room1"}},
		"rooms=10": {Rooms: []string{"room0", "room1", "room2", "room3", "room4", "room5", "room6", "room7",
			"room8", "room9"}},
		"all":        {},
		"all_except": {Except: []string{"room1"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				r.Broadcast(p, to)
			}
		})
	}
}
