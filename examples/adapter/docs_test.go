package adapter_test

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
)

// docs/howto/socketio-adapter.md names methods of these types.
var types = map[string]reflect.Type{
	"Cluster":      reflect.TypeFor[*backplane.Cluster](),
	"Namespace":    reflect.TypeFor[*backplane.Namespace](),
	"Target":       reflect.TypeFor[backplane.Target](),
	"Registry":     reflect.TypeFor[*backplane.Registry](),
	"LocalSockets": reflect.TypeFor[backplane.LocalSockets](),
}

func TestMethodsInTheDocumentsExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/howto/socketio-adapter.md")
	require.NoError(t, err)
	method := regexp.MustCompile("`(Cluster|Namespace|Target|Registry|LocalSockets)\\.(\\w+)`")
	named := method.FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(named), 40)
	for _, m := range named {
		_, exists := types[m[1]].MethodByName(m[2])
		require.True(t, exists, m[0])
	}
	for i := range types["LocalSockets"].NumMethod() {
		name := types["LocalSockets"].Method(i).Name
		require.Contains(t, string(page), "`LocalSockets."+name+"`", "the page names every method of LocalSockets")
	}
}
