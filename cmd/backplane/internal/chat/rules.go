package chat

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/backplane-go/backplane/socketio"
)

// Limits of what clients may send.
const (
	maxName     = 24      // characters
	maxRoom     = 64      // characters
	maxRooms    = 20      // of one client
	maxText     = 2000    // characters
	maxQuestion = 200     // characters
	maxChoice   = 40      // characters
	maxChoices  = 4       // of a question
	maxPicture  = 700_000 // bytes; as base64 it fits into a long-polling request
)

// refuse returns an error that is sent to the client.
func refuse(reason string) error { return &socketio.Error{Message: reason} }

// cleanName returns a name as one line of printable characters, cut to maxName. It is empty if nothing is left.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	if runes := []rune(name); len(runes) > maxName {
		name = strings.TrimSpace(string(runes[:maxName]))
	}
	return name
}

// checkRoom checks the name of a room and trims it. An empty name means everyone.
func checkRoom(name string) (string, error) {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > maxRoom {
		return "", refuse("a room's name has at most " + strconv.Itoa(maxRoom) + " characters")
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return "", refuse("a room's name has only printable characters")
		}
	}
	return name, nil
}

var id = regexp.MustCompile(`^[\w-]{20}$`)

// looksLikeID reports whether a room could be the own room of a client, whose name is the client's id.
func looksLikeID(room string) bool { return id.MatchString(room) }

// checkText checks the length of a text in characters and trims it.
func checkText(text string, limit int) (string, error) {
	text = strings.TrimSpace(text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", refuse("there is no text")
	case n > limit:
		return "", refuse("this is too long: at most " + strconv.Itoa(limit) + " characters")
	}
	return text, nil
}

var pictures = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// checkPicture checks a picture and returns its MIME type, which is detected from the first bytes.
func checkPicture(data []byte) (string, error) {
	if len(data) > maxPicture {
		return "", refuse("this picture is too large: at most " + strconv.Itoa(maxPicture) + " bytes")
	}
	kind := http.DetectContentType(data)
	if !slices.Contains(pictures, kind) {
		return "", refuse("this is not a PNG, JPEG, GIF or WebP picture")
	}
	return kind, nil
}
