package natsdriver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/natsdriver"
)

func prepared(tb testing.TB, d *natsdriver.Driver) *natsdriver.Driver {
	tb.Helper()
	require.NoError(tb, d.PrepareLog(bounded(tb)))
	return d
}
