package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/backplane-go/backplane/internal/e2e/browser"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/internal/redistest"
)

// environment is what the tests need, as far as it is available.
type environment struct {
	variables []string // in the form of os.Environ
	missing   []string // what is not available, and why
	server    *pgtest.Server
}

// prepare installs what is missing and starts a server, as far as possible.
func prepare(ctx context.Context, settings []string, setup bool) (*environment, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	if setup {
		script := exec.CommandContext(ctx, filepath.Join(root, "scripts", "setup.sh"))
		script.Stdout, script.Stderr = os.Stderr, os.Stderr
		if err := script.Run(); err != nil {
			return nil, fmt.Errorf("scripts/setup.sh: %w", err)
		}
	}
	env := new(environment)
	if err := env.postgres(ctx, settings); err != nil {
		return nil, err
	}
	if _, err := redistest.Binary(); err != nil {
		env.missing = append(env.missing, "Redis, needed by the tests of its driver: "+err.Error())
	}
	env.node(root)
	if _, err := browser.Find(); err != nil {
		env.missing = append(env.missing, "Chromium, needed by the tests of the demo's page: "+err.Error())
	}
	return env, nil
}

func (e *environment) postgres(ctx context.Context, settings []string) error {
	bin, err := pgtest.Binaries()
	if err == nil {
		e.set(pgtest.EnvBin, bin)
		if os.Getenv(pgtest.EnvOwn) == "" {
			e.set(pgtest.EnvOwn, "1")
		}
	}
	if os.Getenv(pgtest.EnvURL) != "" {
		return nil
	}
	if err != nil {
		e.missing = append(e.missing, "PostgreSQL, needed by all tests with a server: "+err.Error())
		return nil
	}
	if e.server, err = pgtest.Start(ctx, settings...); err != nil {
		return err
	}
	e.set(pgtest.EnvURL, e.server.URL())
	return nil
}

func (e *environment) node(root string) {
	const variable = "BACKPLANE_TEST_NODE_MODULES"
	if os.Getenv(variable) != "" {
		return
	}
	if _, err := exec.LookPath("node"); err != nil {
		e.missing = append(e.missing, "Node.js, needed by the interoperability tests: node is not in the PATH")
		return
	}
	modules := filepath.Join(root, "internal", "e2e", "interop", "node", "node_modules")
	if _, err := os.Stat(modules); err != nil {
		e.missing = append(e.missing, "the npm packages, needed by the interoperability tests: "+err.Error())
		return
	}
	e.set(variable, modules)
}

func (e *environment) set(name, value string) { e.variables = append(e.variables, name+"="+value) }

func (e *environment) stop() error {
	if e.server == nil {
		return nil
	}
	return e.server.Stop()
}

// repositoryRoot returns the closest directory with a go.work, from the current one upwards.
func repositoryRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.work")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.work in this directory or above it")
		}
		folder = parent
	}
}
