package scaffold

import (
	"bytes"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed all:skeleton
var templates embed.FS

// skeleton has the values for the placeholders in the templates.
type skeleton struct {
	Name, Upper      string // of the package
	Module           string
	Version, Replace string // of backplane
}

// write writes the files to dir and returns their names.
func write(dir string, s skeleton) (names []string, err error) {
	root, err := fs.Sub(templates, "skeleton")
	if err != nil {
		return nil, err
	}
	return names, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		parsed, err := template.New(path).Delims("«", "»").Parse(string(text)) // GitHub workflows use double braces
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := parsed.Execute(&b, s); err != nil {
			return err
		}
		name := strings.TrimSuffix(path, ".tmpl")
		names = append(names, name)
		return create(filepath.Join(dir, filepath.FromSlash(name)), b.Bytes())
	})
}

// create writes a file, which must not exist.
func create(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
