package conformance

import "testing"

// ClusterChecks returns the names of the checks of a cluster.
func ClusterChecks() []string { return names(clusterChecks()) }

// ClusterWhy returns what a failure of a check of a cluster must cite.
func ClusterWhy(tb testing.TB, name string) string { return named(tb, clusterChecks(), name).why }

// CheckCluster runs one check of a cluster.
func CheckCluster(tb testing.TB, name string, h ClusterHarness) {
	checkNamed(tb, h.trial(false), clusterChecks(), name, func(p *probe) *clusterCase { return newClusterCase(p, h) })
}

// SoakCluster runs one check of a cluster in the profile of Soak.
func SoakCluster(tb testing.TB, name string, h ClusterHarness) {
	checkNamed(tb, h.trial(true), clusterChecks(), name, func(p *probe) *clusterCase { return newClusterCase(p, h) })
}
