// Package nodejs runs Node.js processes in tests: real npm packages that take commands and report what happens, one JSON
// value per line, as lines.js has it. Nothing here sleeps: whatever takes time is waited for, within a context.
package nodejs
