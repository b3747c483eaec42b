package core

import "github.com/backplane-go/backplane/codec"

// skipped counts what Parse has left out of a message of another node.
func (ns *Namespace) skipped(env *codec.Envelope) {
	if env.Skipped == 0 {
		return
	}
	c := ns.cluster
	c.counts.skipped.Add(uint64(env.Skipped))
	if f := c.hooks.Load().PartsSkipped; f != nil {
		c.trace("PartsSkipped", func() { f(ns.name, env.Type, shortUID(env.UID), env.Skipped) })
	}
}

// fetched notes that an attachment was read, and what it holds unless that is unknown.
func (ns *Namespace) fetched(env *codec.Envelope) {
	ns.cluster.counts.attachmentReads.Add(1)
	if env != nil {
		ns.skipped(env)
	}
}

// shortUID is a uid that is worth keeping: a peer could make it as long as a message.
func shortUID(uid string) string {
	if len(uid) > maxUID {
		return uid[:maxUID] + "…"
	}
	return uid
}
