package conformance_test

import (
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestPostgresCluster(t *testing.T) {
	for driver, newDriver := range postgresDrivers {
		for name, c := range map[string]codec.Codec{"node": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
			t.Run(driver+"/"+name, func(t *testing.T) {
				database := pgtest.Database(t)
				conformance.Cluster(t, conformance.ClusterHarness{
					NewConfig: func(tb testing.TB) core.Config {
						return core.Config{Bus: newPostgresDriver(tb, newDriver, database), Codec: c}
					},
					Sever: func(tb testing.TB, _ core.Config) { pgtest.KillListeners(tb, database) },
				})
			})
		}
	}
}
