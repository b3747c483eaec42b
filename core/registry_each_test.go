package core_test

import (
	"fmt"
	"testing"

	"github.com/backplane-go/backplane/core"
	"github.com/stretchr/testify/assert"
)

func TestEachCallsForTheSelectedOnce(t *testing.T) {
	r, clients := crowd("a", "b", "c")
	r.AddAll("a", "x", "y")
	r.AddAll("b", "y")
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
				r.AddAll(s.ID(), "x")
				r.Each(core.Selector{Rooms: []string{"x", s.ID()}}, func(core.Socket) {})
				r.Add(silent("new" + s.ID()))
				r.DelAll(s.ID())
			})
			assert.Equal(t, 5, calls, "who comes meanwhile has no turn in a call that has chosen already")
			assert.Equal(t, 5, r.Len(), "those that came")
		})
	}
}
