package conformance_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// splitting returns a mutant with another Split. The func change gets the correct result.
func splitting(check, bug string, change func(w *mutableWire, dst, p []byte, ends []int, limit int) ([]byte, []int),
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.split = func(dst []byte, env *codec.Envelope, limit int) ([]byte, []int, error) {
			p, ends, err := w.richWire.Split(dst, env, limit)
			if err != nil {
				return p, ends, err
			}
			p, ends = change(w, dst, p, ends, limit)
			return p, ends, nil
		}
	})
}

// joining returns a mutant that does something with each piece. The func piece returns whether it is parsed.
func joining(check, bug string, piece func(w *mutableWire, p []byte) ([]byte,
	bool)) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			if bytes.HasPrefix(p, []byte(pieceMark)) && len(p) > pieceStart {
				var parse bool
				if p, parse = piece(w, p); !parse {
					return nil, nil
				}
			}
			return w.richWire.Parse(channel, p)
		}
	})
}

// numberOf returns the number of a piece, and how many there are, as text.
func numberOf(p []byte) (number, count string) { return string(p[22:32]), string(p[33:43]) }

var splitMutants = []mutant[conformance.DialectHarness]{
	splitting("PiecesFitTheBus", "writes pieces that are one byte too long",
		func(w *mutableWire, _, p []byte, ends []int, _ int) ([]byte, []int) {
			p = slices.Insert(p, ends[0], 'x')
			for i := range ends {
				ends[i]++
			}
			return p, ends
		}),
	splitting("PiecesFitTheBus", "writes an empty piece at the end",
		func(_ *mutableWire, _, p []byte, ends []int, _ int) ([]byte, []int) { return p, append(ends, len(p)) }),
	splitting("PiecesFitTheBus", "returns the pieces without dst",
		func(_ *mutableWire, dst, p []byte, ends []int, _ int) ([]byte, []int) { return p[len(dst):], ends }),
	splitting("PiecesFitTheBus", "counts the ends from the end of dst",
		func(_ *mutableWire, dst, p []byte, ends []int, _ int) ([]byte, []int) {
			for i := range ends {
				ends[i] -= len(dst)
			}
			return p, ends
		}),
	breaksWire("PiecesFitTheBus", "cuts characters", func(w *mutableWire) {
		good := w.richWire
		w.split = func(dst []byte, env *codec.Envelope, limit int) ([]byte, []int, error) {
			text := good.limits.Text
			good.limits.Text = false
			defer func() { good.limits.Text = text }()
			return good.Split(dst, env, limit)
		}
	}),

	joining("PiecesAreJoined", "loses the tenth piece", func(_ *mutableWire, p []byte) ([]byte, bool) {
		n, _ := numberOf(p)
		return p, n != "0000000009"
	}),
	joining("PiecesAreJoined", "cuts the last piece", func(_ *mutableWire, p []byte) ([]byte, bool) {
		n, count := numberOf(p)
		if fmt.Sprintf("%010s", n) < count && len(p) > pieceStart+1 && len(p) < 500 {
			return p[:len(p)-1], true
		}
		return p, true
	}),
	breaksWire("PiecesAreJoined", "delivers each piece", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			if env == nil && err == nil {
				return &codec.Envelope{Type: codec.Broadcast, NSP: "/"}, nil
			}
			return env, err
		}
	}),

	breaksWire("InterleavedPiecesAreJoined", "keeps one incomplete message", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			for len(w.order) > 1 {
				w.drop(w.order[0])
			}
			return env, err
		}
	}),
	breaksWire("InterleavedPiecesAreJoined", "gives up when a whole message comes", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			for !bytes.HasPrefix(p, []byte(pieceMark)) && len(w.order) > 0 {
				w.drop(w.order[0])
			}
			return w.richWire.Parse(channel, p)
		}
	}),
	breaksWire("InterleavedPiecesAreJoined", "numbers messages as other nodes do",
		func(w *mutableWire) { w.id = "1" }),

	joining("LostPiecesBlockNothing", "waits for the oldest message", func(w *mutableWire, p []byte) ([]byte, bool) {
		if len(w.order) > 0 && !bytes.HasPrefix(p[1:], []byte(w.order[0])) && w.size > 30_000 {
			return nil, false
		}
		return p, true
	}),
	breaksWire("LostPiecesBlockNothing", "does not care about one piece", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			for set, s := range w.pieces.sets {
				if s.waiting == 1 && s.parts[s.count-1] != nil {
					w.drop(set)
					return &codec.Envelope{Type: codec.Broadcast, NSP: "/"}, nil
				}
			}
			return env, err
		}
	}),

	joining("ShuffledPiecesNeverMix", "numbers pieces by their order", func() func(*mutableWire, []byte) ([]byte,
		bool) {
		seen := make(map[string]int)
		return func(_ *mutableWire, p []byte) ([]byte, bool) {
			q := bytes.Clone(p)
			copy(q[22:32], fmt.Sprintf("%010d", seen[string(p[1:21])]))
			seen[string(p[1:21])]++
			return q, true
		}
	}()),
	breaksWire("ShuffledPiecesNeverMix", "counts the same piece twice", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			if bytes.HasPrefix(p, []byte(pieceMark)) && len(p) > pieceStart {
				if s := w.pieces.sets[string(p[1:21])]; s != nil && s.waiting > 1 {
					var n int
					if _, err := fmt.Sscanf(string(p[22:32]), "%010d", &n); err == nil && s.parts[n] != nil {
						for i := range s.count {
							if s.parts[i] == nil {
								s.parts[i], s.waiting = s.parts[n], s.waiting-1
								break
							}
						}
					}
				}
			}
			return w.richWire.Parse(channel, p)
		}
	}),
	breaksWire("ShuffledPiecesNeverMix", "delivers a message again with its last piece", func(w *mutableWire) {
		var last *codec.Envelope
		var with string
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			if last != nil && with == string(p) {
				return last, nil
			}
			env, err := w.richWire.Parse(channel, p)
			if bytes.HasPrefix(p, []byte(pieceMark)) && err == nil && env != nil {
				last, with = env, string(p)
			}
			return env, err
		}
	}),

	breaksWire("PiecesKeepLittleMemory", "keeps all pieces", func(w *mutableWire) { w.most = math.MaxInt }),
	breaksWire("PiecesKeepLittleMemory", "keeps all pieces in a second place", func(w *mutableWire) {
		var all [][]byte
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			all = append(all, bytes.Clone(p))
			return w.richWire.Parse(channel, p)
		}
	}),

	breaksWire("ForeignPiecesAreMalformed", "trusts the count", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			var count int
			if bytes.HasPrefix(p, []byte(pieceMark)) && len(p) > pieceStart {
				if _, err := fmt.Sscanf(string(p[33:43]), "%d", &count); err == nil {
					keepAlive(make([]byte, min(max(count, 0), 8<<20)))
				}
			}
			return w.richWire.Parse(channel, p)
		}
	}),
	joining("ForeignPiecesAreMalformed", "expects a number", func(_ *mutableWire, p []byte) ([]byte, bool) {
		var n int
		if _, err := fmt.Sscanf(string(p[22:32]), "%d", &n); err != nil {
			panic(err)
		}
		return p, true
	}),
	breaksWire("ForeignPiecesAreMalformed", "expects a whole header", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			if bytes.HasPrefix(p, []byte(pieceMark)) {
				numberOf(p)
			}
			return w.richWire.Parse(channel, p)
		}
	}),
}
