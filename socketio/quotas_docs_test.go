package socketio_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// The table of quotas has every quota's reason, and every limit of Config.
func TestQuotasAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/socketio.md")
	require.NoError(t, err)
	_, quotas, found := strings.Cut(string(page), "### Quotas\n")
	require.True(t, found)
	quotas, _, _ = strings.Cut(quotas, "\n### ")

	reached := serve(t).Stats().Reached
	require.NotEmpty(t, reached)
	for quota := range reached {
		assert.Contains(t, quotas, `"`+string(quota)+`"`)
	}
	for _, reason := range regexp.MustCompile(`"([^"]+)" \|`).FindAllStringSubmatch(quotas, -1) {
		if reason[1] != "parse error" {
			assert.Contains(t, reached, socketio.Quota(reason[1]))
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[socketio.Config]()) {
		if strings.HasPrefix(f.Name, "Max") {
			assert.Contains(t, string(page), "`"+f.Name+"`", "the page must name the limit")
		}
	}
}
