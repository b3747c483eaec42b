// Package style has tests of the text of the repository.
package style
