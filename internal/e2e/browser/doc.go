// Package browser drives a headless Chromium in tests, with the npm package playwright-core. Its methods wait for what
// they expect and never sleep. A test fails when a page reports an error or sends a request to another host.
//
// Tests are skipped where Chromium, Node.js or an npm package is missing. Screenshots are written to bin/screenshots.
//
// # Files
//
//   - browser.go: starts and stops Chromium
//   - browser.js: the Node.js script that controls Chromium
//   - page.go: the pages and what a test does with them
package browser
