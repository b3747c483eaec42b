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

// EnvChromium names the variable with the path of the Chromium to use, where it is not in the PATH.
const EnvChromium = "BACKPLANE_TEST_CHROMIUM"

// Patience bounds each wait for a page. It is long: other tests run at the same time, and a browser wants much of a machine.
const Patience = time.Minute

// Browser is one Chromium with a profile of its own, for a test.
type Browser struct {
	t       testing.TB
	process *nodejs.Process
	pages   []*Page // that are open
}

// Start starts a browser, which ends with the test, or skips the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := Find()
	if err != nil {
		t.Skip("needs Chromium: ", err)
	}
	if modules := os.Getenv(nodejs.EnvModules); modules != "" {
		if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil {
			t.Skip("needs the npm package playwright-core: ", err)
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

// For returns the same browser for a test within the one that has started it.
func (b *Browser) For(t testing.TB) *Browser {
	of := &Browser{t: t, process: b.process}
	t.Cleanup(of.finish)
	return of
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

// script is browser.js, beside this file.
func script() string { return filepath.Join(folder(), "browser.js") }

func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Screenshots is the folder that screenshots are left in.
func Screenshots() string { return filepath.Join(folder(), "..", "..", "..", "bin", "screenshots") }

// call runs a command of browser.js, which has to succeed.
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

// finish closes the pages, and fails the test if one complained about anything.
func (b *Browser) finish() {
	for len(b.pages) > 0 {
		b.pages[0].Close()
	}
}
