package scaffold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

const modulePath = "github.com/backplane-go/backplane"

// unreleased is the version in the require line of a go.mod that replaces the module. No such version exists.
const unreleased = "v0.0.0"

// source returns the version of this module that the skeleton requires, and the checkout that replaces it, if any:
// the checkout that the user has named, or the one that this program was built from. A program that was built from
// a released version needs no checkout.
func source(checkout string) (version, replace string, err error) {
	if checkout != "" {
		replace, err = filepath.Abs(checkout)
		if err == nil && !isCheckout(replace) {
			err = &cli.UsageError{Reason: fmt.Sprintf("--replace must be a checkout of %s, and %s is not", modulePath,
				checkout)}
		}
		return unreleased, replace, err
	}
	if version, ok := releasedVersion(); ok {
		return version, "", nil
	}
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
	if !isCheckout(root) {
		return "", "", errors.New("this program was not built from a released version: give a checkout with --replace")
	}
	return unreleased, root, nil
}

// releasedVersion returns the version of the library that this program was built with. ok is false if the library
// was not downloaded, but built from a checkout.
func releasedVersion() (version string, ok bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", false
	}
	for _, dep := range info.Deps {
		if dep.Path == modulePath && dep.Replace == nil && dep.Sum != "" {
			return dep.Version, true
		}
	}
	return "", false
}

// isCheckout reports whether dir is the root of this module.
func isCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && bytes.HasPrefix(text, []byte("module "+modulePath+"\n"))
}

// tidy completes go.mod and writes go.sum.
func tidy(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "mod", "tidy")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the files are written, but \"go mod tidy\" failed: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
