package conformance

import "testing"

// ClusterChecks returns the names of the checks of a cluster.
func ClusterChecks() []string { return names(clusterChecks()) }

// ClusterWhy returns the promise that a failure of a check of a cluster must cite.
func ClusterWhy(tb testing.TB, name string) string { return named(tb, clusterChecks(), name).why }

// CheckCluster runs one check of a cluster.
func CheckCluster(tb testing.TB, name string, h ClusterHarness) {
	checkNamed(tb, h.newSuite(false), clusterChecks(), name,
		func(c *checker) *clusterChecker { return newClusterChecker(c, h) })
}

// SoakCluster runs one check of a cluster in the soak profile.
func SoakCluster(tb testing.TB, name string, h ClusterHarness) {
	checkNamed(tb, h.newSuite(true), clusterChecks(), name,
		func(c *checker) *clusterChecker { return newClusterChecker(c, h) })
}
