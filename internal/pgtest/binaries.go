package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// EnvBin is the environment variable for the folder of initdb and postgres. If it is not set, they are searched
// for in the PATH and in Debian's folders.
const EnvBin = "BACKPLANE_TEST_PGBIN"

// ErrNoBinaries is returned by Start if PostgreSQL's programs are not installed.
var ErrNoBinaries = errors.New("pgtest: initdb and postgres not found: install PostgreSQL, or set " +
	EnvBin + " to their folder")

// Binaries returns the folder of initdb and postgres, or ErrNoBinaries.
func Binaries() (string, error) {
	candidates := []string{os.Getenv(EnvBin)}
	if candidates[0] == "" {
		candidates = nil
		if initdb, err := exec.LookPath("initdb"); err == nil {
			if real, err := filepath.EvalSymlinks(initdb); err == nil {
				candidates = append(candidates, filepath.Dir(real))
			}
		}
		installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
		slices.SortFunc(installed, func(a, b string) int { return version(b) - version(a) })
		candidates = append(candidates, installed...)
	}
	for _, folder := range candidates {
		if isFile(filepath.Join(folder, "initdb")) && isFile(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", ErrNoBinaries
}

// version returns the 15 in /usr/lib/postgresql/15/bin.
func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
