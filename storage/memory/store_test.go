package memory_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

func TestExpireByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		old, err := store.Put(t.Context(), []byte("old"))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		young, err := store.Put(t.Context(), []byte("young"))
		require.NoError(t, err)

		require.NoError(t, store.Expire(t.Context(), time.Minute))
		require.Equal(t, 2, store.Len(), "a body that is exactly as old as age must stay")
		time.Sleep(time.Nanosecond)
		require.NoError(t, store.Expire(t.Context(), time.Minute))
		_, err = store.Get(t.Context(), old)
		require.ErrorIs(t, err, storage.ErrNotFound)
		body, err := store.Get(t.Context(), young)
		require.NoError(t, err)
		require.Equal(t, "young", string(body))
	})
}

func TestFullStoreRefusesUntilABodyExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStoreWithConfig(memory.Config{Bytes: 1000})
		_, err := store.Put(t.Context(), make([]byte, 1000))
		require.ErrorIs(t, err, memory.ErrFull)
		_, err = store.Put(t.Context(), make([]byte, 800))
		require.NoError(t, err)
		_, err = store.Put(t.Context(), make([]byte, 800))
		require.ErrorIs(t, err, memory.ErrFull)
		time.Sleep(time.Second)
		require.NoError(t, store.Expire(t.Context(), 0))
		_, err = store.Put(t.Context(), make([]byte, 800))
		require.NoError(t, err)
	})
}

func TestEmptyBodiesCountTowardsTheLimit(t *testing.T) {
	store := memory.NewStoreWithConfig(memory.Config{Bytes: 1000})
	for range 7 {
		_, err := store.Put(t.Context(), nil)
		require.NoError(t, err)
	}
	_, err := store.Put(t.Context(), nil)
	require.ErrorIs(t, err, memory.ErrFull)
}

func TestNilBodyIsAnEmptyBody(t *testing.T) {
	store := memory.NewStore()
	id, err := store.Put(t.Context(), nil)
	require.NoError(t, err)
	found, err := store.GetUpTo(t.Context(), []string{id}, 0)
	require.NoError(t, err)
	require.Equal(t, []storage.Found{{Size: 0, Body: []byte{}}}, found)
}
