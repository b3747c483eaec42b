package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport/memory"
)

// footprints prints how much heap an idle namespace, a pending request and a socket in the registry use.
func footprints(ctx context.Context, w io.Writer) error {
	hub := memory.NewHub()
	open := func() (*backplane.Cluster, error) { return backplane.Open(ctx, backplane.Config{Bus: hub}) }
	cluster, err := open()
	if err != nil {
		return err
	}
	defer cluster.Close(ctx)
	local := backplane.NewRegistry(backplane.RegistryConfig{})

	const namespaces = 1000
	before, running := heap(), runtime.NumGoroutine()
	for i := range namespaces {
		if _, err := cluster.Namespace(ctx, fmt.Sprintf("/n%d", i), local); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "idle namespace: %d bytes of heap, and %d goroutines\n", (heap()-before)/namespaces,
		(runtime.NumGoroutine()-running)/namespaces)

	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	const sockets = 100_000
	clients := make([]*silentClient, sockets)
	for i := range clients {
		clients[i] = &silentClient{id: fmt.Sprintf("socket-%d", i)}
	}
	before = heap()
	for i, c := range clients {
		registry.Add(c, room(i, 1000))
	}
	fmt.Fprintf(w, "socket in the registry, in its own room and one of 1000: %d bytes of heap\n",
		(heap()-before)/sockets)
	runtime.KeepAlive(registry)
	return pending(ctx, w, cluster, open, local)
}

// pending measures the memory of requests to a peer that never answers.
func pending(ctx context.Context, w io.Writer, cluster *backplane.Cluster, open func() (*backplane.Cluster, error),
	local backplane.LocalSockets) error {
	peer, err := open()
	if err != nil {
		return err
	}
	defer peer.Close(ctx)
	mute := backplane.NewRegistry(backplane.RegistryConfig{ServerSideEmit: func(backplane.Args,
		func(backplane.Value)) {
	}})
	if _, err := peer.Namespace(ctx, "/pending", mute); err != nil {
		return err
	}
	ns, err := cluster.Namespace(ctx, "/pending", local)
	if err != nil {
		return err
	}
	if err := ns.WaitForPeers(ctx, 1); err != nil {
		return err
	}
	const requests = 10_000
	sent := cluster.Stats().Published
	before, stacks := heap(), stack()
	ask, stop := context.WithCancel(ctx)
	done := make(chan struct{}, requests)
	for range requests {
		go func() {
			_, _ = ns.Timeout(time.Hour).ServerSideEmitWithAck(ask, "question") // ends with the context
			done <- struct{}{}
		}()
	}
	for cluster.Stats().Published < sent+requests {
		time.Sleep(time.Millisecond)
	}
	fmt.Fprintf(w, "pending request: %d bytes of heap, and %d of stack for the goroutine that waits\n",
		(heap()-before)/requests, (stack()-stacks)/requests)
	stop()
	for range requests {
		<-done
	}
	return nil
}

// heap returns the bytes in use after a garbage collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // frees what finalizers and pools kept alive during the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func stack() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.StackInuse
}
