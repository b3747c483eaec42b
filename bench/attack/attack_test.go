package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestQuickAttacksAreHeld runs the attacks that take a few seconds. make attack runs all attacks.
func TestQuickAttacksAreHeld(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: the attackers use the address 127.0.0.2, and open files are counted in /proc")
	}
	program := filepath.Join(t.TempDir(), "attack")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	quick := "^(leave-waiting|namespaces|rooms|number|forged-leave|answers)$"
	out, err = exec.Command(program, "-run", quick).CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err, "the server must hold all attacks")
}

func TestAttackOverABoundIsNotHeld(t *testing.T) {
	fine := row{attack: attack{bound: bound{peakMB: 10, cpuSeconds: 1}}, calls: 1, peakMB: 10, cpu: 1}
	for name, spoil := range map[string]func(*row){
		"Peak":        func(r *row) { r.peakMB = 11 },
		"CPU":         func(r *row) { r.cpu = 1.1 },
		"Left":        func(r *row) { r.leftMB = 11 },
		"Goroutines":  func(r *row) { r.goroutines = 1000 },
		"Descriptors": func(r *row) { r.files = 6 },
		"NoAnswer":    func(r *row) { r.calls = 0 },
		"Unserved":    func(r *row) { r.unserved = 1 },
		"Slow":        func(r *row) { r.worst = slowest + time.Millisecond },
		"Found":       func(r *row) { r.broken = []string{"a forged socket"} },
		"Failed":      func(r *row) { r.err = exec.ErrNotFound },
	} {
		t.Run(name, func(t *testing.T) {
			r := fine
			spoil(&r)
			r.judge()
			require.False(t, r.held())
			require.NotContains(t, r.verdict(), "held;")
			var table strings.Builder
			require.False(t, printTable(&table, []row{fine, r}))
		})
	}
	fine.judge()
	require.True(t, fine.held(), fine.verdict())
}
