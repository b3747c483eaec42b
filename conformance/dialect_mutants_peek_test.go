package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

// peekingWire returns a mutant with another SentBy. The func peek gets the correct one.
func peekingWire(check, bug string, peek func(p []byte, uid string, good func([]byte, string) bool) bool,
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.sentBy = func(p []byte, uid string) bool { return peek(p, uid, w.richWire.SentBy) }
	})
}

// overlapping returns a mutant with another Overlaps. The func change gets the correct result.
func overlapping(check, bug string, change func(env *codec.Envelope, names []string) []string,
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.overlaps = func(env *codec.Envelope) []string { return change(env, w.richWire.Overlaps(env)) }
	})
}

type goodPeek = func([]byte, string) bool

var dialectPeekMutants = []mutant[conformance.DialectHarness]{
	peekingWire("PeekFindsOwnMessages", "finds none", func([]byte, string, goodPeek) bool { return false }),
	peekingWire("PeekFindsOwnMessages", "finds none of emitters", func(p []byte, uid string, good goodPeek) bool {
		return uid != codec.EmitterUID && good(p, uid)
	}),
	peekingWire("PeekFindsOwnMessages", "finds only small ones", func(p []byte, uid string, good goodPeek) bool {
		return len(p) < 65_536 && good(p, uid)
	}),
	peekingWire("PeekFindsOwnMessages", "finds none in the binary form", func(p []byte, uid string,
		good goodPeek) bool {
		return p[0] != 0 && good(p, uid)
	}),

	peekingWire("PeekAgreesWithParse", "always returns true", func([]byte, string, goodPeek) bool { return true }),
	peekingWire("PeekAgreesWithParse", "searches the message", func(p []byte, uid string, _ goodPeek) bool {
		return bytes.Contains(p, []byte(uid))
	}),
	peekingWire("PeekAgreesWithParse", "compares the first half", func(p []byte, uid string, good goodPeek) bool {
		return good(p, uid) || len(uid) > 7 && bytes.HasPrefix(p, []byte(`{"uid":"`+uid[:8]))
	}),
	peekingWire("PeekAgreesWithParse", "ignores case", func(p []byte, uid string, good goodPeek) bool {
		return good(p, strings.ToLower(uid))
	}),

	peekingWire("PeekNeverPanics", "reads the first byte of nothing", func(p []byte, uid string, good goodPeek) bool {
		return p[0] != 1 && good(p, uid)
	}),
	peekingWire("PeekNeverPanics", "assumes that the sender is complete", func(p []byte, uid string,
		good goodPeek) bool {
		if bytes.HasPrefix(p, []byte(`{"uid":"`)) {
			return string(p[8:8+len(uid)]) == uid && good(p, uid)
		}
		return good(p, uid)
	}),

	peekingWire("PeekIsCheap", "formats the sender", func(p []byte, uid string, good goodPeek) bool {
		return fmt.Sprint(uid) == uid && good(p, uid)
	}),
	peekingWire("PeekIsCheap", "reads the whole message", func(p []byte, uid string, good goodPeek) bool {
		return !bytes.Contains(p, []byte("\x00not there")) && good(p, uid)
	}),
}

var overlapMutants = []mutant[conformance.DialectHarness]{
	overlapping("OverlapsNamesOthersThatHear", "names the own namespace", func(env *codec.Envelope, names []string,
	) []string {
		if len(names) > 0 {
			return append(names, env.NSP)
		}
		return nil
	}),
	overlapping("OverlapsNamesOthersThatHear", "names a namespace twice", func(_ *codec.Envelope, names []string,
	) []string {
		return append(names, names...)
	}),
	overlapping("OverlapsNamesOthersThatHear", "names namespaces that do not hear it", func(_ *codec.Envelope,
		names []string) []string {
		if len(names) > 0 {
			return append(names, "/another")
		}
		return nil
	}),
	overlapping("OverlapsNamesOthersThatHear", "names other ones each time", func() func(*codec.Envelope,
		[]string) []string {
		n := 0
		return func(_ *codec.Envelope, names []string) []string {
			if n++; n%2 == 0 {
				return nil
			}
			return names
		}
	}()),

	overlapping("BroadcastsInTheMainNamespaceOverlapNothing", "delivers them everywhere",
		func(*codec.Envelope, []string) []string { return []string{"/chat"} }),
	overlapping("BroadcastsInTheMainNamespaceOverlapNothing", "delivers heartbeats of the process to the main one",
		func(env *codec.Envelope, names []string) []string {
			if env.NSP == "" {
				return []string{"/"}
			}
			return names
		}),
}

