package interop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// legacyNodes opens a namespace on Node.js's nodes first and then on ours, so that all know each other.
func legacyNodes(t *testing.T, ctx context.Context, nsp string, openers ...opener) (askers []asker) {
	t.Helper()
	for _, o := range openers {
		s, err := o.open(ctx, nsp)
		require.NoError(t, err)
		askers = append(askers, s.(asker))
	}
	for _, a := range askers {
		require.NoError(t, a.AwaitServerCount(ctx, len(openers)))
	}
	return askers
}

func connectTo(t *testing.T, ctx context.Context, s side, rooms ...string) client {
	t.Helper()
	c, err := s.connect(ctx, interop.ClientSpec{Rooms: rooms})
	require.NoError(t, err)
	return c
}

// TestInteropLegacyNamespaces: processes with several namespaces. A Node.js node shows only the namespace that it has
// opened last, so our nodes find out whether it has others.
func TestInteropLegacyNamespaces(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newLegacyWorld(t)
			nodes, gos, other := w.startLegacy(t), w.startGo(t, driver), w.startGo(t, pqDriver)
			open := func(o opener, nsp string) asker {
				s, err := o.open(ctx, nsp)
				require.NoError(t, err)
				return s.(asker)
			}
			names := []string{"/", "/chat", "/admin"}
			var node, ours, theirs []asker
			for _, nsp := range names {
				node = append(node, open(nodes, nsp))
			}
			for _, nsp := range names {
				ours, theirs = append(ours, open(gos, nsp)), append(theirs, open(other, nsp))
			}
			alone := open(gos, "/go") // Node.js does not have it
			for i, nsp := range names {
				f := &fixture{T: t, ctx: ctx, nsp: nsp}
				near, far := f.join(ours[i], "near", nsp), f.join(node[i], "far", nsp)
				third := f.join(theirs[i], "third", nsp)
				for _, s := range []asker{ours[i], theirs[i], ours[i]} {
					f.sameSet(ids(near, far, third), f.answered(s.Clients(ctx)))
					f.sameSet(append(ids(near, far, third), "near", "far", "third", nsp), f.answered(s.AllRooms(ctx)))
					f.sameSet([]any{far.ID(), "far", nsp}, f.answered(s.ClientRooms(ctx, far.ID())))
					f.answered(s.RemoteJoin(ctx, far.ID(), "moved"))
					f.answered(s.RemoteLeave(ctx, far.ID(), "moved"))
					f.sameSet([]any{nil, nil}, f.answered(s.CustomRequest(ctx, 1)))
				}
				// Node.js counts our nodes in every namespace, and itself in the last one only.
				count := 2
				if i == len(names)-1 {
					count = 3
					f.sameSet(ids(near, far, third), f.answered(node[i].Clients(ctx)))
					f.sameSet([]any{nil, nil, nil}, f.answered(node[i].CustomRequest(ctx, 1)))
				}
				n, err := node[i].ServerCount(ctx)
				require.NoError(t, err)
				assert.Equal(t, count, n, nsp)
				f.answered(node[i].AllRooms(ctx)) // ends at once
				f.answered(node[i].RemoteDisconnect(ctx, near.ID(), false))
				f.answered(ours[i].RemoteDisconnect(ctx, far.ID(), false))
			}
			f := &fixture{T: t, ctx: ctx}
			c := f.join(alone)
			f.sameSet(ids(c), f.answered(alone.Clients(ctx)))
			require.ErrorIs(t, alone.(*goSide).ns.RemoteJoin(ctx, "nobody", "x"), backplane.ErrSocketNotFound)
			assert.Equal(t, 1, alone.(*goSide).ns.ServerCount(), "Node.js's node has not answered")
		})
	}
}

func asAsker(s side, err error) (asker, error) {
	if err != nil {
		return nil, err
	}
	return s.(asker), nil
}

