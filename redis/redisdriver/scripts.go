package redisdriver

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
)

var (
	//go:embed scripts/begin.lua
	beginText string
	//go:embed scripts/append.lua
	appendText string
	//go:embed scripts/read.lua
	readText string
	//go:embed scripts/trim.lua
	trimText string
	//go:embed scripts/inspect.lua
	inspectText string

	//go:embed scripts/sessions.lua
	sessionsText string
	//go:embed scripts/save.lua
	saveText string
	//go:embed scripts/take.lua
	takeText string
	//go:embed scripts/remove.lua
	removeText string
	//go:embed scripts/owners.lua
	ownersText string
	//go:embed scripts/abandon.lua
	abandonText string
	//go:embed scripts/expire.lua
	expireText string
)

// script is a script in Lua. The server knows it by its hash once it has run it.
type script struct{ text, hash string }

func newScript(text string) *script {
	hash := sha1.Sum([]byte(text))
	return &script{text, hex.EncodeToString(hash[:])}
}

var (
	appendScript  = newScript(beginText + appendText)
	readScript    = newScript(beginText + readText)
	trimScript    = newScript(beginText + trimText)
	inspectScript = newScript(beginText + inspectText)

	saveScript    = newScript(sessionsText + saveText)
	takeScript    = newScript(sessionsText + takeText)
	removeScript  = newScript(sessionsText + removeText)
	ownersScript  = newScript(sessionsText + ownersText)
	abandonScript = newScript(sessionsText + abandonText)
	expireScript  = newScript(sessionsText + expireText)
)
