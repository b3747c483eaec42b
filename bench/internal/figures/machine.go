// Package figures is shared by the benchmarks: their flags, result files, charts, and the description of the machine.
//
// # Files
//
//   - options.go: the flags, and the end of the program
//   - machine.go: the description of the machine and of the installed versions
//   - cpu.go: the CPU time of all processes
//   - files.go: the results as JSON, the chart and the table of the documentation
//   - chart.go: the chart as SVG
//   - paragraph.go: paragraphs for the page
//   - median.go: medians, sums and quotients; the progress line
package figures

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Machine returns the number of processors, the system and the model of the CPU.
func Machine() map[string]any {
	m := map[string]any{"cpus": runtime.NumCPU(), "os": runtime.GOOS, "arch": runtime.GOARCH}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
				m["cpu"] = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// NodeVersion returns the version of the Node.js in PATH, or an empty string.
func NodeVersion() string {
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// PackageVersion returns the version of an npm package that the Node.js workers load, or an empty string.
func PackageVersion(name string) string {
	text, err := os.ReadFile(filepath.Join(os.Getenv("BACKPLANE_TEST_NODE_MODULES"), name, "package.json"))
	if err != nil {
		return ""
	}
	var p struct{ Version string }
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	return p.Version
}
