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

// What clients may send.
const (
	maxName     = 24      // characters
	maxRoom     = 64      // characters
	maxRooms    = 20      // that one client is in
	maxText     = 2000    // characters
	maxQuestion = 200     // characters
	maxChoice   = 40      // characters
	maxChoices  = 4       // of a question
	maxPicture  = 700_000 // bytes, so that it fits into a long-polling request as base64
)

// refuse is an error that the client is told.
func refuse(reason string) error { return &socketio.Error{Message: reason} }

// tidy makes a name of what somebody wants to be called: one line of printable characters, empty if nothing is left.
func tidy(name string) string {
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

// roomOf checks the name of a room. Empty is everyone.
func roomOf(name string) (string, error) {
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

// looksLikeID reports whether a room could be the one of a single client.
func looksLikeID(room string) bool { return id.MatchString(room) }

// textOf checks what somebody says.
func textOf(text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", refuse("there is no text")
	case n > most:
		return "", refuse("this is too long: at most " + strconv.Itoa(most) + " characters")
	}
	return text, nil
}

var pictures = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// pictureOf returns the type of a picture, as its first bytes tell it.
func pictureOf(data []byte) (string, error) {
	if len(data) > maxPicture {
		return "", refuse("this picture is too large: at most " + strconv.Itoa(maxPicture) + " bytes")
	}
	kind := http.DetectContentType(data)
	if !slices.Contains(pictures, kind) {
		return "", refuse("this is no PNG, JPEG, GIF or WebP picture")
	}
	return kind, nil
}
