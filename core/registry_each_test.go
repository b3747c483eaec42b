package core_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/backplane-go/backplane/core"
)

func TestEachCallsOnceForEachSelectedSocket(t *testing.T) {
	r, clients := crowd("a", "b", "c")
	r.JoinID("a", "x", "y")
	r.JoinID("b", "y")
	for _, c := range []struct {
		to   core.Selector
		want []string
	}{
		{core.Selector{}, []string{"a", "b", "c"}},
		{core.Selector{Rooms: []string{"x"}}, []string{"a"}},
		{core.Selector{Rooms: []string{"x", "y"}}, []string{"a", "b"}},
		{core.Selector{Rooms: []string{"y"}, Except: []string{"a"}}, []string{"b"}},
		{core.Selector{Rooms: []string{"none"}}, nil},
	} {
		var got []string
		r.Each(c.to, func(s core.Socket) {
			assert.Same(t, clients[s.ID()], s, "f gets the sockets themselves")
			got = append(got, s.ID())
		})
		assert.Equal(t, c.want, sorted(got), "Each(%+v)", c.to)
	}
}

func TestEachFollowsTheOrderOfAdding(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	order := func(rooms ...string) (ids []string) {
		r.Each(core.Selector{Rooms: rooms}, func(s core.Socket) { ids = append(ids, s.ID()) })
		return ids
	}
	var all []string
	for i := range 100 {
		id := fmt.Sprint(i)
		all = append(all, id)
		r.Add(silent(id))
		if i%10 == 5 {
			r.JoinID("5", "late")
			r.JoinID(id, "late")
			assert.Equal(t, all, order(), "after %s", id)
		}
	}
	r.JoinID("99", "late")
	r.JoinID("0", "late")
	late := []string{"0", "5", "15", "25", "35", "45", "55", "65", "75", "85", "95", "99"}
	assert.Equal(t, late, order("late"))
	r.JoinID("2", "late")
	assert.Equal(t, append([]string{"0", "2"}, late[1:]...), order("late"))
	r.RemoveID("2")
	assert.Equal(t, late, order("late"))
	r.Add(silent("5"), "late") // added again: it is the last one now
	assert.Equal(t, append(append([]string{"0"}, late[2:]...), "5"), order("late"))
	assert.Equal(t, append(append(append([]string{}, all[:2]...), append(all[3:5:5], all[6:]...)...), "5"), order())
}

// A call of Each does not see the sockets that are added behind its list.
func TestEachIgnoresSocketsThatJoinMeanwhile(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	r.Add(silent("first"))
	for i := range 50 {
		calls := 0
		r.Each(core.Selector{}, func(core.Socket) {
			r.Add(silent(fmt.Sprint(i, "-", calls)))
			calls++
		})
		assert.Equal(t, calls+calls, r.Len())
		if r.Len() > 1000 {
			break
		}
	}
	var group sync.WaitGroup
	group.Go(func() {
		for i := range 500 {
			r.Add(silent(fmt.Sprint("more", i)), "room")
		}
	})
	for range 50 {
		seen := map[string]bool{}
		r.Each(core.Selector{Rooms: []string{"room"}}, func(s core.Socket) { seen[s.ID()] = true })
		r.Each(core.Selector{}, func(core.Socket) {})
		for i := range len(seen) {
			assert.True(t, seen[fmt.Sprint("more", i)])
		}
	}
	group.Wait()
}

func TestEachHoldsNoLock(t *testing.T) {
	for name, to := range map[string]core.Selector{"OneList": {}, "Chosen": {Except: []string{"none"}}} {
		t.Run(name, func(t *testing.T) {
			r := core.NewRegistry(core.RegistryConfig{})
			for i := range 5 {
				r.Add(silent(fmt.Sprint(i)))
			}
			calls := 0
			r.Each(to, func(s core.Socket) {
				calls++
				r.JoinID(s.ID(), "x")
				r.Each(core.Selector{Rooms: []string{"x", s.ID()}}, func(core.Socket) {})
				r.Add(silent("new" + s.ID()))
				r.RemoveID(s.ID())
			})
			assert.Equal(t, 5, calls, "a socket that joins meanwhile is not part of a call that has begun")
			assert.Equal(t, 5, r.Len(), "the sockets that joined meanwhile")
		})
	}
}
