// Package engineio serves Engine.IO protocol 4: sessions of clients over HTTP long-polling and WebSocket, with upgrades
// from the one to the other, heartbeats and limits. What the messages mean is its user's business.
package engineio
