package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// centrifugeVersion is the version in centrifuge/go.mod.
const centrifugeVersion = "0.40.1"

// buildCentrifuge builds the server on centrifuge if it takes part. If the build fails, for example because its modules
// cannot be downloaded, the comparison goes on without it.
func (s *settings) buildCentrifuge(ctx context.Context) (done func(), err error) {
	done = func() {}
	if !slices.ContainsFunc(s.chosen(), func(c benchCase) bool {
		return slices.Contains(c.contenders(s.Contenders),
			others)
	}) {
		return done, nil
	}
	folder, err := os.MkdirTemp("", "backplane-bench-")
	if err != nil {
		return done, err
	}
	done = func() { _ = os.RemoveAll(folder) }
	s.centrifuge = filepath.Join(folder, others)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.centrifuge, ".")
	cmd.Dir = filepath.Join("bench", "server", others)
	cmd.Env = append(os.Environ(), "GOWORK=off") // the workspace does not include its module
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "bench/server: continuing without centrifuge, which cannot be built: %v\n%s", err, out)
		s.Contenders = slices.DeleteFunc(s.Contenders, func(name string) bool { return name == others })
	}
	return done, nil
}
