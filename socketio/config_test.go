package socketio_test

import (
	"os"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// Negative times and limits are an error that names the field, unless the field's documentation says what they
// mean.
func TestNegativeOptions(t *testing.T) {
	source, err := os.ReadFile("config.go")
	require.NoError(t, err)
	// "A negative value means no limit."
	_, quotas, _ := regexpCut(`// The limits from here to MaxHandshakesPerSecond`, string(source))
	quotas, _, found := regexpCut(`\tClientAddress func`, quotas)
	require.True(t, found)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[socketio.Config]()) {
		if f.Type.Kind() != reflect.Int && f.Type != reflect.TypeFor[time.Duration]() {
			continue
		}
		var config socketio.Config
		reflect.ValueOf(&config).Elem().FieldByIndex(f.Index).SetInt(-1)
		io, err := socketio.NewServer(config)
		if err != nil {
			assert.Contains(t, err.Error(), f.Name+" is negative")
			continue
		}
		require.NoError(t, io.Close(t.Context()))
		doc := regexp.MustCompile(`((?:\t//[^\n]*\n)+)\t` + f.Name + ` `).FindStringSubmatch(string(source))
		assert.True(t, regexp.MustCompile(`\t`+f.Name+` int`).MatchString(quotas) || doc != nil &&
			regexp.MustCompile(`Negative: `).MatchString(doc[1]),
			"%s: -1 is accepted, but its meaning is not documented", f.Name)
	}
	_, err = socketio.NewServer(socketio.Config{Recovery: &socketio.Recovery{MaxDisconnection: -1}})
	assert.ErrorContains(t, err, "Recovery.MaxDisconnection is negative")
}

func regexpCut(pattern, text string) (before, after string, found bool) {
	at := regexp.MustCompile(pattern).FindStringIndex(text)
	if at == nil {
		return text, "", false
	}
	return text[:at[0]], text[at[1]:], true
}
