package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// centrifugeVersion is the one in centrifuge/go.mod.
const centrifugeVersion = "0.40.1"

// build builds the server of the other Go library, a module of its own, if it takes part. It takes no part if it cannot be built,
// as when its modules cannot be loaded.
func (s *settings) build(ctx context.Context) (done func(), err error) {
	done = func() {}
	if !slices.ContainsFunc(s.chosen(), func(c benchCase) bool { return slices.Contains(c.contenders(s.Contenders), others) }) {
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
	cmd.Env = append(os.Environ(), "GOWORK=off") // its module is not part of the workspace
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "bench/server: without centrifuge, which cannot be built: %v\n%s", err, out)
		s.Contenders = slices.DeleteFunc(s.Contenders, func(name string) bool { return name == others })
	}
	return done, nil
}
