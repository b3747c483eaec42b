package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Annotations of flags.
const (
	flagGroup  = "backplane_group"  // the title in the help under which it is listed
	flagValues = "backplane_values" // what it can be
	flagFile   = "backplane_file"   // it names a file
)

// GroupFlags lists flags under a title of their own in the help.
func GroupFlags(fs *pflag.FlagSet, title string, names ...string) {
	for _, name := range names {
		annotate(fs, name, flagGroup, title)
	}
}

// FlagValues tells the shell what a flag can be.
func FlagValues(fs *pflag.FlagSet, name string, values ...string) {
	annotate(fs, name, flagValues, values...)
}

// FlagFile tells the shell that a flag names a file.
func FlagFile(fs *pflag.FlagSet, name string) { annotate(fs, name, flagFile, "") }

func annotate(fs *pflag.FlagSet, name, key string, values ...string) {
	if err := fs.SetAnnotation(name, key, values); err != nil {
		panic(err) // a flag that was not declared
	}
}

// completeFlags tells cobra how the values of flags are completed.
func completeFlags(command *cobra.Command) {
	command.Flags().VisitAll(func(f *pflag.Flag) {
		complete := cobra.NoFileCompletions
		if values := f.Annotations[flagValues]; values != nil {
			complete = cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
		}
		if f.Annotations[flagFile] != nil || f.Value.Type() == "bool" {
			return
		}
		if err := command.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
			panic(err) // a flag registered twice
		}
	})
}

// flagError says what is wrong with a flag.
func flagError(err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var valueless *pflag.ValueRequiredError
	var syntax *pflag.InvalidSyntaxError
	reason := err.Error()
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		reason = fmt.Sprintf("flag provided but not defined: -%s (before arguments that start with a dash put --)",
			unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		reason = "flag provided but not defined: --" + unknown.GetSpecifiedName()
	case errors.As(err, &invalid):
		reason = fmt.Sprintf("invalid value %q for flag --%s: %s", invalid.GetValue(), invalid.GetFlag().Name, cause(invalid))
	case errors.As(err, &valueless):
		reason = "flag needs a value: --" + valueless.GetFlag().Name
	case errors.As(err, &syntax):
		reason = "no flag is written like this: " + syntax.GetSpecifiedFlag()
	}
	return &UsageError{reason}
}

// cause is why a value cannot be, in fewer words than package strconv and package time make of it.
func cause(err *pflag.InvalidValueError) string {
	switch err.GetFlag().Value.Type() {
	case "int":
		return "it is no number"
	case "bool":
		return "it is true or false"
	case "duration":
		return "it is a time such as 500ms, 5s or 1m"
	}
	return strings.TrimPrefix(err.Unwrap().Error(), "strconv.")
}
