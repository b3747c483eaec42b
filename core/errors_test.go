package core_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/backplane-go/backplane/core"
)

func TestPartialErrorTextNamesAFewNodes(t *testing.T) {
	err := &core.PartialError{Op: "fetch sockets", Err: core.ErrTimeout, Missing: []string{"a", "b"}}
	for i := range 1000 {
		err.Left = append(err.Left, fmt.Sprint("node ", i))
	}
	assert.Equal(t, "backplane: fetch sockets: operation has timed out: missing 2 responses (a, b): 1000 nodes left "+
		"(node 0, node 1, node 2, node 3, node 4, node 5, node 6, node 7 and 992 more)", err.Error())
}
