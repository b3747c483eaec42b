package codec_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type zeroByValue struct{ N int }

func (z zeroByValue) IsZero() bool { return z.N == 7 }

type zeroByPointer struct{ N int }

type isZero interface{ IsZero() bool }

func TestOmitZeroCallsIsZero(t *testing.T) {
	type doc struct {
		A zeroByValue    `json:",omitzero"`
		B zeroByPointer  `json:",omitzero"`
		C *zeroByValue   `json:",omitzero"`
		D *zeroByPointer `json:",omitzero"`
		E isZero         `json:",omitzero"`
		F int            `json:",omitzero"`
		G [2]int         `json:",omitzero,omitempty"`
		H any            `json:",omitempty"`
		I [0]int         `json:",omitempty"`
		J struct{}       `json:",omitempty"`
	}
	for _, d := range []doc{
		{},
		{A: zeroByValue{7}, B: zeroByPointer{7}, C: &zeroByValue{7}, D: &zeroByPointer{7}, E: zeroByValue{7}},
		{A: zeroByValue{1}, B: zeroByPointer{1}, C: &zeroByValue{}, D: &zeroByPointer{}, E: &zeroByPointer{1}, F: 1,
			G: [2]int{1}, H: 0},
		{E: (*zeroByPointer)(nil)},
	} {
		for _, v := range []any{d, &d, []doc{d}} {
			tree, err := viaTree(t, v)
			require.NoError(t, err)
			assert.Equal(t, plainJSON(t, v), tree)
		}
	}
}

func (z *zeroByPointer) IsZero() bool { return z.N == 7 }
