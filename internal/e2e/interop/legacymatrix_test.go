package interop_test

import (
	"fmt"
	"testing"
)

// TestInteropLegacy is the matrix of legacy clusters: each message, in both directions, between
// socket.io-adapter-postgres and our nodes on both drivers.
func TestInteropLegacy(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run("Node-legacy/"+driver, func(t *testing.T) {
			t.Parallel()
			w := newLegacyWorld(t)
			node, ours := w.startLegacy(t), w.startGo(t, driver)
			t.Run("NodeToGo", func(t *testing.T) { runLegacyScenarios(t, w, node, ours) })
			t.Run("GoToNode", func(t *testing.T) { runLegacyScenarios(t, w, ours, node) })
		})
	}
}

// TestInteropLegacyGoToGo runs the scenarios between two of our nodes on different drivers.
func TestInteropLegacyGoToGo(t *testing.T) {
	t.Parallel()
	direction := func(t *testing.T, from, to string) {
		t.Parallel()
		w := newLegacyWorld(t)
		runLegacyScenarios(t, w, w.startGo(t, from), w.startGo(t, to))
	}
	t.Run("pgxToPq", func(t *testing.T) { direction(t, pgxDriver, pqDriver) })
	t.Run("pqToPgx", func(t *testing.T) { direction(t, pqDriver, pgxDriver) })
}

// TestInteropLegacyNodeToNode runs the scenarios between Node.js nodes, which checks the scenarios themselves.
func TestInteropLegacyNodeToNode(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	runLegacyScenarios(t, w, w.startLegacy(t), w.startLegacy(t))
}

func runLegacyScenarios(t *testing.T, w *world, from, to opener) {
	for _, s := range legacyScenarios() {
		t.Run(fmt.Sprintf("type%03d_%s/%s", s.types, s.types, s.name), func(t *testing.T) {
			s.run(newFixture(t, w, from, to, s))
		})
	}
}

// legacyScenarios are the scenarios of legacy clusters.
func legacyScenarios() []scenario {
	var all []scenario
	for _, some := range [][]scenario{legacyBroadcastScenarios(), legacySizeScenarios, legacyRequestScenarios} {
		all = append(all, some...)
	}
	return all
}
