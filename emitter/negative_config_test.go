package emitter_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestNegativeTimesAndLimitsAreErrors(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[emitter.Config]()) {
		if f.Type.Kind() != reflect.Int && f.Type != reflect.TypeFor[time.Duration]() {
			continue
		}
		config := emitter.Config{Bus: memory.NewHub()}
		reflect.ValueOf(&config).Elem().FieldByIndex(f.Index).SetInt(-1)
		_, err := emitter.New(config)
		var wrong *emitter.ConfigError
		require.ErrorAs(t, err, &wrong, f.Name)
		assert.Equal(t, f.Name, wrong.Field)
	}
}
