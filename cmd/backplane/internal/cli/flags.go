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
	flagGroup  = "backplane_group"  // the title under which the help lists the flag
	flagValues = "backplane_values" // the possible values
	flagFile   = "backplane_file"   // set if the value is the name of a file
)

// GroupFlags lists flags under their own title in the help.
func GroupFlags(fs *pflag.FlagSet, title string, names ...string) {
	for _, name := range names {
		annotate(fs, name, flagGroup, title)
	}
}

// FlagValues sets the values that the shell completes for a flag.
func FlagValues(fs *pflag.FlagSet, name string, values ...string) {
	annotate(fs, name, flagValues, values...)
}

// CopyValues sets the completion of a flag as it is in the annotations of another one.
func CopyValues(fs *pflag.FlagSet, name string, annotations map[string][]string) {
	for _, key := range []string{flagValues, flagFile} {
		if values := annotations[key]; values != nil {
			annotate(fs, name, key, values...)
		}
	}
}

// FlagFile makes the shell complete names of files for a flag.
func FlagFile(fs *pflag.FlagSet, name string) { annotate(fs, name, flagFile, "") }

func annotate(fs *pflag.FlagSet, name, key string, values ...string) {
	if err := fs.SetAnnotation(name, key, values); err != nil {
		panic(err) // the flag is not declared
	}
}

// completeFlags registers the completion of flag values with cobra.
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
			panic(err) // the flag is registered twice
		}
	})
}

// flagError turns an error of pflag into a UsageError.
func flagError(err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var valueless *pflag.ValueRequiredError
	var syntax *pflag.InvalidSyntaxError
	reason := err.Error()
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		reason = fmt.Sprintf("flag provided but not defined: -%s (put -- before arguments that start with a dash)",
			unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		reason = "flag provided but not defined: --" + unknown.GetSpecifiedName()
	case errors.As(err, &invalid):
		reason = fmt.Sprintf("invalid value %q for flag --%s: %s", invalid.GetValue(), invalid.GetFlag().Name,
			expected(invalid))
	case errors.As(err, &valueless):
		reason = "flag needs a value: --" + valueless.GetFlag().Name
	case errors.As(err, &syntax):
		reason = "malformed flag: " + syntax.GetSpecifiedFlag()
	}
	return &UsageError{reason}
}

// expected says what kind of value a flag takes.
func expected(err *pflag.InvalidValueError) string {
	switch err.GetFlag().Value.Type() {
	case "int":
		return "it must be a number"
	case "bool":
		return "it must be true or false"
	case "duration":
		return "it must be a duration such as 500ms, 5s or 1m"
	}
	return strings.TrimPrefix(err.Unwrap().Error(), "strconv.")
}
