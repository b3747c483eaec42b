package memory_test

import (
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

func TestConformance(t *testing.T) {
	store := memory.NewStore()
	conformance.Store(t, conformance.StoreHarness{
		NewStore: func(testing.TB) storage.Store { return store },
	})
}
