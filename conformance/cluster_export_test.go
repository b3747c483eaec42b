package conformance

import (
	"testing"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

// ClusterChecks returns the names of the checks of a cluster.
func ClusterChecks() []string { return names(clusterChecks()) }

// ClusterWhy returns what a failure of a check of a cluster must cite.
func ClusterWhy(tb testing.TB, name string) string { return named(tb, clusterChecks(), name).why }

// CheckCluster runs one check of a cluster.
func CheckCluster(tb testing.TB, name string, h ClusterHarness) {
	checkNamed(tb, h.trial(false), clusterChecks(), name, func(p *probe) *clusterCase { return newClusterCase(p, h) })
}

// Above makes a harness put something upon each node's bus, above what the checks themselves put there.
func (h *ClusterHarness) Above(f func(transport.Bus) transport.Bus) { h.above = f }

// Locals makes a harness put something upon each namespace's Local.
func (h *ClusterHarness) Locals(f func(core.Local) core.Local) { h.local = f }
