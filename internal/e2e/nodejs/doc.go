// Package nodejs runs Node.js processes with real npm packages in tests. The processes take commands and report
// events, one JSON value per line, in the format of lines.js. Nothing here sleeps: all waits end with an event or a
// context.
//
// # Files
//
//   - process.go: a process, its start and its end
//   - command.go: commands and their replies
//   - value.go: JavaScript values
//   - inbox.go: a queue that tests wait on
//   - lines.js: the same format in JavaScript
package nodejs
