package chat

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"strings"
)

//go:embed page
var files embed.FS

// The parts of the page, in the order in which they are joined.
var (
	styles  = []string{"base.css", "diagram.css", "chat.css"}
	scripts = []string{
		"dom.js", "engine.js", "socket.js", "diagram.js", "log.js", "outbox.js", "polls.js", "pictures.js", "people.js",
		"main.js",
	}
)

// Page serves the page of the chat as one file that loads nothing else. path is the server's Socket.IO path.
func Page(path string) http.Handler {
	style, script := join(styles), join(scripts)
	page := strings.NewReplacer(
		"/*style*/", style,
		"/*script*/", script,
		`data-path="/socket.io/"`, `data-path="`+html.EscapeString(path)+`"`,
	).Replace(read("index.html"))
	// The browser runs the page's own code and nothing that a message might bring in.
	policy := fmt.Sprintf("default-src 'none'; script-src %s; style-src %s; img-src blob: data:; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", hash(script), hash(style))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write([]byte(page)) // fails if the client has gone
	})
}

func join(names []string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = read(name)
	}
	return strings.Join(parts, "\n")
}

func read(name string) string {
	content, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return string(content)
}

// hash returns the source expression by which a Content-Security-Policy allows an inline script or style.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
