package wsframe

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMergedWritesAreTheFramesInTheirOrder(t *testing.T) {
	for seed := range int64(200) {
		random := rand.New(rand.NewSource(seed))
		var q Queue
		var want, got []byte
		push := func() {
			data := bytes.Repeat([]byte{byte('a' + random.Intn(26))}, random.Intn(1<<random.Intn(17)))
			f := NewFrame(Part{Data: data, Binary: random.Intn(2) == 0})
			q.Push(Item{Frame: f, Share: 1})
			want = append(want, f.Plain()...)
		}
		buf := make([]byte, 0, 1<<(10+random.Intn(7)))
		for range random.Intn(60) {
			push()
		}
		for q.Frames > 0 {
			l := q.Take()
			if random.Intn(3) == 0 {
				push() // while others are written
			}
			for range random.Intn(4) {
				if l.Empty() {
					break
				}
				p := l.Merge(buf, Form{})
				n := len(p)
				if random.Intn(2) == 0 {
					n = random.Intn(n + 1) // a socket may take less
				}
				got = append(got, p[:n]...)
				q.Remove(l.Advance(n, Form{}))
			}
			q.PutBack(l)
		}
		require.True(t, bytes.Equal(want, got), "seed %d", seed)
		require.Equal(t, Total{}, q.Total, "seed %d", seed)
		require.True(t, q.Empty(), "seed %d", seed)
	}
}

func TestPopLastRemovesTheNewestFrame(t *testing.T) {
	for n := range 40 {
		var q Queue
		frames := make([]*Frame, n+1)
		for i := range frames {
			frames[i] = NewFrame(Part{Data: []byte{byte(i)}})
			q.Push(Item{Frame: frames[i]})
		}
		require.Same(t, frames[n], q.PopLast().Frame)
		for i := range n {
			require.Same(t, frames[i], q.First().Frame)
			q.Pop()
		}
		require.True(t, q.Empty())
	}
}
