package client

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

func TestNamespacesOfProtocol4(t *testing.T) {
	for _, c := range []struct{ namespace, name, auth string }{
		{"/", "/", `{}`},
		{"/a", "/a", `{}`},
		{"/a?", "/a", `{}`},
		{"/a?b=c", "/a", `{"b":"c"}`},
		{"/a?b=c?d&e", "/a", `{"b":"c?d","e":""}`},
		{"/a?b=1&c=2&b=3", "/a", `{"b":"3","c":"2"}`},
		{"/a?x=a+b%20c%26%3D", "/a", `{"x":"a b c&="}`},
		{"/a?x=%zz&y=%ff&z=\xff", "/a", `{"x":"%zz","y":"` + "\ufffd" + `","z":"` + "\ufffd" + `"}`},
		{"/a?&&=&", "/a", `{"":""}`},
		{"/a?__proto__=x", "/a", `{"__proto__":"x"}`},
		{"/a#b?c=d", "/a", `{}`},
		{"/a?c=d#e", "/a", `{"c":"d"}`},
		{"?b=c", "", `{"b":"c"}`},
	} {
		name, query := protocol4{}.Split(c.namespace)
		require.Equal(t, c.name, name, c.namespace)
		auth, err := protocol4{}.Auth(codec.Value{}, query).AppendJSON(nil)
		require.NoError(t, err)
		require.Equal(t, c.auth, string(auth), c.namespace)
	}
	name, query := protocol5{}.Split("/a?b=c")
	require.Equal(t, "/a?b=c", name)
	require.Empty(t, query)
}

// FuzzNamespace4 splits namespaces. The auth payload is always an object of strings.
func FuzzNamespace4(f *testing.F) {
	f.Add("/a?b=c&d=%41#e")
	f.Add("/a?%&=&%ff=\xff&a=1&a=2")
	f.Fuzz(func(t *testing.T, namespace string) {
		name, query := protocol4{}.Split(namespace)
		require.NotContains(t, name, "?")
		require.NotContains(t, name, "#")
		auth, err := protocol4{}.Auth(codec.Value{}, query).AppendJSON(nil)
		require.NoError(t, err)
		var object map[string]string
		require.NoError(t, json.Unmarshal(auth, &object), "%s", auth)
	})
}
