// Viche is a city's instance and the tools around it, in one program. Each
// command has a file of its own, which holds its flags and what it does;
// everything that it does to an instance, it does through package city.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"viche/internal/locale"
)

// commands is the whole command line.
type commands struct {
	Demo        demoCommand         `cmd:"" help:"Run three cities and their coordinator with sample data on one port."`
	Serve       serveCommand        `cmd:"" help:"Run one instance from its settings."`
	Check       checkCommand        `cmd:"" help:"Print the settings as understood; exit 1 with every fault named."`
	Migrate     migrateCommand      `cmd:"" help:"Bring the database's schema up."`
	Admin       adminCommands       `cmd:"" help:"Work on an instance, whether or not it is running."`
	Territories territoriesCommands `cmd:"" help:"The register of territories (KATOTTG)."`
	Verify      verifyCommand       `cmd:"" help:"Recompute a published result from what was signed."`
	Health      healthCommand       `cmd:"" help:"Ask the server on this machine whether it is ready; exit 0 if so."`
	Version     versionCommand      `cmd:"" help:"Print the program's version."`
}

// world is what a command may touch besides its flags.
type world struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	words    *locale.Printer // of the opened instance; nil before
}

func main() {
	w := &world{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}
	os.Exit(run(os.Args[1:], w))
}

// The exit codes: a command that could not do its work, and one that was
// called wrongly.
const (
	exitFailed = 1
	exitUsage  = 2
)

// errUsage marks flags that don't go together.
var errUsage = errors.New("see --help")

func run(args []string, w *world) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the work in order, the second one at once.
	context.AfterFunc(ctx, stop)

	var c commands
	parser, err := kong.New(&c,
		kong.Name("viche"),
		kong.Description("Viche: polls in which every verified resident has one vote."),
		kong.Vars{"scopes": defaultScopes},
		kong.Writers(w.out, w.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Bind(w, &c),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // a mistake in the tags above
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	call, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(w.err, "viche: %v (%s)\n", err, helpFor(args))
		return exitUsage
	}
	if err := call.Run(); err != nil {
		w.tell(err)
		if errors.Is(err, errUsage) {
			return exitUsage
		}
		return exitFailed
	}
	return 0
}

// helpFor names the command line that explains the command which was tried.
func helpFor(args []string) string {
	line := "viche"
	for _, arg := range args[:min(len(args), 3)] {
		if strings.HasPrefix(arg, "-") {
			break
		}
		line += " " + arg
	}
	return "see " + line + " --help"
}
