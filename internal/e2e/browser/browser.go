package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// EnvChromium is the environment variable with the path of Chromium, for when it is not in the PATH.
const EnvChromium = "BACKPLANE_TEST_CHROMIUM"

// Patience bounds each wait for a page. It is long because other tests run at the same time and a browser is slow then.
const Patience = time.Minute

// packages are the npm packages that browser.js requires.
var packages = []string{"axe-core", "playwright-core"}

// Browser is one Chromium process, as seen by one test.
type Browser struct {
	t       testing.TB
	process *nodejs.Process
	pages   []*Page // open pages
}

// Start starts a browser that is stopped when the test ends. It skips the test if something is missing.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := Find()
	if err != nil {
		t.Skip("needs Chromium: ", err)
	}
	if modules := os.Getenv(nodejs.EnvModules); modules != "" {
		for _, name := range packages {
			if _, err := os.Stat(filepath.Join(modules, name)); err != nil {
				t.Skipf("needs the npm package %s: %v", name, err)
			}
		}
	}
	b := &Browser{t: t}
	b.process = nodejs.Start(t, nodejs.Config{Name: "the browser", Script: script(), Arg: map[string]any{
		"executable": path, "patience": Patience.Milliseconds(),
	}})
	t.Cleanup(func() {
		if err := b.try("close", nil, nil); err != nil {
			t.Error(err)
		}
	})
	return b.For(t)
}

// For returns the same browser for a subtest. It closes the subtest's pages when that ends.
func (b *Browser) For(t testing.TB) *Browser {
	sub := &Browser{t: t, process: b.process}
	t.Cleanup(sub.closePages)
	return sub
}

// Find returns the path of Chromium.
func Find() (string, error) {
	if path := os.Getenv(EnvChromium); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium in the PATH, and " + EnvChromium + " is not set")
}

// script returns the path of browser.js.
func script() string { return filepath.Join(folder(), "browser.js") }

// folder returns the folder of this file.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Screenshots returns the folder that screenshots are written to.
func Screenshots() string { return filepath.Join(folder(), "..", "..", "..", "bin", "screenshots") }

// call runs a command of browser.js and fails the test if the command fails.
func (b *Browser) call(name string, in map[string]any, out any) {
	b.t.Helper()
	if err := b.try(name, in, out); err != nil {
		b.t.Fatal(err)
	}
}

func (b *Browser) try(name string, in map[string]any, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	return b.process.Call(ctx, nodejs.Command{Name: name, In: in}, out)
}

// closePages closes the pages, which fails the test if one of them has reported an error.
func (b *Browser) closePages() {
	for len(b.pages) > 0 {
		b.pages[0].Close()
	}
}