// TestInteropLegacyThreeNodes: two Go nodes on two drivers and a Node.js node.
func TestInteropLegacyThreeNodes(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newLegacyWorld(t)
	nodes, pgx, pq := w.startLegacy(t), w.startGo(t, pgxDriver, longRequests), w.startGo(t, pqDriver, longRequests)
	sides := legacyNodes(t, ctx, "/", nodes, pgx, pq)
	names := []string{"Node", "GoOnPgx", "GoOnPq"}
	p := newParty(t, ctx, []side{sides[0], sides[1], sides[2]})
	for actor, name := range names {
		s := sides[actor]
		step := func(what string, run func(p *party)) {
			t.Run(name+"/"+what, func(t *testing.T) {
				q := *p
				q.fixture = &fixture{T: t, ctx: ctx, fences: 1000 * actor}
				run(&q)
			})
		}
		step("broadcasts", func(p *party) {
			p.emit(s, interop.Target{}, "all", []byte{1}, longStructure())
			p.expect(p.in(0, 1), "all", []byte{1}, longStructure())
			p.emit(s, interop.To("a"), "to a", actor)
			p.expect(p.in(0), "to a", actor)
			p.fence(s, p.in(0, 1)...)
		})
		step("asks", func(p *party) {
			p.sameSet(ids(p.in(0, 1)...), p.answered(s.Clients(ctx)))
			p.sameSet(ids(p.in(0)...), p.answered(s.Clients(ctx, "a")))
			p.sameSet(append(ids(p.in(0, 1)...), "a", "b"), p.answered(s.AllRooms(ctx)))
			for _, pair := range p.clients {
				p.sameSet([]any{pair[1].ID(), "b"}, p.answered(s.ClientRooms(ctx, pair[1].ID())))
			}
		})
		step("asksServers", func(p *party) {
			var want []any
			for i, other := range sides {
				require.NoError(p, other.CustomHook(ctx, interop.Reply(i)))
				want = append(want, i)
			}
			p.sameSet(want, p.answered(s.CustomRequest(ctx, "x")))
		})
		step("moves", func(p *party) {
			for _, pair := range p.clients {
				p.answered(s.RemoteJoin(ctx, pair[0].ID(), "moved"))
			}
			for _, other := range sides {
				p.sameSet(ids(p.in(0)...), p.answered(other.Clients(ctx, "moved")))
			}
			for _, pair := range p.clients {
				p.answered(s.RemoteLeave(ctx, pair[0].ID(), "moved"))
			}
			p.sameSet([]any{}, p.answered(s.Clients(ctx, "moved")))
		})
	}
	ours := sides[1].(*goSide).ns
	require.NoError(t, ours.WaitForPeers(ctx, 2))
	require.Len(t, ours.Peers(), 2)
	require.Equal(t, 3, ours.ServerCount())
	t.Run("joinsAndLeaves", func(t *testing.T) {
		// Another Go node comes and goes while the others ask. (A node of Node.js that has counted it may wait in vain,
		// so that one asks only when it is open.)
		third := w.startGo(t, pgxDriver, longRequests)
		f := &fixture{T: t, ctx: ctx}
		asking, stop := context.WithCancel(ctx)
		done := make(chan error)
		go func() {
			var err error
			for asking.Err() == nil && err == nil {
				var found []string
				if found, err = ours.Clients(ctx); err == nil && len(found) < 6 {
					err = fmt.Errorf("only %v", found)
				}
				var partial *backplane.PartialError
				if errors.As(err, &partial) && len(partial.Left) > 0 && partial.Err == nil {
					err = nil // it left while it was asked
				}
			}
			done <- err
		}()
		for range 5 {
			s, err := asAsker(third.open(ctx, "/"))
			require.NoError(t, err)
			c := f.join(s)
			require.NoError(t, sides[0].AwaitServerCount(ctx, 4))
			f.sameSet(append(ids(p.in(0, 1)...), c.ID()), f.answered(sides[0].Clients(ctx)))
			f.sameSet(append(ids(p.in(0, 1)...), c.ID()), f.answered(sides[2].Clients(ctx)))
			require.NoError(t, s.Close(ctx))
			require.NoError(t, sides[0].AwaitServerCount(ctx, 3))
			f.sameSet(ids(p.in(0, 1)...), f.answered(sides[0].Clients(ctx)))
			f.sameSet(ids(p.in(0, 1)...), f.answered(sides[2].Clients(ctx)))
		}
		stop()
		require.NoError(t, <-done)
	})
}

// TestInteropLegacyHash: requests in a namespace whose name begins with that of another one and "#" reach both, as in
// Node.js, and yet have the right answers. Broadcasts reach one.
func TestInteropLegacyHash(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newLegacyWorld(t)
	openers := []opener{w.startLegacy(t), w.startGo(t, pgxDriver, longRequests), w.startGo(t, pqDriver, longRequests)}
	names := []string{"/a", "/a#b"} // Node.js shows the second one
	sides := make(map[string][]asker)
	for _, o := range openers {
		for _, nsp := range names {
			s, err := asAsker(o.open(ctx, nsp))
			require.NoError(t, err)
			sides[nsp] = append(sides[nsp], s)
		}
	}
	f := &fixture{T: t, ctx: ctx}
	clients := make(map[string][]client)
	for _, nsp := range names {
		for i, s := range sides[nsp] {
			require.NoError(t, s.CustomHook(ctx, interop.Reply(fmt.Sprintf("%d %s", i, nsp))))
			if nsp == "/a" || i > 0 { // in the URL of a Socket.IO 2 client, "#" is the end of the namespace
				clients[nsp] = append(clients[nsp], f.join(s, "room"))
			}
		}
	}
	for _, nsp := range names {
		for i, s := range sides[nsp] {
			f.emit(s, interop.Target{}, "all", nsp)
			f.expect(clients[nsp], "all", nsp)
			f.emit(s, interop.To("room"), "room", nsp)
			f.expect(clients[nsp], "room", nsp)
			if nsp == "/a" && i == 0 {
				continue // it does not count itself there
			}
			f.sameSet(ids(clients[nsp]...), f.answered(s.Clients(ctx)))
			f.sameSet(append(ids(clients[nsp]...), "room"), f.answered(s.AllRooms(ctx)))
			f.sameSet([]any{"0 " + nsp, "1 " + nsp, "2 " + nsp}, f.answered(s.CustomRequest(ctx, 1)))
			for _, c := range clients[nsp] {
				f.answered(s.RemoteJoin(ctx, c.ID(), "moved"))
				f.sameSet([]any{c.ID(), "room", "moved"}, f.answered(s.ClientRooms(ctx, c.ID())))
				f.answered(s.RemoteLeave(ctx, c.ID(), "moved"))
			}
		}
	}
	for _, nsp := range names {
		f.fence(sides[nsp][1], clients[nsp]...)
	}
}
