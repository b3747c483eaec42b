package conformance_test

import (
	"context"
	"errors"
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

var clusterForeignMutants = []mutant[conformance.ClusterHarness]{
	breaksCluster("OwnAttachmentsAreNotFetched", "does not know its own broadcasts", func(_ *testing.T, m *clusterMutation) {
		m.codec.peek = func([]byte, codec.Format, string) bool { return false }
		m.codec.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.codec.good.Parse(p, f)
			if err == nil && isEvent(env) {
				env.UID = "x" + env.UID[1:]
			}
			return env, err
		}
	}),
	breaksCluster("MissingAttachmentIsSkipped", "says nothing of an attachment that is not there", func(_ *testing.T, m *clusterMutation) {
		m.store = func(s storage.Store) storage.Store { return forgetfulStore{s} }
	}),
	breaksCluster("ForeignBytesAreSkipped", "takes garbage for a heartbeat", func(_ *testing.T, m *clusterMutation) {
		m.codec.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.codec.good.Parse(p, f)
			if errors.Is(err, codec.ErrMalformed) {
				return &codec.Envelope{Type: codec.Heartbeat}, nil
			}
			return env, err
		}
	}),
	loses("OddPartsAreSkipped", "drops a message for one odd value", func(env *codec.Envelope) bool { return env.Skipped > 0 }),
	loses("UnknownTypesAreSkipped", "hears only what it knows", func(env *codec.Envelope) bool { return !env.Type.Known() }),
	loses("MessagesWithoutNamespaceWork", "drops what names no namespace", func(env *codec.Envelope) bool { return env.NSP == "" }),
	understands("OtherNamespacesMessageIsSkipped", "does not look at the namespace", func(env *codec.Envelope) { env.NSP = "" }),
}

// forgetfulStore has an empty body for every id that it does not know.
type forgetfulStore struct{ storage.Store }

func (s forgetfulStore) Get(ctx context.Context, id string) ([]byte, error) {
	body, err := s.Store.Get(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return []byte{}, nil
	}
	return body, err
}
