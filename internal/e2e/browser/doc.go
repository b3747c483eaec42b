// Package browser drives a headless Chromium in tests, through the npm package playwright-core. Whatever a page does is
// waited for; nothing sleeps. What a page complains about, and what it asks of other hosts, fails the test.
//
// Tests are skipped where Chromium, Node.js or the package is missing. Screenshots are left in bin/screenshots.
package browser
