package acks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/acks"
)

func TestEachFunctionIsRemovedOnce(t *testing.T) {
	var table acks.Table
	var called []int
	add := func(id int64, n int) bool {
		return table.Add(id, func(codec.Value, error) { called = append(called, n) })
	}
	require.True(t, add(1, 1))
	require.True(t, add(2, 2))
	require.Nil(t, table.Remove(3), "Remove must return nil if no function waits for the id")
	table.Remove(2)(codec.Value{}, nil)
	require.Nil(t, table.Remove(2), "removed before")
	for _, f := range table.Close() {
		f(codec.Value{}, nil)
	}
	require.Equal(t, []int{2, 1}, called)
	require.False(t, add(4, 4), "Add must return false after Close")
	require.Empty(t, table.Close(), "closed before")
	require.Nil(t, table.Remove(1))
}
