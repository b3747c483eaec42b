package memory_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

func TestSessionsConformance(t *testing.T) {
	store := memory.NewStore()
	conformance.Sessions(t, conformance.SessionsHarness{
		NewSessions: func(testing.TB) storage.Sessions { return store },
	})
}

func TestSessionsExpireByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.NewSessions()
		for _, key := range []string{"a", "b", "c"} {
			require.NoError(t, s.SaveSessions(t.Context(), storage.SavedSession{
				Scope: "s", Key: key, Owner: "one", Away: key != "c",
			}))
			time.Sleep(time.Minute)
		}
		require.NoError(t, s.ExpireSessions(t.Context(), "s", 2*time.Minute))
		require.Equal(t, 2, s.Len("s"), "a was away for three minutes, b for two")
		time.Sleep(time.Nanosecond)
		require.NoError(t, s.ExpireSessions(t.Context(), "s", 2*time.Minute))
		require.Equal(t, 1, s.Len("s"), "c is connected")
		require.NoError(t, s.RemoveSessions(t.Context(), "s", "one", "c"))
		require.Zero(t, s.Len("s"))
	})
}

func TestMalformedSessionsAreRefused(t *testing.T) {
	s := memory.NewSessions()
	good := storage.SavedSession{Scope: "s", Key: "k", Owner: "o"}
	for _, text := range []string{strings.Repeat("x", 256), "a\x00b", "\xff"} {
		for _, bad := range []storage.SavedSession{
			{Scope: text, Key: "k", Owner: "o"},
			{Scope: "s", Key: text, Owner: "o"},
			{Scope: "s", Key: "k", Owner: text},
		} {
			require.Error(t, s.SaveSessions(t.Context(), good, bad))
		}
		_, err := s.TakeSession(t.Context(), "s", text, "o", time.Hour)
		require.Error(t, err)
	}
	require.Zero(t, s.Len("s"), "if one is malformed, none is saved")
}
