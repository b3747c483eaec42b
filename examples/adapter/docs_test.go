package adapter_test

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
)

// docs/howto/own-hub.md names methods of these types.
var types = map[string]reflect.Type{
	"Cluster":      reflect.TypeFor[*backplane.Cluster](),
	"Namespace":    reflect.TypeFor[*backplane.Namespace](),
	"Target":       reflect.TypeFor[backplane.Target](),
	"Registry":     reflect.TypeFor[*backplane.Registry](),
	"LocalSockets": reflect.TypeFor[backplane.LocalSockets](),
}

func TestMethodsInTheDocumentsExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/howto/own-hub.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`(Cluster|Namespace|Target|Registry|LocalSockets)\\.(\\w+)`").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(named), 40)
	for _, m := range named {
		_, exists := types[m[1]].MethodByName(m[2])
		require.True(t, exists, m[0])
	}
	for i := range types["LocalSockets"].NumMethod() {
		require.Contains(t, string(page), "`LocalSockets."+types["LocalSockets"].Method(i).Name+"`", "a method of LocalSockets that the page forgets")
	}
}