// counting returns a mutant with another Others. The func change gets the correct result.
func counting(check, bug string, change func(w *mutableWire, nsp string, nodes dialect.Nodes) dialect.Nodes,
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.others = func(ctx context.Context, nsp string) (dialect.Nodes, error) {
			nodes, err := w.richWire.Others(ctx, nsp)
			return change(w, nsp, nodes), err
		}
	})
}

// entriesOf returns the names in the roster that begin with prefix.
func entriesOf(ctx context.Context, w *mutableWire, prefix string) (names []string, err error) {
	infos, err := w.roster.Entries(ctx, prefix)
	for _, info := range infos {
		names = append(names, info.Name)
	}
	return names, err
}

var censusMutants = []mutant[conformance.DialectHarness]{
	counting("CensusFindsOthers", "counts itself", func(w *mutableWire, nsp string, nodes dialect.Nodes) dialect.Nodes {
		if w.entries[nsp] != nil {
			nodes.Certain = append(nodes.Certain, w.name(nsp)+w.id)
		}
		return nodes
	}),
	counting("CensusFindsOthers", "finds one node", func(_ *mutableWire, _ string, nodes dialect.Nodes) dialect.Nodes {
		nodes.Certain = nodes.Certain[:min(1, len(nodes.Certain))]
		return nodes
	}),
	breaksWire("CensusFindsOthers", "keeps its first census", func(w *mutableWire) {
		kept := make(map[string]dialect.Nodes)
		w.others = func(ctx context.Context, nsp string) (nodes dialect.Nodes, err error) {
			if nodes, ok := kept[nsp]; ok && len(nodes.Certain) > 0 {
				return nodes, nil
			}
			nodes, err = w.richWire.Others(ctx, nsp)
			kept[nsp] = nodes
			return nodes, err
		}
	}),

	breaksWire("CensusForgetsWhoLeft", "does not leave", func(w *mutableWire) {
		w.leave = func(context.Context, string) error { return nil }
	}),
	breaksWire("CensusForgetsWhoLeft", "returns an error if it was not entered", func(w *mutableWire) {
		w.leave = func(ctx context.Context, nsp string) error {
			if w.entries[nsp] == nil {
				return errNoRoster
			}
			return w.richWire.Leave(ctx, nsp)
		}
	}),
	breaksWire("CensusForgetsWhoLeft", "panics if it leaves again", func(w *mutableWire) {
		w.leave = func(ctx context.Context, nsp string) error {
			if w.entries[nsp] == nil {
				panic("not entered")
			}
			return w.richWire.Leave(ctx, nsp)
		}
	}),

	breaksWire("EnteringAgainDoesNothing", "counts twice", func(w *mutableWire) {
		w.enter = func(ctx context.Context, nsp string) error {
			if w.entries[nsp] != nil {
				_, err := w.roster.Enter(ctx, w.name(nsp)+w.id+"'")
				return err
			}
			return w.richWire.Enter(ctx, nsp)
		}
	}),
	breaksWire("EnteringAgainDoesNothing", "has to leave as often", func(w *mutableWire) {
		entered := make(map[string]int)
		w.enter = func(ctx context.Context, nsp string) error {
			entered[nsp]++
			return w.richWire.Enter(ctx, nsp)
		}
		w.leave = func(ctx context.Context, nsp string) error {
			if entered[nsp]--; entered[nsp] > 0 {
				return nil
			}
			return w.richWire.Leave(ctx, nsp)
		}
	}),

	breaksWire("CensusSeparatesNamespaces", "compares the beginning of names", func(w *mutableWire) {
		w.others = func(ctx context.Context, nsp string) (nodes dialect.Nodes, err error) {
			nodes.Certain, err = entriesOf(ctx, w, strings.TrimSuffix(w.name(nsp), "\x1f"))
			return nodes, err
		}
	}),
	breaksWire("CensusSeparatesNamespaces", "has one entry, for the last namespace", func(w *mutableWire) {
		var last transport.Entry
		w.enter = func(ctx context.Context, nsp string) error {
			if last != nil {
				_ = last.Close(ctx)
			}
			err := w.richWire.Enter(ctx, nsp)
			last = w.entries[nsp]
			return err
		}
	}),

	breaksWire("CensusSeparatesPrefixes", "compares the beginning of prefixes", func(w *mutableWire) {
		w.others = func(ctx context.Context, nsp string) (nodes dialect.Nodes, err error) {
			names, err := entriesOf(ctx, w, w.prefix)
			nodes.Certain = slices.DeleteFunc(names, func(name string) bool {
				return !strings.Contains(name, "\x1e"+nsp+"\x1f") || name == w.name(nsp)+w.id
			})
			return nodes, err
		}
	}),
	breaksWire("CensusSeparatesPrefixes", "counts all clusters", func(w *mutableWire) { w.rosterCensus.prefix = "" }),

	counting("NodesHaveOneName", "numbers the nodes of each census", func() func(*mutableWire, string, dialect.Nodes,
	) dialect.Nodes {
		n := 0
		return func(_ *mutableWire, _ string, nodes dialect.Nodes) dialect.Nodes {
			for i := range nodes.Certain {
				n++
				nodes.Certain[i] = fmt.Sprint(n)
			}
			return nodes
		}
	}()),
	counting("NodesHaveOneName", "calls all nodes the same", func(_ *mutableWire, _ string, nodes dialect.Nodes,
	) dialect.Nodes {
		for i := range nodes.Certain {
			nodes.Certain[i] = "node"
		}
		return nodes
	}),
	counting("NodesHaveOneName", "counts a node as certain and as possible", func(_ *mutableWire, _ string,
		nodes dialect.Nodes) dialect.Nodes {
		nodes.Possible = nodes.Certain
		return nodes
	}),

	breaksWire("OthersRestoresWhatWasLost", "does not look for its own entry", func(w *mutableWire) {
		w.others = func(ctx context.Context, nsp string) (nodes dialect.Nodes, err error) {
			names, err := entriesOf(ctx, w, w.name(nsp))
			nodes.Certain = slices.DeleteFunc(names, func(name string) bool { return name == w.name(nsp)+w.id })
			return nodes, err
		}
	}),
	breaksWire("OthersRestoresWhatWasLost", "restores the entry of one namespace", func(w *mutableWire) {
		w.others = func(ctx context.Context, nsp string) (nodes dialect.Nodes, err error) {
			if nsp == "/" {
				return w.richWire.Others(ctx, nsp)
			}
			names, err := entriesOf(ctx, w, w.name(nsp))
			nodes.Certain = slices.DeleteFunc(names, func(name string) bool { return name == w.name(nsp)+w.id })
			return nodes, err
		}
	}),

	breaksWire("CensusErrorsAreErrors", "returns an empty census", func(w *mutableWire) {
		w.others = func(ctx context.Context, nsp string) (dialect.Nodes, error) {
			nodes, err := w.richWire.Others(ctx, nsp)
			if err != nil {
				return dialect.Nodes{}, nil
			}
			return nodes, nil
		}
	}),
	breaksWire("CensusErrorsAreErrors", "enters later", func(w *mutableWire) {
		w.enter = func(ctx context.Context, nsp string) error {
			if err := w.richWire.Enter(ctx, nsp); err != nil {
				return nil
			}
			return nil
		}
	}),
}
